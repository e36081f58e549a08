"""Subexperiments that a quantum computer can run: built, pruned to their light cone, sampled on Aer. Worker side."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from .._circuits.gates import Circuit
from .._circuits.qiskit_io import to_qiskit
from .basis import MEASURE, RESET, basis
from .plan import End, Fragment

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

Step = tuple[str, tuple[int, ...], Any]
"""``"gate"``, ``"measure"`` or ``"reset"``; qubits; the instruction of a gate."""
_SEEDS: Final = 2**31


@dataclass(frozen=True, slots=True)
class Sampler:
    """How Aer samples.

    Attributes
    ----------
    precision, device, threads
        As Aer's ``precision``, ``device`` and ``max_parallel_threads``.
    branching
        Let Aer branch at mid-circuit measurements instead of simulating each shot.
    """

    precision: str = "double"
    device: str = "CPU"
    threads: int = 1
    branching: bool = False


def steps(fragment: Fragment, variant: tuple[int, ...], pauli: str) -> list[Step]:
    """Return the subexperiment: local operation ``variant[i]`` at end ``i``, then ``pauli`` measured.

    Gates and resets that no measurement depends on are left out. Without any measurement the outcome is always +1.
    """
    made: list[Step] = []
    choices = iter(variant)
    for op in fragment.ops:
        if isinstance(op, End):
            made += _local(op, next(choices))
        else:
            made.append(("gate", op[1], _instruction(op[0], op[2])))
    n = fragment.n_qubits
    for qubit in range(n):
        letter = pauli[n - 1 - qubit]
        if letter in "XY":
            made.append(("gate", (qubit,), _instruction("h" if letter == "X" else "sx", ())))
        if letter != "I":
            made.append(("measure", (qubit,), None))
    return _pruned(made)


def _local(end: End, choice: int) -> list[Step]:
    found: list[Step] = []
    for operation in basis(end.name, end.params).locals[end.side][choice]:
        if operation.name == RESET:  # of a wire: a fresh qubit is in |0⟩ already, and a given-up one is not looked at
            if end.side == 1 and end.reused:
                found.append(("reset", (end.qubit,), None))
        elif operation.name == MEASURE:
            found.append(("measure", (end.qubit,), None))
        else:
            found.append(("gate", (end.qubit,), operation))
    return found


def _pruned(made: list[Step]) -> list[Step]:
    live: set[int] = set()
    kept: list[Step] = []
    for step in reversed(made):
        kind, qubits, _ = step
        if kind == "measure":
            live |= set(qubits)
        elif not live & set(qubits):
            continue
        elif kind == "reset":
            live -= set(qubits)
        else:
            live |= set(qubits)
        kept.append(step)
    return kept[::-1]


def measures_in_mid_circuit(made: list[Step]) -> bool:
    """Tell whether something follows a measurement on its qubit."""
    done: set[int] = set()
    for kind, qubits, _ in made:
        if done & set(qubits):
            return True
        if kind == "measure":
            done |= set(qubits)
    return False


def to_circuit(made: list[Step]) -> QuantumCircuit:
    """Return the steps as a circuit on the qubits that they use, a classical bit for each measurement."""
    from qiskit import QuantumCircuit

    used = sorted({q for _, qubits, _ in made for q in qubits})
    new = {q: i for i, q in enumerate(used)}
    circuit = QuantumCircuit(len(used), sum(kind == "measure" for kind, _, _ in made))
    bit = 0
    for kind, qubits, operation in made:
        where = [new[q] for q in qubits]
        if kind == "gate":
            circuit.append(operation, where)
        elif kind == "reset":
            circuit.reset(where)
        else:
            circuit.measure(where[0], bit)
            bit += 1
    return circuit


def ups(circuit: QuantumCircuit, shots: int, *, seed: int, sampler: Sampler) -> int:
    """Return how many shots have an even number of ones: the +1 outcomes."""
    result = _backend(sampler).run(circuit, shots=shots, seed_simulator=seed % _SEEDS).result()
    if not result.success:
        raise RuntimeError(f"Aer: {result.status}")
    counts = result.data(0)["counts"]
    return int(sum(count for outcome, count in counts.items() if int(outcome, 16).bit_count() % 2 == 0))


@lru_cache(maxsize=4)
def _backend(sampler: Sampler) -> Any:
    from qiskit_aer import AerSimulator

    return AerSimulator(
        method="statevector",
        precision=sampler.precision,
        device=sampler.device,
        max_parallel_threads=sampler.threads,
        max_parallel_experiments=1,
        shot_branching_enable=sampler.branching,
        shot_branching_sampling_enable=sampler.branching,
    )


@lru_cache(maxsize=4096)
def _instruction(name: str, params: tuple[float, ...]) -> Any:
    qubits = 3 if name in ("ccx", "cswap") else 1 + _on_two(name)
    return to_qiskit(Circuit(qubits, ((name, tuple(range(qubits)), params),))).data[0].operation


def _on_two(name: str) -> int:
    from .._circuits.gates import GATES

    return int(GATES[name][0] == 2)
