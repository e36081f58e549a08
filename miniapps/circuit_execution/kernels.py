"""What a worker does: build the circuits of a batch from their recipe, run them, return numbers.

Every circuit has its own seed, so its answer does not depend on which others share its batch, on the order, or on the
engine. Where it comes from:

- Expectation values with ``shots = 0`` are Aer's own exact values.
- Expectation values with ``shots > 0``: each observable is measured alone, ``shots`` times. The number of +1 outcomes
  has exactly the distribution Binomial(shots, (1 + ⟨P⟩)/2) and is drawn from it.
- Samples of few qubits: Aer computes all outcome probabilities, and ``shots`` independent outcomes are drawn from them
  by inverting the cumulative distribution. That is how Aer samples a final state too; but within one call Aer seeds
  circuit ``i`` by the first one's seed + 2113·i, so that its own samples depend on the position in the batch.
- Samples of many qubits, and of user's circuits that measure before their end: one Aer call a circuit, with its seed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from .._circuits.families import build, sample_generator
from .._circuits.gates import Circuit
from .._circuits.qiskit_io import NotAGateList, load_circuits
from .._circuits.spec import CircuitSpec, Ensemble
from .aer import Simulator, counts, exact
from .observables import paulis

if TYPE_CHECKING:
    from qiskit import QuantumCircuit

DRAWN_QUBITS: Final = 18
"""Widest register whose outcomes are drawn from all their probabilities, with any method."""
GROUP_BYTES: Final = 16 * 2**20
"""Answers that are held at a time before they are reduced, unless one circuit has more."""
_DRAWN_HERE: Final = {"statevector": DRAWN_QUBITS, "density_matrix": 12, "matrix_product_state": 12}
_DRAWN_HERE_OTHERWISE: Final = 10
_AER_SEEDS: Final = 2**31
_WORD: Final = 64

_Counted = tuple[NDArray[np.uint64], NDArray[np.int64]]
"""Distinct outcomes, shape (m, words), and how often each was seen, shape (m,)."""


@dataclass(frozen=True, slots=True)
class Job:
    """What is common to all batches of a case.

    Attributes
    ----------
    ensemble
        The circuits.
    observables
        See `observables.paulis`; empty for a sampler.
    shots
        0 for exact expectation values.
    simulator
        How Aer computes.
    """

    ensemble: Ensemble
    observables: str
    shots: int
    simulator: Simulator


@dataclass(frozen=True, slots=True)
class Batch:
    """The circuits ``start`` … ``stop - 1`` of a job: what one task carries."""

    job: Job
    start: int
    stop: int


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Outcomes of several circuits, one after the other.

    Attributes
    ----------
    outcomes
        Distinct outcomes in rising order per circuit, shape (m, words), uint64, lowest 64 bits first; bit ``j`` of an
        outcome is measured bit ``j``.
    counts
        How often each was seen, shape (m,), int64.
    sizes
        How many rows belong to each circuit, shape (circuits,), int64.
    """

    outcomes: NDArray[np.uint64]
    counts: NDArray[np.int64]
    sizes: NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """Expectation values, shape (circuits, observables), float64."""

    values: NDArray[np.float64]


def run_batch(batch: Batch) -> Samples | Values:
    """Run one batch.

    Raises
    ------
    miniapps.circuit_execution.aer.SimulatorError
        If Aer fails.
    miniapps._circuits.qiskit_io.NotAGateList
        If expectation values are asked of a user's circuit that measures before its end.
    """
    job = batch.job
    specs = [job.ensemble.spec(index) for index in range(batch.start, batch.stop)]
    return _estimated(specs, job) if job.observables else _sampled(specs, job)


