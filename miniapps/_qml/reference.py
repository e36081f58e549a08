"""The classifier once more, in plain numpy and gate by gate: the reference for loss, gradient and predictions.

It shares no code with `classifier` or with PennyLane. Each rotation and each CNOT is applied on its own; the gradient
comes from un-computing the circuit (adjoint method), with the derivative of each rotation matrix written out.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Complex = NDArray[np.complex128]


def logits(weights: Floats, states: Floats, classes: int) -> Floats:
    """Return ⟨Z⟩ of the first ``classes`` wires, shape (batch, classes)."""
    final, _ = _forward(weights, states)
    return _read(final, weights.shape[1], classes)


def loss_and_gradient(weights: Floats, states: Floats, labels: NDArray[np.int64], classes: int) -> tuple[float, Floats]:
    """Return the mean cross-entropy of a batch and its gradient, shape (layers, n, 3)."""
    layers, n, _ = weights.shape
    state, _ = _forward(weights, states)
    found = _read(state, n, classes)
    shifted = found - found.max(axis=1, keepdims=True)
    chances = np.exp(shifted) / np.exp(shifted).sum(axis=1, keepdims=True)
    rows = np.arange(len(labels))
    value = float(-np.mean(np.log(chances[rows, labels])))
    chances[rows, labels] -= 1
    bra = _signed(state, chances / len(labels), n)
    gradient = np.zeros_like(weights)
    for layer in reversed(range(layers)):
        state, bra = _ring(state, n, undo=True), _ring(bra, n, undo=True)
        for wire in reversed(range(n)):
            gate = rotation(*weights[layer, wire])
            state = _apply(state, gate.conj().T, wire)
            for which, slope in enumerate(_slopes(*weights[layer, wire])):
                gradient[layer, wire, which] = 2 * np.vdot(bra, _apply(state, slope, wire)).real
            bra = _apply(bra, gate.conj().T, wire)
    return value, gradient


def rotation(phi: float, theta: float, omega: float) -> Complex:
    """Return RZ(ω)·RY(θ)·RZ(φ)."""
    return _rz(omega) @ _ry(theta) @ _rz(phi)


def _slopes(phi: float, theta: float, omega: float) -> tuple[Complex, Complex, Complex]:
    half_z, half_y = np.diag([-0.5j, 0.5j]), np.array([[0, -0.5], [0.5, 0]], dtype=complex)
    return (
        _rz(omega) @ _ry(theta) @ _rz(phi) @ half_z,
        _rz(omega) @ _ry(theta) @ half_y @ _rz(phi),
        half_z @ _rz(omega) @ _ry(theta) @ _rz(phi),
    )


def _rz(angle: float) -> Complex:
    return np.diag([np.exp(-0.5j * angle), np.exp(0.5j * angle)])


def _ry(angle: float) -> Complex:
    c, s = np.cos(angle / 2), np.sin(angle / 2)
    return np.array([[c, -s], [s, c]], dtype=complex)


def _forward(weights: Floats, states: Floats) -> tuple[Complex, int]:
    layers, n, _ = weights.shape
    state = states.astype(complex)
    for layer in range(layers):
        for wire in range(n):
            state = _apply(state, rotation(*weights[layer, wire]), wire)
        state = _ring(state, n)
    return state, n


def _apply(state: Complex, gate: Complex, wire: int) -> Complex:
    parts = state.reshape(len(state), 2**wire, 2, -1)
    return np.asarray(np.einsum("ab,xybz->xyaz", gate, parts).reshape(state.shape))


def _ring(state: Complex, n: int, *, undo: bool = False) -> Complex:
    tensor = state.reshape(len(state), *(2,) * n).copy()
    for wire in reversed(range(n)) if undo else range(n):
        target = (wire + 1) % n
        on: list[Any] = [slice(None)] * (n + 1)
        on[1 + wire] = 1
        axis = 1 + target - (target > wire)  # the control's axis is gone in the selection
        tensor[tuple(on)] = np.flip(tensor[tuple(on)], axis=axis).copy()
    return np.asarray(tensor.reshape(state.shape))


def _read(state: Complex, n: int, classes: int) -> Floats:
    tensor = (np.abs(state) ** 2).reshape(len(state), *(2,) * n)
    means = []
    for wire in range(classes):
        others = tuple(axis for axis in range(1, n + 1) if axis != 1 + wire)
        up_down = tensor.sum(axis=others)
        means.append(up_down[:, 0] - up_down[:, 1])
    return np.stack(means, axis=1)


def _signed(state: Complex, factors: Floats, n: int) -> Complex:
    """Return Σ_k factors[:, k]·Z_k·state."""
    tensor = state.reshape(len(state), *(2,) * n)
    total = np.zeros(tensor.shape)
    for wire in range(factors.shape[1]):
        shape = [1] * (n + 1)
        shape[0] = len(state)
        up = factors[:, wire].reshape(shape)
        sign_shape = [1] * (n + 1)
        sign_shape[1 + wire] = 2
        total = total + up * np.array([1.0, -1.0]).reshape(sign_shape)
    return np.asarray((tensor * total).reshape(state.shape))
