"""A matrix-product state in plain numpy: the reference for circuits that are wide but weakly entangled.

Exact up to rounding: only singular values below 1e-13 of the largest are dropped, and a state that would need larger
matrices than allowed is refused instead of approximated (Vidal 2003; Schollwöck 2011, section 4).
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .gates import Circuit, Matrix, matrix

Tensor = NDArray[Any]
_NEGLIGIBLE: Final = 1e-13
_PAULIS: Final = {"I": "id", "X": "x", "Y": "y", "Z": "z"}
_SWAP: Final = matrix("swap")


class TooEntangled(ValueError):
    """The state needs larger matrices than allowed."""


class MatrixProductState:
    """State of a line of qubits; tensors of shape (left, 2, right), in mixed canonical form around ``centre``."""

    def __init__(self, n_qubits: int, max_bond: int) -> None:
        zero = np.array([1, 0], dtype=complex).reshape(1, 2, 1)
        self.tensors: list[Tensor] = [zero] * n_qubits
        self.max_bond = max_bond
        self.centre = 0

    def apply(self, unitary: Matrix, qubits: tuple[int, ...]) -> None:
        """Apply a gate on one or two qubits.

        Raises
        ------
        TooEntangled
            If a bond would exceed ``max_bond``, or the gate has more than two qubits.
        """
        if len(qubits) == 1:
            self.tensors[qubits[0]] = np.einsum("ab,lbr->lar", unitary, self.tensors[qubits[0]])
            return
        if len(qubits) > 2:
            raise TooEntangled(f"gates on {len(qubits)} qubits are not supported")
        low, high = min(qubits), max(qubits)
        for q in range(low, high - 1):
            self._apply_pair(_SWAP, q)
        first_is_low = qubits[0] == low
        self._apply_pair(unitary if first_is_low else _SWAP @ unitary @ _SWAP, high - 1)
        for q in reversed(range(low, high - 1)):
            self._apply_pair(_SWAP, q)

    def expectation(self, pauli: str) -> float:
        """Return ⟨ψ|P|ψ⟩ of a Pauli string; its last letter acts on qubit 0."""
        left = np.ones((1, 1), dtype=complex)
        for tensor, letter in zip(self.tensors, reversed(pauli), strict=True):
            acted = np.einsum("ab,lbr->lar", matrix(_PAULIS[letter]), tensor)
            left = np.tensordot(np.tensordot(left, tensor.conj(), axes=(0, 0)), acted, axes=((0, 1), (0, 1)))
        return float(left[0, 0].real)

    def _apply_pair(self, unitary: Matrix, q: int) -> None:
        """Apply a gate on qubits (q, q+1), qubit q being the lowest bit of the matrix."""
        self._move_centre(q)
        a, b = self.tensors[q], self.tensors[q + 1]
        pair = np.tensordot(a, b, axes=(2, 0))  # left, bit q, bit q+1, right
        gate = unitary.reshape(2, 2, 2, 2)  # out q+1, out q, in q+1, in q
        pair = np.einsum("dcba,labr->lcdr", gate, pair)
        left, _, _, right = pair.shape
        u, s, v = np.linalg.svd(pair.reshape(left * 2, 2 * right), full_matrices=False)
        kept = max(1, int(np.count_nonzero(s > _NEGLIGIBLE * s[0])))
        if kept > self.max_bond:
            raise TooEntangled(f"needs matrices larger than {self.max_bond}")
        self.tensors[q] = u[:, :kept].reshape(left, 2, kept)
        self.tensors[q + 1] = (s[:kept, None] * v[:kept]).reshape(kept, 2, right)
        self.centre = q + 1

    def _move_centre(self, q: int) -> None:
        """Bring the centre to qubit q or q+1 by QR steps, so that singular values are those of the whole state."""
        while self.centre < q:
            tensor = self.tensors[self.centre]
            iso, rest = np.linalg.qr(tensor.reshape(-1, tensor.shape[2]))
            self.tensors[self.centre] = iso.reshape(tensor.shape[0], 2, -1)
            self.tensors[self.centre + 1] = np.tensordot(rest, self.tensors[self.centre + 1], axes=(1, 0))
            self.centre += 1
        while self.centre > q + 1:
            tensor = self.tensors[self.centre]
            iso, rest = np.linalg.qr(tensor.reshape(tensor.shape[0], -1).T)
            self.tensors[self.centre] = iso.T.reshape(-1, 2, tensor.shape[2])
            self.tensors[self.centre - 1] = np.tensordot(self.tensors[self.centre - 1], rest.T, axes=(2, 0))
            self.centre -= 1


def run(circuit: Circuit, max_bond: int = 128) -> MatrixProductState:
    """Return the state after the circuit.

    Raises
    ------
    TooEntangled
        If it needs matrices larger than ``max_bond``.
    """
    state = MatrixProductState(circuit.n_qubits, max_bond)
    for name, qubits, params in circuit.gates:
        state.apply(matrix(name, params), qubits)
    return state