def draw(probabilities: NDArray[np.floating[Any]], shots: int, seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """Draw ``shots`` independent outcomes.

    Parameters
    ----------
    probabilities
        Of all outcomes; normalised here, which takes away the rounding of the simulator.

    Returns
    -------
    outcomes, counts
        Distinct outcomes in rising order, and how often each was drawn.
    """
    cumulative = np.cumsum(probabilities, dtype=np.float64)
    uniform = sample_generator(seed).random(shots)
    drawn = np.searchsorted(cumulative, uniform * cumulative[-1], side="right")
    np.minimum(drawn, cumulative.size - 1, out=drawn)
    if cumulative.size > 4 * shots:
        return np.unique(drawn, return_counts=True)
    every = np.bincount(drawn, minlength=1)
    outcomes = np.flatnonzero(every)
    return outcomes, every[outcomes]


def _estimated(specs: Sequence[CircuitSpec], job: Job) -> Values:
    wanted = paulis(job.observables, job.ensemble.n_qubits)
    group = max(1, GROUP_BYTES // (256 * len(wanted)))
    rows: list[NDArray[np.float64]] = []
    for some in _groups(specs, group):
        rows += exact([build(spec) for spec in some], wanted, job.simulator)
    values = np.array(rows, dtype=np.float64)
    return Values(values if job.shots == 0 else _with_shots(values, specs, job.shots))


def _with_shots(values: NDArray[np.float64], specs: Sequence[CircuitSpec], shots: int) -> NDArray[np.float64]:
    chance = np.clip((1 + values) / 2, 0, 1)
    ups = [sample_generator(spec.seed).binomial(shots, row) for spec, row in zip(specs, chance, strict=True)]
    return 2 * np.array(ups, dtype=np.float64) / shots - 1


def _sampled(specs: Sequence[CircuitSpec], job: Job) -> Samples:
    limit = _DRAWN_HERE.get(job.simulator.method, _DRAWN_HERE_OTHERWISE)
    group = max(1, GROUP_BYTES // (8 << min(job.ensemble.n_qubits, limit)))
    answers: list[_Counted] = []
    for some in _groups(specs, group):
        circuits = [as_circuit(spec) for spec in some]
        tables = _tables(circuits, limit, job.simulator)
        for position, (circuit, spec) in enumerate(zip(circuits, some, strict=True)):
            if position in tables:
                outcomes, seen = draw(tables[position], job.shots, spec.seed)
                answers.append((outcomes.astype(np.uint64)[:, None], seen))
            else:
                answers.append(_by_aer(circuit, spec.seed, job))
    return packed(answers)


def _tables(
    circuits: Sequence[Circuit | QuantumCircuit], limit: int, simulator: Simulator
) -> dict[int, NDArray[np.float64]]:
    """Return the probabilities, by position, of those circuits that are gate lists of few measured bits."""
    few = {i: c for i, c in enumerate(circuits) if isinstance(c, Circuit) and len(c.bits) <= limit}
    return dict(zip(few, exact(list(few.values()), (), simulator), strict=True)) if few else {}


def _by_aer(circuit: Circuit | QuantumCircuit, seed: int, job: Job) -> _Counted:
    return as_counted(counts(circuit, job.shots, seed=seed % _AER_SEEDS, simulator=job.simulator))


def as_counted(found: dict[int, int]) -> _Counted:
    """Return counts by outcome as arrays."""
    outcomes = sorted(found)
    words = max(1, -(-outcomes[-1].bit_length() // _WORD))
    rows = [[(outcome >> (_WORD * word)) % 2**_WORD for word in range(words)] for outcome in outcomes]
    return np.array(rows, dtype=np.uint64), np.array([found[outcome] for outcome in outcomes], dtype=np.int64)


def packed(answers: Sequence[_Counted]) -> Samples:
    """Return the samples of several circuits, one after the other."""
    words = max(outcomes.shape[1] for outcomes, _ in answers)
    return Samples(
        np.concatenate([_widened(outcomes, words) for outcomes, _ in answers]),
        np.concatenate([seen for _, seen in answers]).astype(np.int64),
        np.array([len(seen) for _, seen in answers], dtype=np.int64),
    )


def _widened(outcomes: NDArray[np.uint64], words: int) -> NDArray[np.uint64]:
    missing = words - outcomes.shape[1]
    return np.pad(outcomes, ((0, 0), (0, missing))) if missing else outcomes


def joined(parts: Sequence[Samples | Values]) -> Samples | Values:
    """Join the answers of consecutive batches into the answer of all circuits."""
    values = [part.values for part in parts if isinstance(part, Values)]
    if values:
        return Values(np.concatenate(values))
    samples = [part for part in parts if isinstance(part, Samples)]
    words = max(part.outcomes.shape[1] for part in samples)
    return Samples(
        np.concatenate([_widened(part.outcomes, words) for part in samples]),
        np.concatenate([part.counts for part in samples]),
        np.concatenate([part.sizes for part in samples]),
    )


def as_circuit(spec: CircuitSpec) -> Circuit | QuantumCircuit:
    """Return the gate list; or the user's circuit itself, made ready for Aer, if it is more than that."""
    try:
        return build(spec)
    except NotAGateList:
        return _ready(spec.path, spec.index)


@lru_cache(maxsize=64)
def _ready(path: str, index: int) -> QuantumCircuit:
    from qiskit import transpile
    from qiskit_aer import AerSimulator

    return transpile(load_circuits(path)[index], AerSimulator(), optimization_level=0)


def _groups(specs: Sequence[CircuitSpec], size: int) -> Iterable[Sequence[CircuitSpec]]:
    return (specs[start : start + size] for start in range(0, len(specs), size))
