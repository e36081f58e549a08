"""The published decomposition of a cut, read from qiskit-addon-cutting. Both sides.

Its terms are pairs of local operations with a coefficient. Operations that several terms share are listed once, so
that a variant of a fragment is a choice of one listed operation at each end.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .schmidt import WIRE, factors

MEASURE: Final = "qpd_measure"
RESET: Final = "reset"
_NEGLIGIBLE: Final = 1e-12
_UP: Final = np.diag([1, 0]).astype(complex)
_DOWN: Final = np.diag([0, 1]).astype(complex)
_LOWER: Final = np.array([[0, 1], [0, 0]], dtype=complex)

Local = tuple[Any, ...]
"""Qiskit instructions on one qubit, in order; `MEASURE` among them by its name."""


@dataclass(frozen=True, slots=True)
class Basis:
    """Decomposition of one cut.

    Attributes
    ----------
    rows
        For each published term, which listed operation each side does, shape (terms, 2).
    coefficients
        Of each published term, shape (terms,).
    locals
        The listed operations of side 0 and side 1.
    functionals
        For each side, shape (operations, r²): the signed expectation value of an operation is
        Σ functionals[d, b·r + a] · Gram[b·r + a], with the Gram numbers of `states.gram`.
    """

    rows: NDArray[np.int64]
    coefficients: NDArray[np.float64]
    locals: tuple[tuple[Local, ...], tuple[Local, ...]]
    functionals: tuple[NDArray[Any], NDArray[Any]]

    @property
    def link(self) -> NDArray[np.float64]:
        """Coefficients summed for each pair of listed operations: the matrix that joins the sides."""
        joined = np.zeros((len(self.locals[0]), len(self.locals[1])))
        np.add.at(joined, (self.rows[:, 0], self.rows[:, 1]), self.coefficients)
        return joined


@lru_cache(maxsize=1024)
def basis(name: str, params: tuple[float, ...]) -> Basis:
    """Return the decomposition of a gate of two qubits, or of a wire."""
    from qiskit_addon_cutting.qpd import QPDBasis

    found = QPDBasis.from_instruction(instruction(name, params))
    kept = [i for i, factor in enumerate(found.coeffs) if abs(factor) > _NEGLIGIBLE]
    listed: tuple[dict[Any, Local], dict[Any, Local]] = ({}, {})
    rows = []
    for i in kept:
        row = []
        for side, operations in enumerate(found.maps[i]):
            key = tuple((op.name, _numbers(op)) for op in operations)
            listed[side].setdefault(key, tuple(operations))
            row.append(list(listed[side]).index(key))
        rows.append(row)
    sides = tuple(listed[0].values()), tuple(listed[1].values())
    tables = tuple(np.array([_functional(op, name, params, s) for op in sides[s]]) for s in (0, 1))
    coefficients = np.array([found.coeffs[i] for i in kept], dtype=float)
    return Basis(np.array(rows), coefficients, sides, (tables[0], tables[1]))


def instruction(name: str, params: tuple[float, ...]) -> Any:
    """Return Qiskit's instruction of a gate of two qubits, or the addon's of a wire cut."""
    from qiskit import QuantumCircuit
    from qiskit_addon_cutting.instructions import Move

    if name == WIRE:
        return Move()
    made = QuantumCircuit(2)
    getattr(made, name)(*params, 0, 1)
    return made.data[0].operation


def _numbers(operation: Any) -> tuple[bytes, ...]:
    return tuple(np.asarray(parameter, dtype=complex).tobytes() for parameter in operation.params)


def _functional(local: Local, name: str, params: tuple[float, ...], side: int) -> NDArray[Any]:
    """Return T[b·r + a] = Σ sign · conj(v_b)·v_a over the Kraus operators K = Σⱼ vⱼ·(factor j of the cut)."""
    stack = factors(name, params)[side]
    total = np.zeros((len(stack), len(stack)), dtype=complex)
    for sign, kraus in _kraus(local):
        for vector in _coordinates(kraus, stack, name, side):
            total += sign * np.outer(vector.conj(), vector)
    return total.reshape(-1)


def _kraus(local: Local) -> list[tuple[float, NDArray[Any]]]:
    terms = [(1.0, np.eye(2, dtype=complex))]
    for operation in local:
        if operation.name == MEASURE:
            terms = [(sign * s, p @ kraus) for sign, kraus in terms for s, p in ((1.0, _UP), (-1.0, _DOWN))]
        elif operation.name == RESET:
            terms = [(sign, p @ kraus) for sign, kraus in terms for p in (_UP, _LOWER)]
        else:
            terms = [(sign, operation.to_matrix() @ kraus) for sign, kraus in terms]
    return terms


def _coordinates(kraus: NDArray[Any], stack: NDArray[Any], name: str, side: int) -> list[NDArray[Any]]:
    if name == WIRE:
        # Upstream the qubit is discarded, which sums over its last states; downstream it comes in |0⟩.
        return [kraus[0], kraus[1]] if side == 0 else [kraus[:, 0]]
    norms = np.einsum("jab,jab->j", stack.conj(), stack)
    return [np.einsum("jab,ab->j", stack.conj(), kraus) / norms]
