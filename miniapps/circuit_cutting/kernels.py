"""What a worker does: states of fragments, subexperiments, or the whole circuit. Answers come with their keys.

Each function takes one portion of work and returns its seconds and ``{key: answer}``, so that no answer depends on the
order in which tasks end, and a portion that was lost is simply done again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import lru_cache, wraps
from typing import TYPE_CHECKING, Any, Final, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from .._circuits.gates import Circuit
from .plan import Fragment
from .states import gram, is_small, states, trimmed
from .variants import Sampler, steps, to_circuit, ups

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

Key = tuple[int, ...]
"""Of a fragment (fragment,); of a subexperiment (fragment, part, variant…); of a published one (fragment, row)."""
_SEEDS: Final = 2**31
Work = TypeVar("Work")
Answers = dict[Key, Any]


@dataclass(frozen=True, slots=True)
class StateWork:
    """Fragments whose Gram numbers are wanted.

    Attributes
    ----------
    fragments
        The pieces.
    backend
        What computes the states.
    single
        Amplitudes in single precision.
    threads
        Threads of the linear algebra.
    """

    fragments: tuple[Fragment, ...]
    backend: Literal["numpy", "jax", "aer"] = "numpy"
    single: bool = False
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Subexperiment:
    """One circuit to sample.

    Attributes
    ----------
    key
        (fragment, part of the observable, choice at each end).
    shots, seed
        Of this circuit.
    """

    key: Key
    shots: int
    seed: int


@dataclass(frozen=True, slots=True)
class SampleWork:
    """Subexperiments of some fragments, and how Aer samples them."""

    fragments: Mapping[int, Fragment]
    experiments: tuple[Subexperiment, ...]
    sampler: Sampler


@dataclass(frozen=True, slots=True)
class PublishedWork:
    """One subexperiment as qiskit-addon-cutting made it."""

    key: Key
    circuit: QuantumCircuit
    shots: int
    seed: int
    sampler: Sampler


@dataclass(frozen=True, slots=True)
class WholeWork:
    """The uncut circuit: exact expectation values of Pauli strings."""

    circuit: Circuit
    paulis: tuple[str, ...]
    method: Literal["statevector", "matrix_product_state"]
    sampler: Sampler


def _timed(function: Callable[[Work], Answers]) -> Callable[[Work], tuple[float, Answers]]:
    """Return the function with the seconds it took before its answers."""

    @wraps(function)
    def timed(work: Work) -> tuple[float, Answers]:
        start_s = time.perf_counter()
        answers = function(work)
        return time.perf_counter() - start_s, answers

    return timed


@_timed
def run_states(work: StateWork) -> Answers:
    """Return the Gram numbers of each fragment; see `states.gram`."""
    small = all(is_small(fragment) for fragment in work.fragments)  # no library takes a second thread for these
    with nullcontext() if small else _pools().limit(limits=work.threads):
        return {(f.index,): _grams(f, work) for f in work.fragments}


@lru_cache(maxsize=1)
def _pools() -> Any:
    """Return the thread pools of numpy's libraries; looking for them takes longer than a small fragment."""
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]  # ships no types

    return ThreadpoolController()


def _grams(fragment: Fragment, work: StateWork) -> NDArray[np.complex128]:
    needed = trimmed(fragment)
    if work.backend == "aer":
        from .aer_states import states_by_aer

        return gram(needed, states_by_aer(needed, single=work.single, threads=work.threads))
    if work.backend == "numpy":
        return gram(needed, states(needed, single=work.single))
    import jax

    with jax.enable_x64(not work.single):
        return gram(needed, states(needed, single=work.single, like=jax.numpy.zeros(())))


@_timed
def run_subexperiments(work: SampleWork) -> Answers:
    """Return the number of +1 outcomes and of shots of each; (0, 0) if the outcome cannot be other than +1."""
    found: Answers = {}
    for experiment in work.experiments:
        index, part, *variant = experiment.key
        fragment = work.fragments[index]
        made = steps(fragment, tuple(variant), fragment.paulis[part])
        certain = not any(kind == "measure" for kind, _, _ in made) or experiment.shots == 0
        if certain:
            found[experiment.key] = 0, 0
            continue
        plus = ups(to_circuit(made), experiment.shots, seed=experiment.seed, sampler=work.sampler)
        found[experiment.key] = plus, experiment.shots
    return found


@_timed
def run_published(work: PublishedWork) -> Answers:
    """Return the outcomes of the observable's and the decomposition's measurements, shape (shots, bytes) each."""
    from qiskit_aer.primitives import SamplerV2

    sampler = SamplerV2(
        default_shots=work.shots,
        seed=work.seed % _SEEDS,
        options={
            "backend_options": {
                "method": "statevector",
                "precision": work.sampler.precision,
                "device": work.sampler.device,
                "max_parallel_threads": work.sampler.threads,
            }
        },
    )
    data = sampler.run([work.circuit]).result()[0].data
    return {work.key: (data.observable_measurements.array, data.qpd_measurements.array)}


@_timed
def run_whole(work: WholeWork) -> Answers:
    """Return the exact expectation values of the uncut circuit, under the key (0,).

    Aer's truncation is off: up to 0.18 it takes too much from some circuits (qiskit-aer issue 2442).
    """
    import qiskit_aer.library  # noqa: F401 - adds the save instructions to QuantumCircuit
    from qiskit.quantum_info import Pauli
    from qiskit_aer import AerSimulator
    from threadpoolctl import threadpool_limits

    from .._circuits.qiskit_io import to_qiskit

    circuit = to_qiskit(work.circuit)
    for number, pauli in enumerate(work.paulis):
        circuit.save_expectation_value(Pauli(pauli), circuit.qubits, label=str(number))
    backend = AerSimulator(
        method=work.method,
        precision=work.sampler.precision if work.method == "statevector" else "double",
        device=work.sampler.device,
        max_parallel_threads=work.sampler.threads,
        enable_truncation=False,
    )
    with threadpool_limits(limits=work.sampler.threads, user_api="openmp"):
        result = backend.run(circuit, shots=1).result()
    if not result.success:
        raise RuntimeError(f"Aer: {result.status}")
    return {(0,): np.array([float(result.data(0)[str(i)]) for i in range(len(work.paulis))])}
