"""Is the value right? Driver side, outside every timed stage; against the uncut circuit, never against another cut.

The reference is our own dense state vector of the whole circuit up to 20 qubits, our own matrix-product state beyond,
and for weakly entangled circuits that it refuses, the dense vector again up to 24 qubits. For the published circuits of
34 and 36 qubits it is the closed value. What none can hold is ``unchecked``.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import TYPE_CHECKING, Final

from .._app import Measurement, Verdict
from .._circuits import dense, mps
from .._circuits.gates import Circuit
from .observables import terms

if TYPE_CHECKING:
    from .flow import Answer
    from .params import CircuitCutting

DENSE_QUBITS: Final = 20
_AFFORDABLE_QUBITS: Final = 24
_MAX_BOND: Final = 64
PUBLISHED_ANGLE: Final = 0.4
PUBLISHED: Final = {
    (36, 1): -0.09195910,
    (34, 1): -0.08342955,
    (36, 2): -0.11686612,
    (34, 2): -0.11577964,
}
"""⟨Z⟩ on the last qubit of efficient_su2 by (qubits, reps), all angles 0.4: ``results/paper/cutting_values.csv``."""
_PUBLISHED_ERROR: Final = 5.1e-9
_EXACT: Final = {"double": 1e-10, "single": 2e-5}
_MPS_EXECUTOR: Final = 1e-6
"""Aer's matrix-product state drops small singular values."""

_remembered: dict[tuple[Circuit, str], tuple[str, float | None]] = {}


def check(params: CircuitCutting, measurement: Measurement) -> Verdict:
    """Compare the value with the reference: within the tolerance, or within its own interval if it was sampled."""
    answer: Answer = measurement.answer
    found = answer.estimate
    oracle, expected, rounding = _expected(params, answer.circuit)
    if expected is None:
        return Verdict("unchecked", oracle, found.value, detail="neither dense nor weakly entangled enough")
    tolerance = (params.tolerance or _tolerance(params)) + rounding
    detail = "exact"
    if params.shots:
        sigmas = NormalDist().inv_cdf(1 - params.false_alarm_rate / 2)
        tolerance += sigmas * found.standard_error
        detail = f"sampled; {sigmas:.2f} standard errors of {found.standard_error:.2g}"
    passed = abs(found.value - expected) <= tolerance
    return Verdict("pass" if passed else "fail", oracle, found.value, expected, tolerance, detail)


def _expected(params: CircuitCutting, circuit: Circuit) -> tuple[str, float | None, float]:
    """Return what the value is compared with, the reference, and how exactly it is known."""
    published = PUBLISHED.get((params.n_qubits, params.layers))
    same = (params.family, params.angle, params.observable) == ("efficient_su2", PUBLISHED_ANGLE, "z_last")
    if published is not None and same:
        return "closed value of the published circuit", published, _PUBLISHED_ERROR
    key = circuit, params.observable
    if key not in _remembered:
        if len(_remembered) >= 256:
            _remembered.clear()
        _remembered[key] = reference(circuit, params.observable)
    return (*_remembered[key], 0.0)


def reference(circuit: Circuit, observable: str) -> tuple[str, float | None]:
    """Return the name of the reference and the exact value of the uncut circuit; None if it is out of reach."""
    strings = terms(observable, circuit.n_qubits)
    if circuit.n_qubits > DENSE_QUBITS:
        try:
            line = mps.run(circuit, _MAX_BOND)
            return "matrix-product state", sum(factor * line.expectation(pauli) for factor, pauli in strings)
        except mps.TooEntangled:
            if circuit.n_qubits > _AFFORDABLE_QUBITS:
                return "", None
    state = dense.statevector(circuit)
    return "dense state vector", sum(factor * dense.expectation(state, pauli) for factor, pauli in strings)


def _tolerance(params: CircuitCutting) -> float:
    norm = max(1.0, sum(abs(factor) for factor, _ in terms(params.observable, params.n_qubits)))
    return norm * (_MPS_EXECUTOR if params.executor in ("mps", "auto") else _EXACT[params.precision])
