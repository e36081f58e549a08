"""What B.1 is measured against: the same circuits through Qiskit Aer, without this project's runtime.

The circuits are built from the same recipes, inside the measured time on both sides; everything else is Qiskit's and
Ray's public interface.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from itertools import chain
from multiprocessing import get_context
from typing import Any

from miniapps._circuits import CircuitSpec
from miniapps._circuits.families import build
from miniapps._circuits.qiskit_io import to_qiskit

Answer = dict[str, int] | list[float]
"""Counts by hexadecimal outcome, or expectation values."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked of each circuit.

    Attributes
    ----------
    shots
        Shots of a sampler; 0 asks for exact expectation values.
    paulis
        Observables, as Pauli strings; needed if ``shots`` is 0.
    """

    shots: int = 0
    paulis: tuple[str, ...] = ()


def aer_tight_loop(
    specs: Sequence[CircuitSpec], question: Question, *, threads: int = 1, experiments: int = 1
) -> list[Answer]:
    """Build all circuits and run them in one ``AerSimulator.run`` call of this process.

    Parameters
    ----------
    threads
        ``max_parallel_threads`` of Aer; 0 means all cores.
    experiments
        ``max_parallel_experiments``: circuits at a time.
    """
    import qiskit_aer.library  # noqa: F401 - adds the save instructions to QuantumCircuit
    from qiskit.quantum_info import Pauli

    circuits = [to_qiskit(build(spec), measure=question.shots > 0) for spec in specs]
    for circuit in circuits:
        for number, pauli in enumerate(question.paulis):
            circuit.save_expectation_value(Pauli(pauli), circuit.qubits, label=str(number))
    simulator = _simulator(threads, experiments)
    result = simulator.run(circuits, shots=max(1, question.shots), seed_simulator=specs[0].seed % 2**31).result()
    if not result.success:
        raise RuntimeError(f"Aer: {result.status}")
    data = [result.data(position) for position in range(len(circuits))]
    if question.shots:
        return [entry["counts"] for entry in data]
    return [[float(entry[str(number)]) for number in range(len(question.paulis))] for entry in data]


@lru_cache(maxsize=8)
def _simulator(threads: int, experiments: int) -> Any:
    from qiskit_aer import AerSimulator

    return AerSimulator(
        method="statevector", max_parallel_threads=threads, max_parallel_experiments=experiments, max_parallel_shots=1
    )


class AerProcesses:
    """Aer on all cores without threads: a pool of processes, each of which runs its share as one batch."""

    def __init__(self, processes: int) -> None:
        self.processes = processes
        self._pool = ProcessPoolExecutor(processes, mp_context=get_context("spawn"))

    def run(self, specs: Sequence[CircuitSpec], question: Question) -> list[Answer]:
        """Run the circuits, dealt out to the processes in equal shares; answers in the order of ``specs``."""
        size = -(-len(specs) // self.processes)
        shares = [specs[start : start + size] for start in range(0, len(specs), size)]
        return list(chain.from_iterable(self._pool.map(aer_tight_loop, shares, [question] * len(shares))))

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown()


@contextmanager
def private_ray(cpus: int) -> Iterator[None]:
    """Start a Ray cluster of this process's own, and end it."""
    import ray

    ray.init(address="local", num_cpus=cpus, include_dashboard=False, log_to_driver=False)
    try:
        yield
    finally:
        ray.shutdown()


def ray_task_per_circuit(specs: Sequence[CircuitSpec], question: Question) -> list[Answer]:
    """Run every circuit as a Ray task of its own, through a remote function that is made anew for each.

    That is how the published prototype submits a task. The task itself is the tight loop on one circuit, with an
    ``AerSimulator`` that its worker keeps.
    """
    import ray

    def execute(spec: CircuitSpec, asked: Question) -> Answer:
        return aer_tight_loop([spec], asked)[0]

    return list(ray.get([ray.remote(execute).remote(spec, question) for spec in specs]))
