"""Is the answer right? Values and gradients against simulators that share no code with the one that computed them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from .._app import Measurement, Verdict
from .._circuits.dense import expectation, statevector
from .._circuits.families import build
from .._circuits.gates import Circuit
from .flow import spec

if TYPE_CHECKING:
    from .kernels import Share
    from .params import DistributedStateVector

_DENSE_QUBITS: Final = 20
_LIGHTNING_QUBITS: Final = 26
_SLOPE_QUBITS: Final = 24
_SHIFTED: Final = 2
_SMALL: Final = 16
_TERMS: Final = 40
_STEP: Final = 1e-3
Floats = NDArray[np.float64]


def check(params: DistributedStateVector, measurement: Measurement) -> Verdict:
    """Compare with our dense state vector up to 20 qubits, with lightning.qubit up to 26; wider ones are unchecked.

    Gradients, up to 24 qubits: some parameters, by differences of the reference's values (fourth order in a step of
    1e-3).
    """
    answer: Share = measurement.answer
    if not all(np.all(np.isfinite(part)) for part in (answer.gradient,) if part is not None):
        return Verdict("fail", oracle="finite numbers", detail="the gradient holds a number that is not finite")
    circuit = build(spec(params))
    reference = _reference(params)
    if reference is None:
        return Verdict("unchecked", detail=_why_unchecked(params))
    oracle, values_of = reference
    found, expected = [], []
    if not np.all(np.isnan(answer.values)):
        expected.append(values_of(circuit))
        found.append(answer.values[: len(expected[0])])
    if answer.gradient is not None:
        measured, right = _slopes(params, circuit, answer.gradient, values_of)
        found.append(measured)
        expected.append(right)
    return _compared(params, oracle, np.concatenate(found), np.concatenate(expected))


def _compared(params: DistributedStateVector, oracle: str, found: Floats, expected: Floats) -> Verdict:
    errors = np.abs(found - expected)
    worst = int(np.argmax(np.where(np.isfinite(errors), errors, np.inf)))
    tolerance = params.largest_error
    good = bool(np.all(errors <= tolerance))
    return Verdict(
        "pass" if good else "fail",
        oracle,
        float(found[worst]),
        float(expected[worst]),
        tolerance,
        f"largest error of {len(found)} numbers: {errors[worst]:.2g}",
    )


def _slopes(
    params: DistributedStateVector, circuit: Circuit, gradient: Floats, values_of: Any
) -> tuple[Floats, Floats]:
    """Return some derivatives of the weighted sum, as found and as differences of the reference."""
    factors = np.array([term.factor for term in params.terms()])[:_TERMS]
    whole = gradient if gradient.ndim == 1 else factors @ gradient[: len(factors)]
    if gradient.ndim == 1 and len(params.terms()) > _TERMS:
        return np.zeros(0), np.zeros(0)
    count = gradient.shape[-1]
    chosen = np.random.default_rng(params.seed).choice(
        count, min(_SHIFTED if params.n_qubits <= _SMALL else 1, count), replace=False
    )
    step = _STEP

    def at(place: int, shift: float) -> float:
        return float(factors @ values_of(shifted(circuit, place, shift)))

    right = [
        (8 * (at(place, step) - at(place, -step)) - (at(place, 2 * step) - at(place, -2 * step))) / (12 * step)
        for place in chosen.tolist()
    ]
    return whole[chosen], np.array(right)


def shifted(circuit: Circuit, place: int, shift: float) -> Circuit:
    """Return the circuit with its parameter number ``place``, counted over all gates, moved by ``shift``."""
    gates, at = [], 0
    for name, qubits, params in circuit.gates:
        moved = tuple(value + shift * (at + index == place) for index, value in enumerate(params))
        at += len(params)
        gates.append((name, qubits, moved))
    return replace(circuit, gates=tuple(gates))


def _reference(params: DistributedStateVector) -> tuple[str, Any] | None:
    terms = params.terms()[:_TERMS]
    if params.n_qubits <= _DENSE_QUBITS:

        def dense(circuit: Circuit) -> Floats:
            state = statevector(circuit)
            return np.array([expectation(state, term.pauli) for term in terms])

        return "dense state vector (numpy)", dense
    widest = _LIGHTNING_QUBITS if params.mode == "expval" else _SLOPE_QUBITS
    if params.n_qubits <= widest and params.simulator != "lightning":
        return _lightning(params)
    if params.method == "stabilizer" and params.simulator != "stim":
        return None
    return _product_formula(params)


def _lightning(params: DistributedStateVector) -> tuple[str, Any] | None:
    try:
        from . import lightning_simulator as lightning
    except ImportError:
        return None
    from .flow import job

    asked = replace(job(params), mode="expval", double=True, terms=params.terms()[:_TERMS])  # its sums are single else

    def values_of(circuit: Circuit) -> Floats:
        node = lightning.node_of(asked, circuit)
        return lightning.evaluate(asked, node, lightning.parameters_of(circuit))[0]

    return "lightning.qubit", values_of


def _product_formula(params: DistributedStateVector) -> tuple[str, Any] | None:
    """Return the reference of weakly entangled circuits of any width: our matrix-product state."""
    from .._circuits import FAMILIES

    family = FAMILIES.get(params.family)
    if family is None or family.bond_bits(params.n_qubits, params.layers) > 6:
        return None
    from .._circuits import mps

    def values_of(circuit: Circuit) -> Floats:
        state = mps.run(circuit)
        return np.array([state.expectation(term.pauli) for term in params.terms()[:_TERMS]])

    return "matrix-product state (numpy)", values_of


def _why_unchecked(params: DistributedStateVector) -> str:
    return (
        f"{params.n_qubits} qubits in mode {params.mode!r}: references here are a dense state vector up to "
        f"{_DENSE_QUBITS} qubits, lightning.qubit up to {_LIGHTNING_QUBITS} (gradients: {_SLOPE_QUBITS}), and a "
        "matrix-product state for weakly entangled circuits"
    )
