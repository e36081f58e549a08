"""The neutral gate list, and what each gate does.

Names and conventions are Qiskit's: qubit 0 is the lowest bit of a basis state's number, the first qubit of a gate is
the lowest bit of its matrix, ``u(θ, φ, λ)`` as in OpenQASM 3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, pi, sin
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Gate = tuple[str, tuple[int, ...], tuple[float, ...]]
"""Name, qubits, parameters (radians)."""

Matrix = NDArray[Any]
"""Complex, shape (2ᵏ, 2ᵏ)."""


@dataclass(frozen=True, slots=True)
class Circuit:
    """A unitary circuit and what is measured at its end.

    Attributes
    ----------
    n_qubits
        Width.
    gates
        In order of application.
    measured
        Qubit that bit ``j`` of an outcome reads; None means every qubit ``j`` into bit ``j``.
    """

    n_qubits: int
    gates: tuple[Gate, ...]
    measured: tuple[int, ...] | None = None

    @property
    def bits(self) -> tuple[int, ...]:
        """The measured qubits, lowest bit of the outcome first."""
        return tuple(range(self.n_qubits)) if self.measured is None else self.measured


def _matrix(*rows: list[complex]) -> Matrix:
    return np.array(rows, dtype=complex)


def _u(theta: float, phi: float, lam: float) -> Matrix:
    c, s = cos(theta / 2), sin(theta / 2)
    return _matrix([c, -np.exp(1j * lam) * s], [np.exp(1j * phi) * s, np.exp(1j * (phi + lam)) * c])


def _p(angle: float) -> Matrix:
    return np.diag([1, np.exp(1j * angle)])


def _rotation(generator: Matrix) -> Callable[[float], Matrix]:
    """Return ``angle -> exp(-i·angle/2·generator)`` of a generator that squares to one."""
    one = np.eye(len(generator))
    return lambda angle: cos(angle / 2) * one - 1j * sin(angle / 2) * generator


def _controlled(inner: Callable[..., Matrix]) -> Callable[..., Matrix]:
    """Control by the first qubit, which is the lowest bit: odd rows and columns."""

    def matrix(*params: float) -> Matrix:
        target = inner(*params)
        whole = np.eye(2 * len(target), dtype=complex)
        whole[1::2, 1::2] = target
        return whole

    return matrix


def _fixed(matrix: Matrix) -> Callable[[], Matrix]:
    return lambda: matrix


_X = _matrix([0, 1], [1, 0])
_Y = _matrix([0, -1j], [1j, 0])
_Z = _matrix([1, 0], [0, -1])
_H = _matrix([1, 1], [1, -1]) / np.sqrt(2)
_SX = _matrix([1 + 1j, 1 - 1j], [1 - 1j, 1 + 1j]) / 2
_SWAP = np.eye(4, dtype=complex)[[0, 2, 1, 3]]

_RULES: Final[dict[str, tuple[int, int, Callable[..., Matrix]]]] = {
    "id": (1, 0, _fixed(np.eye(2, dtype=complex))),
    "x": (1, 0, _fixed(_X)),
    "y": (1, 0, _fixed(_Y)),
    "z": (1, 0, _fixed(_Z)),
    "h": (1, 0, _fixed(_H)),
    "s": (1, 0, _fixed(_p(pi / 2))),
    "sdg": (1, 0, _fixed(_p(-pi / 2))),
    "t": (1, 0, _fixed(_p(pi / 4))),
    "tdg": (1, 0, _fixed(_p(-pi / 4))),
    "sx": (1, 0, _fixed(_SX)),
    "sxdg": (1, 0, _fixed(_SX.conj().T)),
    "p": (1, 1, _p),
    "rx": (1, 1, _rotation(_X)),
    "ry": (1, 1, _rotation(_Y)),
    "rz": (1, 1, _rotation(_Z)),
    "u": (1, 3, _u),
    "cx": (2, 0, _controlled(_fixed(_X))),
    "cy": (2, 0, _controlled(_fixed(_Y))),
    "cz": (2, 0, _controlled(_fixed(_Z))),
    "cp": (2, 1, _controlled(_p)),
    "crx": (2, 1, _controlled(_rotation(_X))),
    "cry": (2, 1, _controlled(_rotation(_Y))),
    "crz": (2, 1, _controlled(_rotation(_Z))),
    "swap": (2, 0, _fixed(_SWAP)),
    "rxx": (2, 1, _rotation(np.kron(_X, _X))),
    "ryy": (2, 1, _rotation(np.kron(_Y, _Y))),
    "rzz": (2, 1, _rotation(np.kron(_Z, _Z))),
    "ccx": (3, 0, _controlled(_controlled(_fixed(_X)))),
    "cswap": (3, 0, _controlled(_fixed(_SWAP))),
}

GATES: Final[dict[str, tuple[int, int]]] = {name: (qubits, params) for name, (qubits, params, _) in _RULES.items()}
"""Number of qubits and of parameters of every gate a `Circuit` may hold."""


def matrix(name: str, params: tuple[float, ...] = ()) -> Matrix:
    """Return the unitary of a gate, shape (2ᵏ, 2ᵏ); its first qubit is the lowest bit.

    Raises
    ------
    KeyError
        If the gate is not one of `GATES`.
    """
    return _RULES[name][2](*params)
