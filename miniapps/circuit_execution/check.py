"""Is the answer right? A seeded sample of the circuits against simulators that share nothing with Aer.

Driver side, outside every timed stage. The reference is our own dense state vector up to 24 qubits, and beyond it our
own matrix-product state, which is exact for weakly entangled circuits. What neither can hold is ``unchecked``.

- Exact values must agree within the tolerance.
- Shots are tested by exact binomial tails. Outcomes are ordered by their reference probability and cut into bins; the
  count of each bin is Binomial(shots, its probability). With ``t`` tests in all, one fails if a tail is smaller than
  rate/(2t), so that by the union bound right answers fail with at most the stated rate, at any number of shots.
- Wide registers have no table of outcomes: there the parities of each bit, each pair of neighbours and all bits are
  tested, whose probabilities are (1 ± ⟨Z…Z⟩)/2.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, bdtrc

from .._app import Measurement, Verdict
from .._circuits import dense, mps
from .._circuits.families import build
from .._circuits.gates import Circuit
from .._circuits.qiskit_io import NotAGateList
from .flow import digest, ensemble
from .kernels import Samples, Values

if TYPE_CHECKING:
    from .params import CircuitExecution

DENSE_QUBITS: Final = 24
_MAX_BOND: Final = 64
_BUDGET_S: Final = 30.0
_FEWEST: Final = 4
# Rough costs of the dense reference on one core, in seconds; they only bound how many circuits are checked.
_CIRCUIT_S: Final = 0.01
_AMPLITUDE_S: Final = 3e-8
_SAMPLE_STREAM: Final = 2
_BINS: Final = 64
_EXPECTED_PER_BIN: Final = 10
_IMPOSSIBLE: Final = 1e-12
_ROUNDING: Final = 1e-14

_remembered: dict[tuple[CircuitExecution, str], Verdict] = {}


@dataclass(frozen=True, slots=True)
class _Test:
    """One number against its reference.

    Attributes
    ----------
    value, expected
        The number and the reference, in the unit that is reported.
    ups, shots, chance
        Behind a number that was sampled: ``ups`` is Binomial(``shots``, ``chance``) if all is well.
    scale
        Reported unit per fraction of shots.
    """

    value: float
    expected: float
    ups: int = 0
    shots: int = 0
    chance: float = 0.0
    scale: float = 1.0


def check(params: CircuitExecution, measurement: Measurement) -> Verdict:
    """Compare a sample of the answers with the reference.

    The same answers, to the last bit, of the same parameters get the verdict that they got before in this process.
    """
    answer = measurement.answer
    key = (params, digest(answer))
    if key not in _remembered:
        if len(_remembered) >= 1024:
            _remembered.clear()
        _remembered[key] = _malformed(params, answer) or _judged(params, answer)
    return _remembered[key]


def _malformed(params: CircuitExecution, answer: Samples | Values) -> Verdict | None:
    """Return a failing verdict if answers are missing, not finite, or not of the asked number of shots."""
    if isinstance(answer, Values):
        wanted = (params.n_circuits, len(params.paulis()))
        if answer.values.shape == wanted and np.isfinite(answer.values).all():
            return None
        return Verdict("fail", "shape", detail=f"values of shape {answer.values.shape} or not finite; asked: {wanted}")
    if len(answer.sizes) != params.n_circuits or (answer.sizes < 1).any():
        return Verdict("fail", "shape", detail=f"samples of {len(answer.sizes)} circuits; asked: {params.n_circuits}")
    ends = np.cumsum(answer.sizes)
    totals = np.diff(np.cumsum(answer.counts)[ends - 1], prepend=0)
    wrong = np.flatnonzero(totals != params.shots)
    if wrong.size:
        i = int(wrong[0])
        return Verdict("fail", "shots", float(totals[i]), params.shots, 0, f"circuit {i} has another number of shots")
    return None


def _judged(params: CircuitExecution, answer: Samples | Values) -> Verdict:
    if params.check_fraction == 0:
        return Verdict("unchecked", detail="check_fraction = 0")
    tests: list[_Test] = []
    oracles: set[str] = set()
    reason = ""
    chosen = _chosen(params)
    for index in chosen:
        try:
            oracle, found = _tests(params, answer, index)
        except NotAGateList as error:
            reason = f"circuit {index}: {error}"
            continue
        except mps.TooEntangled as error:  # and so will the others be, after as long a time
            reason = f"circuit {index}: {error}"
            break
        oracles.add(oracle)
        tests += found
    if not tests:
        return Verdict("unchecked", detail=f"no independent reference: {reason}")
    detail = f"{len(chosen)} of {params.n_circuits} circuits, {len(tests)} numbers" + (
        reason and f"; left out {reason}"
    )
    oracle = " and ".join(sorted(oracles))
    if params.shots:
        return _worst_count(tests, params.false_alarm_rate, oracle, detail)
    return _worst_value(tests, params.tolerance or _tolerance(params), oracle, detail)


def _chosen(params: CircuitExecution) -> list[int]:
    """Return the circuits to check: a seeded sample of the asked share, or of what the budget allows."""
    spec = ensemble(params).spec(0)
    width = min(params.n_qubits, DENSE_QUBITS)
    try:
        work = len(dense.blocks(build(spec).gates))
    except NotAGateList:
        work = 1
    affordable = int(_BUDGET_S / (_CIRCUIT_S + _AMPLITUDE_S * work * 2**width))
    fraction = max(_FEWEST, ceil(params.check_fraction * params.n_circuits))
    wanted = min(fraction, max(1, affordable), params.n_circuits)
    rng = np.random.default_rng((params.seed, _SAMPLE_STREAM))
    return sorted(rng.choice(params.n_circuits, size=wanted, replace=False).tolist())


def _tests(params: CircuitExecution, answer: Samples | Values, index: int) -> tuple[str, list[_Test]]:
    """Return the name of the reference and what it says about one circuit."""
    circuit = build(ensemble(params).spec(index))
    if circuit.n_qubits <= DENSE_QUBITS:
        state = dense.statevector(circuit)
        if isinstance(answer, Samples):
            table = dense.probabilities(state, circuit.measured)
            return "dense state vector", list(_bins(table, *_of(answer, index)))
        expected = [dense.expectation(state, pauli) for pauli in params.paulis()]
        return "dense state vector", _against(answer.values[index], expected, params.shots)
    line = mps.run(circuit, _MAX_BOND)
    if isinstance(answer, Samples):
        return "matrix-product state, parities", list(_parities(line, circuit, *_of(answer, index)))
    expected = [line.expectation(pauli) for pauli in params.paulis()]
    return "matrix-product state", _against(answer.values[index], expected, params.shots)


def _of(answer: Samples, index: int) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    stop = int(answer.sizes[: index + 1].sum())
    rows = slice(stop - int(answer.sizes[index]), stop)
    return answer.outcomes[rows], answer.counts[rows]


def _against(values: NDArray[np.float64], expected: Sequence[float], shots: int) -> list[_Test]:
    pairs = list(zip(values.tolist(), expected, strict=True))
    if not shots:
        return [_Test(value, right) for value, right in pairs]
    return [_Test(v, e, round(shots * (1 + v) / 2), shots, _clipped((1 + e) / 2), 2.0) for v, e in pairs]


def _bins(table: NDArray[np.float64], outcomes: NDArray[np.uint64], counts: NDArray[np.int64]) -> Iterator[_Test]:
    """Cut the outcomes, likely ones first, into bins of about equal probability; impossible ones are a bin as well."""
    shots = int(counts.sum())
    number = max(1, min(_BINS, shots // _EXPECTED_PER_BIN))
    order = np.argsort(-table, kind="stable")
    likely = table[order]
    middle = np.cumsum(likely) - likely / 2
    bins = np.minimum((middle / table.sum() * number).astype(np.int16), number - 1)
    bins[likely < _IMPOSSIBLE] = number
    of = np.empty_like(bins)
    of[order] = bins
    chances = np.bincount(of, weights=table, minlength=number + 1) / table.sum()
    valid = (outcomes[:, 1:] == 0).all(axis=1) & (outcomes[:, 0] < table.size)
    where = np.where(valid, of[np.where(valid, outcomes[:, 0], 0).astype(np.int64)], number)
    seen = np.bincount(where, weights=counts, minlength=number + 1)
    for ups, chance in zip(seen.tolist(), chances.tolist(), strict=True):
        if ups or chance:
            yield _Test(ups / shots, chance, int(ups), shots, _clipped(chance))


def _parities(
    line: mps.MatrixProductState, circuit: Circuit, outcomes: NDArray[np.uint64], counts: NDArray[np.int64]
) -> Iterator[_Test]:
    bits = len(circuit.bits)
    shots = int(counts.sum())
    masks = [1 << bit for bit in range(bits)] + [3 << bit for bit in range(bits - 1)] + [(1 << bits) - 1]
    for mask in masks:
        letters = ["I"] * circuit.n_qubits
        for bit, qubit in enumerate(circuit.bits):
            if mask >> bit & 1:
                letters[circuit.n_qubits - 1 - qubit] = "Z"
        even = int(counts[_parity(outcomes, mask) == 0].sum())
        chance = (1 + line.expectation("".join(letters))) / 2
        yield _Test(even / shots, chance, even, shots, _clipped(chance))


def _parity(outcomes: NDArray[np.uint64], mask: int) -> NDArray[np.int64]:
    words = outcomes.shape[1]
    parts = np.array([(mask >> (64 * word)) % 2**64 for word in range(words)], dtype=np.uint64)
    ones: NDArray[np.int64] = np.bitwise_count(outcomes & parts).sum(axis=1, dtype=np.int64)
    return ones & 1


def _clipped(chance: float) -> float:
    """Keep a chance away from 0 and 1 by rounding errors' worth, which the simulators may have."""
    return min(max(chance, _ROUNDING), 1 - _ROUNDING)


