"""Simulator ``lightning``: PennyLane's lightning.qubit, one process. Worker side.

The packages on PyPI are built without MPI, so the state lies in one process; gates run on one thread, and only the
adjoint Jacobian of several observables uses more.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import reduce
from operator import matmul
from typing import Any, Final

import numpy as np
import pennylane as qml

from .._circuits.gates import Circuit
from .kernels import Job, Share
from .session import Place

_ADJOINT: Final[dict[str, Callable[..., Any]]] = {
    "id": qml.Identity,
    "x": qml.PauliX,
    "y": qml.PauliY,
    "z": qml.PauliZ,
    "h": qml.Hadamard,
    "s": qml.S,
    "sdg": lambda w: qml.PhaseShift(-np.pi / 2, w),
    "t": qml.T,
    "tdg": lambda w: qml.PhaseShift(-np.pi / 4, w),
    "sx": lambda w: qml.RX(np.pi / 2, w),
    "sxdg": lambda w: qml.RX(-np.pi / 2, w),
    "p": qml.PhaseShift,
    "rx": qml.RX,
    "ry": qml.RY,
    "rz": qml.RZ,
    "u": qml.Rot,
    "cx": lambda *w: qml.CNOT(w),
    "cy": lambda *w: qml.CY(w),
    "cz": lambda *w: qml.CZ(w),
    "cp": lambda a, *w: qml.ControlledPhaseShift(a, w),
    "crx": lambda a, *w: qml.CRX(a, w),
    "cry": lambda a, *w: qml.CRY(a, w),
    "crz": lambda a, *w: qml.CRZ(a, w),
    "swap": lambda *w: qml.SWAP(w),
    "rxx": lambda a, *w: qml.IsingXX(a, w),
    "ryy": lambda a, *w: qml.IsingYY(a, w),
    "rzz": lambda a, *w: qml.IsingZZ(a, w),
    "ccx": lambda *w: qml.Toffoli(w),
    "cswap": lambda *w: qml.CSWAP(w),
}
_U_ORDER: Final = (1, 2, 0)
"""Rot(φ, θ, ω) has our u(θ, φ, λ) in the order λ, θ, φ."""


def compute(job: Job, circuit: Circuit, place: Place) -> Share:  # noqa: ARG001 - one process, whatever the place
    """Compute values and gradient; see `kernels.Share`."""
    start = time.perf_counter()
    node = node_of(job, circuit)
    values = parameters_of(circuit)
    phases = {"build": time.perf_counter() - start}
    seconds: list[float] = []
    answer: Any = None
    for _ in range(job.evaluations):
        began = time.perf_counter()
        answer = evaluate(job, node, values)
        seconds.append(time.perf_counter() - began)
    expectations, slopes = answer
    gradient = None if slopes is None else in_our_order(circuit, slopes)
    return Share(expectations, gradient, seconds, phases)


def parameters_of(circuit: Circuit) -> Any:
    """Return all parameters in the order of PennyLane's gates, trainable."""
    flat: list[float] = []
    for name, _, params in circuit.gates:
        flat += [params[2], params[0], params[1]] if name == "u" else list(params)
    return qml.numpy.array(flat, requires_grad=True)


def in_our_order(circuit: Circuit, slopes: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return derivatives (last axis: parameters) in the order of our gates' parameters."""
    order: list[int] = []
    for name, _, params in circuit.gates:
        first = len(order)
        order += [first + place for place in (_U_ORDER if name == "u" else range(len(params)))]
    return slopes[..., order]


def node_of(job: Job, circuit: Circuit) -> Callable[[Any], Any]:
    """Return the circuit as a QNode of all parameters: values of all strings, or their weighted sum for ``vjp``."""
    dtype = np.complex128 if job.double else np.complex64
    device = qml.device("lightning.qubit", wires=circuit.n_qubits, c_dtype=dtype)
    observables = [_observable(term.support) for term in job.terms]

    def run(values: Any) -> Any:
        at = 0
        for name, qubits, params in circuit.gates:
            _ADJOINT[name](*values[at : at + len(params)], *qubits)
            at += len(params)
        if job.mode == "vjp":
            return qml.expval(qml.Hamiltonian(job.weights, observables))
        return [qml.expval(observable) for observable in observables]

    node: Callable[[Any], Any] = qml.QNode(run, device, diff_method="adjoint")
    return node


def evaluate(job: Job, node: Callable[[Any], Any], values: Any) -> tuple[np.ndarray[Any, Any], Any]:
    """Evaluate once; with a gradient the values are no part of the answer (nan)."""
    if job.mode == "expval":
        constants = np.asarray(values)  # where parameters are trainable, lightning computes the Jacobian as well
        return np.array([float(value) for value in node(constants)]), None
    if job.mode == "vjp":
        return np.full(len(job.terms), np.nan), np.asarray(qml.grad(node)(values))
    stacked = qml.jacobian(lambda free: qml.numpy.stack(node(free)))(values)
    return np.full(len(job.terms), np.nan), np.asarray(stacked)


def _observable(support: dict[int, str]) -> Any:
    letters = {"X": qml.PauliX, "Y": qml.PauliY, "Z": qml.PauliZ}
    if not support:
        return qml.Identity(0)
    # A product of one operator is evaluated as a general sum, hundreds of times as slow as the operator itself.
    return reduce(matmul, (letters[letter](qubit) for qubit, letter in support.items()))
