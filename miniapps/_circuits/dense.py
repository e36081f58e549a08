"""A dense state-vector simulator in plain numpy: the reference that answers are checked against.

It shares no code with the simulators that the mini-apps run. Gates are first fused into blocks of a few qubits, so that
a block is one copy and one matrix product; 2²⁴ amplitudes and ten layers take some seconds a layer on one core.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .gates import Circuit, Gate, Matrix, matrix

Vector = NDArray[Any]
"""Complex128 amplitudes, shape (2ⁿ,)."""
_BLOCK_QUBITS: Final = 6


@dataclass(slots=True)
class _Block:
    """Consecutive gates that touch few qubits together."""

    qubits: set[int]
    gates: list[Gate] = field(default_factory=list)


class _State:
    """A tensor with one axis of size 2 per qubit, in any order; ``axes[q]`` says where qubit ``q`` is."""

    def __init__(self, tensor: NDArray[Any], axes: list[int]) -> None:
        self.tensor, self.axes = tensor, axes

    def apply(self, unitary: Matrix, qubits: tuple[int, ...]) -> None:
        """Apply a unitary whose lowest bit is ``qubits[0]``; the qubits' axes come first afterwards."""
        k = len(qubits)
        operator = unitary.reshape((2,) * (2 * k))  # axes: out bit k-1 … 0, in bit k-1 … 0
        where = [self.axes[q] for q in reversed(qubits)]
        self.tensor = np.tensordot(operator, self.tensor, axes=(range(k, 2 * k), where))
        first = {axis: position for position, axis in enumerate(where)}
        rest = iter(range(k, self.tensor.ndim))
        moved = {axis: first[axis] if axis in first else next(rest) for axis in range(self.tensor.ndim)}
        self.axes = [moved[axis] for axis in self.axes]


def statevector(circuit: Circuit) -> Vector:
    """Return the state after the circuit, shape (2ⁿ,); qubit 0 is the lowest bit of the index."""
    n = circuit.n_qubits
    tensor = np.zeros((2,) * n, dtype=complex)
    tensor[(0,) * n] = 1
    state = _State(tensor, list(reversed(range(n))))
    for block in blocks(circuit.gates):
        qubits = tuple(sorted(block.qubits))
        state.apply(_unitary(block, qubits), qubits)
    order = [state.axes[q] for q in reversed(range(n))]
    return np.ascontiguousarray(state.tensor.transpose(order)).reshape(-1)


def blocks(gates: Iterable[Gate], width: int = _BLOCK_QUBITS) -> list[_Block]:
    """Fuse gates: each joins the earliest block it can be moved to that stays within ``width`` qubits."""
    made: list[_Block] = []
    last: dict[int, int] = {}
    for gate in gates:
        qubits = set(gate[1])
        earliest = max((last[q] for q in qubits if q in last), default=0)
        fits = (i for i in range(earliest, len(made)) if len(made[i].qubits | qubits) <= width)
        position = next(fits, len(made))
        if position == len(made):
            made.append(_Block(set()))
        made[position].qubits |= qubits
        made[position].gates.append(gate)
        last.update(dict.fromkeys(qubits, position))
    return made


def _unitary(block: _Block, qubits: tuple[int, ...]) -> Matrix:
    k, local = len(qubits), {q: i for i, q in enumerate(qubits)}
    columns = np.eye(2**k, dtype=complex).reshape((2,) * k + (2**k,))
    state = _State(columns, [*reversed(range(k)), k])
    for name, on, params in block.gates:
        state.apply(matrix(name, params), tuple(local[q] for q in on))
    order = [state.axes[q] for q in reversed(range(k))]
    return np.ascontiguousarray(state.tensor.transpose([*order, state.axes[k]])).reshape(2**k, 2**k)


def probabilities(state: Vector, measured: tuple[int, ...] | None = None) -> NDArray[np.float64]:
    """Return the probability of each outcome; bit ``j`` of an outcome reads qubit ``measured[j]`` (None: qubit j)."""
    n = state.size.bit_length() - 1
    full: NDArray[np.float64] = state.real**2 + state.imag**2
    if measured is None:
        return full
    others = tuple(n - 1 - q for q in range(n) if q not in measured)
    kept = [q for q in reversed(range(n)) if q in measured]
    order = [kept.index(q) for q in reversed(measured)]
    return np.ascontiguousarray(full.reshape((2,) * n).sum(axis=others).transpose(order)).reshape(-1)


def expectation(state: Vector, pauli: str) -> float:
    """Return ⟨ψ|P|ψ⟩ of a Pauli string; its last letter acts on qubit 0."""
    flips = int("".join("1" if letter in "XY" else "0" for letter in pauli), 2)
    signs = int("".join("1" if letter in "YZ" else "0" for letter in pauli), 2)
    index = np.arange(state.size)
    parity = np.bitwise_count(index & signs) & 1
    value = np.vdot(state[index ^ flips] if flips else state, np.where(parity, -state, state))
    return float((1j ** pauli.count("Y") * value).real)