def _tolerance(params: CircuitExecution) -> float:
    if params.precision == "single":
        return 1e-4
    return 1e-6 if params.method == "matrix_product_state" else 1e-9


def _worst_value(tests: list[_Test], tolerance: float, oracle: str, detail: str) -> Verdict:
    worst = max(tests, key=lambda test: abs(test.value - test.expected))
    passed = abs(worst.value - worst.expected) <= tolerance
    note = f"{detail}; the largest error is shown"
    return Verdict("pass" if passed else "fail", oracle, worst.value, worst.expected, tolerance, note)


def _worst_count(tests: list[_Test], rate: float, oracle: str, detail: str) -> Verdict:
    limit = rate / (2 * len(tests))
    worst = min(tests, key=_tail)
    tail = _tail(worst)
    passed = tail >= limit
    note = f"{detail}; the smallest tail is {tail:.2g}, the limit {limit:.2g} for a false-alarm rate of {rate:g}"
    return Verdict("pass" if passed else "fail", oracle, worst.value, worst.expected, _allowed(worst, limit), note)


def _tail(test: _Test) -> float:
    """Return the smaller of P(X ≤ ups) and P(X ≥ ups)."""
    return min(_at_most(test, test.ups), _at_least(test, test.ups))


def _at_most(test: _Test, ups: int) -> float:
    return float(bdtr(ups, test.shots, test.chance))


def _at_least(test: _Test, ups: int) -> float:
    return float(bdtrc(ups - 1, test.shots, test.chance)) if ups else 1.0


def _allowed(test: _Test, limit: float) -> float:
    """Return the largest deviation, on the side of this one, that the limit accepts, in the reported unit."""
    counts = range(test.shots + 1)
    if test.value > test.expected:
        edge = bisect_left(counts, True, key=lambda ups: _at_least(test, ups) < limit) - 1
    else:
        edge = bisect_left(counts, True, key=lambda ups: _at_most(test, ups) >= limit)
    return test.scale * abs(edge / test.shots - test.chance)
