"""All states that the variants of a fragment are made of, and their inner products. Worker side.

A cut is a sum of rank-many products, so one state for each choice of terms at the fragment's ends is enough: 2^ends
for CX and wires, where a quantum computer runs 5 or 6 variants an end. Their inner products ⟨φ_b|P|φ_a⟩, the Gram
numbers, are all that an expectation value needs (Peng et al. 2020, PRL 125, 150504, for wires).

A state is a tensor with named axes. It grows: a qubit joins when a gate first touches it, an end adds an axis, the
upstream end of a wire turns the qubit's axis into its own. Operations are fused into blocks of a few qubits first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .._circuits.gates import Gate, matrix
from .plan import End, Fragment
from .schmidt import WIRE, factors

Op = Gate | End
_ONE: Final = np.eye(2, dtype=complex)
Array = Any
"""numpy or jax array."""
_BLOCK_QUBITS: Final = 5
_SMALL_QUBITS: Final = 7
"""Fragments up to this width are evolved operation by operation: their state is smaller than a block."""


@dataclass(slots=True)
class Tensor:
    """An array whose axes have names: ``("q", qubit)``, ``("in", qubit)`` before a block, ``("end", number)``."""

    array: Array
    axes: list[tuple[str, int]]

    def take(self, operator: Array, out: Sequence[tuple[str, int]], axes: Sequence[tuple[str, int]]) -> None:
        """Contract ``axes`` of this tensor with the last axes of ``operator``; the others become ``out``, first."""
        where = [self.axes.index(axis) for axis in axes]
        rest = [place for place in range(len(self.axes)) if place not in where]
        shape = self.array.shape
        flat = self.array.transpose(where + rest).reshape(1 << len(where), -1)  # tensordot spends more on its checks
        found = operator.reshape(-1, 1 << len(where)) @ flat
        self.array = found.reshape(operator.shape[: len(out)] + tuple(shape[place] for place in rest))
        self.axes = [*out, *(self.axes[place] for place in rest)]


def _module(array: Array) -> Any:
    if isinstance(array, np.ndarray):
        return np
    import jax.numpy

    return jax.numpy


@dataclass(slots=True)
class _Block:
    qubits: set[int]
    ops: list[tuple[int, Op]] = field(default_factory=list)


def is_small(fragment: Fragment) -> bool:
    """Tell whether a fragment is evolved operation by operation, without blocks."""
    return fragment.n_qubits <= _SMALL_QUBITS


def states(fragment: Fragment, *, single: bool = False, like: Array = None) -> Array:
    """Return all states, shape (rank of the first end, …, rank of the last end, 2ⁿ); axis order as in ``ends``.

    Parameters
    ----------
    fragment
        The piece; qubits that no operation touches stay in |0⟩.
    single
        Amplitudes in single precision.
    like
        An array of the library to compute with; None means numpy.

    Returns
    -------
    array
        Complex; qubit 0 is the lowest bit of the last axis.
    """
    ops = list(enumerate(fragment.ops))
    dtype = np.complex64 if single else np.complex128
    xp = np if like is None else _module(like)
    state = Tensor(xp.ones((), dtype=dtype), [])
    if is_small(fragment):
        _evolve(state, ops)
    else:
        for block in blocks(ops):
            _apply(state, block)
    return _in_order(state, fragment)


def gram(fragment: Fragment, found: Array) -> NDArray[np.complex128]:
    """Return ⟨φ_b|P|φ_a⟩ for each part P of the observable, from what `states` returns.

    Returns
    -------
    array
        Shape (parts, r₁², …, r_e²): index ``b·r + a`` for each end of rank r.
    """
    xp, n = _module(found), fragment.n_qubits
    ranks = found.shape[:-1]
    flat = found.reshape(-1, 2**n)
    bras = flat.conj()
    grams = [np.asarray(bras @ _acted(xp, flat, pauli).T) for pauli in fragment.paulis]
    ends = len(ranks)
    paired = [axis for end in range(ends) for axis in (1 + end, 1 + ends + end)]
    whole = np.array(grams, dtype=np.complex128).reshape(len(grams), *ranks, *ranks).transpose(0, *paired)
    return np.ascontiguousarray(whole).reshape(len(grams), *(rank * rank for rank in ranks))


def trimmed(fragment: Fragment) -> Fragment:
    """Return the fragment without gates after which neither an end nor the observable looks at their qubits.

    They cancel in every inner product.
    """
    n = fragment.n_qubits
    live = {q for pauli in fragment.paulis for q in range(n) if pauli[n - 1 - q] != "I"}
    kept: list[Op] = []
    for op in reversed(fragment.ops):
        qubits = {op.qubit} if isinstance(op, End) else set(op[1])
        if isinstance(op, End) or live & qubits:
            live |= qubits
            kept.append(op)
    used = sorted(live)
    if len(kept) == len(fragment.ops) and len(used) == n:
        return fragment
    return _narrowed(fragment, kept[::-1], used)


def _narrowed(fragment: Fragment, ops: Sequence[Op], used: Sequence[int]) -> Fragment:
    new, n = {q: i for i, q in enumerate(used)}, fragment.n_qubits
    moved: list[Op] = [
        End(op.cut, op.side, new[op.qubit], op.name, op.params, op.reused)
        if isinstance(op, End)
        else (op[0], tuple(new[q] for q in op[1]), op[2])
        for op in ops
    ]
    paulis = tuple("".join(pauli[n - 1 - q] for q in reversed(used)) for pauli in fragment.paulis)
    return Fragment(fragment.index, len(used), tuple(moved), paulis)


# ---------------------------------------------------------------- evolution


Waiting = dict[int, NDArray[Any]]
"""For each qubit the product of the gates on it alone that have not been applied yet, shape (2, 2)."""


def _evolve(state: Tensor, ops: Iterable[tuple[int, Op]]) -> None:
    """Apply operations in order, each numbered by its place in the fragment.

    What acts on one qubit waits for the next gate on two, and is multiplied into its matrix.
    """
    waiting: Waiting = {}
    for place, op in ops:
        if isinstance(op, End):
            _flush(state, [op.qubit], waiting)
            _apply_end(state, op, place)
        elif len(op[1]) == 1:
            q, mine = op[1][0], _matrix(op[0], op[2])
            waiting[q] = mine @ waiting[q] if q in waiting else mine
        else:
            _apply_gate(state, op, waiting)
    _flush(state, list(waiting), waiting)


def _apply_gate(state: Tensor, gate: Gate, waiting: Waiting) -> None:
    name, qubits, params = gate
    _touch(state, qubits, waiting)
    operator = _matrix(name, params)
    if not waiting.keys().isdisjoint(qubits):
        first, second = (waiting.pop(q, _ONE) for q in qubits)
        operator = operator @ (second[:, None, :, None] * first[None, :, None, :]).reshape(4, 4)
    axes = [("q", q) for q in reversed(qubits)]
    state.take(_cast(operator.reshape(2, 2, 2, 2), state.array), axes, axes)


def _flush(state: Tensor, qubits: Sequence[int], waiting: Waiting) -> None:
    """Apply what waits on some qubits."""
    _touch(state, [q for q in qubits if q in waiting], waiting)
    for q in qubits:
        if q in waiting:
            state.take(_cast(waiting.pop(q), state.array), [("q", q)], [("q", q)])


@lru_cache(maxsize=4096)
def _matrix(name: str, params: tuple[float, ...]) -> NDArray[Any]:
    return matrix(name, params)


def _apply_end(state: Tensor, end: End, place: int) -> None:
    axis, mine = ("q", end.qubit), ("end", place)
    stack = factors(end.name, end.params)[end.side]
    if end.name != WIRE:
        _touch(state, (end.qubit,))
        state.take(_cast(stack, state.array), [mine, axis], [axis])
    elif end.side == 0:
        _touch(state, (end.qubit,))
        state.axes[state.axes.index(axis)] = mine
    else:
        state.take(_cast(np.eye(2), state.array), [mine, axis], [])


def _touch(state: Tensor, qubits: Iterable[int], waiting: Waiting | None = None) -> None:
    """Let qubits join if they have not joined before: in state |0⟩, or in what the gates that wait make of it."""
    for q in qubits:
        if ("q", q) not in state.axes:
            own = _ONE if waiting is None else waiting.pop(q, _ONE)
            state.take(_cast(own[:, 0], state.array), [("q", q)], [])


def _cast(operator: NDArray[Any], like: Array) -> Array:
    return _module(like).asarray(operator.astype(like.dtype, copy=False))


def blocks(ops: Iterable[tuple[int, Op]]) -> list[_Block]:
    """Fuse operations: each joins the first block after those it depends on that stays narrow enough.

    What acts on one qubit waits for the next gate that joins its qubit with another, so that qubits join late.
    """
    made: list[_Block] = []
    last: dict[int, int] = {}
    waiting: dict[int, list[tuple[int, Op]]] = {}
    for place, op in ops:
        qubits = (op.qubit,) if isinstance(op, End) else op[1]
        before = [entry for q in qubits for entry in waiting.pop(q, [])]
        if len(qubits) == 1:
            waiting[qubits[0]] = [*before, (place, op)]
        else:
            _join(made, last, set(qubits), [*before, (place, op)])
    for q, rest in waiting.items():
        if q in last:
            made[last[q]].ops += rest
        else:
            _join(made, last, {q}, rest)
    return made


def _join(made: list[_Block], last: dict[int, int], qubits: set[int], ops: list[tuple[int, Op]]) -> None:
    start = max((last[q] for q in qubits if q in last), default=0)
    fitting = (i for i in range(start, len(made)) if len(made[i].qubits | qubits) <= _BLOCK_QUBITS)
    position = next(fitting, len(made))
    if position == len(made):
        made.append(_Block(set()))
    made[position].qubits |= qubits
    made[position].ops += ops
    last.update(dict.fromkeys(qubits, position))


def _apply(state: Tensor, block: _Block) -> None:
    """Multiply the state by a whole block: its operator is evolved from the identity on the qubits that have joined."""
    joined = [q for q in sorted(block.qubits) if ("q", q) in state.axes]
    width = len(joined)
    one = np.eye(2**width, dtype=state.array.dtype).reshape((2,) * (2 * width))
    operator = Tensor(one, [*(("q", q) for q in joined), *(("in", q) for q in joined)])
    _evolve(operator, block.ops)
    inner = [("in", q) for q in joined]
    out = [axis for axis in operator.axes if axis not in inner]
    array = operator.array.transpose([operator.axes.index(axis) for axis in (*out, *inner)])
    state.take(_cast(array, state.array), out, [("q", q) for q in joined])


def _in_order(state: Tensor, fragment: Fragment) -> Array:
    """Bring the axes into the order of the ends, then of the qubits from the highest; given-up qubits are |0⟩."""
    _touch(state, range(fragment.n_qubits))
    ends = [("end", place) for place, op in enumerate(fragment.ops) if isinstance(op, End)]
    axes = [*ends, *(("q", q) for q in reversed(range(fragment.n_qubits)))]
    array = state.array.transpose([state.axes.index(axis) for axis in axes])
    return array.reshape(*array.shape[: len(ends)], -1)


def _acted(xp: Any, flat: Array, pauli: str) -> Array:
    """Return P applied to each row."""
    n = len(pauli)
    if not set(pauli) - {"I"}:
        return flat
    tensor = flat.reshape(-1, *(2,) * n)
    for axis, letter in enumerate(pauli, start=1):
        if letter == "I":
            continue
        if letter in "XY":
            tensor = xp.flip(tensor, axis)
        if letter in "ZY":  # Y = i·X·Z: the flip has exchanged the signs
            signs = np.array([1, -1] if letter == "Z" else [-1j, 1j]).astype(flat.dtype)
            tensor = tensor * xp.asarray(signs).reshape([2 if a == axis else 1 for a in range(n + 1)])
    return tensor.reshape(flat.shape)
