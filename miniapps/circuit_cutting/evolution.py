"""What the states of a fragment cost to compute, by walking through the same blocks without an array. Driver side."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from .plan import End, Fragment
from .schmidt import WIRE, rank
from .states import Op, blocks, is_small

_CACHED: Final = 1 << 17
"""Complex numbers that a step may read and write together while it stays in the second cache of one core (2 MiB)."""


@dataclass(slots=True)
class Evolution:
    """Counts of the array operations of `states.states`.

    Attributes
    ----------
    steps
        Array operations.
    moved
        Complex numbers that they read and write.
    uncached
        Those among them of steps on more numbers than a core's second cache holds.
    flops
        Complex multiplications.
    """

    steps: int = 0
    moved: float = 0.0
    uncached: float = 0.0
    flops: float = 0.0

    def take(self, size: float, rows: int, columns: int) -> float:
        """Count the product of a rows × columns operator with an array of so many numbers; return the result's size."""
        found = size * rows / columns
        self.steps += 1
        self.moved += size + found
        self.uncached += size + found if size + found > _CACHED else 0.0
        self.flops += found * columns
        return found


def evolution(fragment: Fragment) -> Evolution:
    """Count what the evolution of a fragment takes; the fragment should be `states.trimmed`."""
    counts, joined, size = Evolution(), set[int](), 1.0
    ops = list(enumerate(fragment.ops))
    if is_small(fragment):
        size = _evolve(counts, fragment.ops, joined, size)
    else:
        for block in blocks(ops):
            inside = joined & block.qubits
            columns = 1 << len(inside)
            rows = _evolve(counts, (op for _, op in block.ops), inside, float(columns * columns)) / columns
            joined |= inside
            size = counts.take(size, round(rows), columns)
    for _ in range(fragment.n_qubits - len(joined)):
        size = counts.take(size, 2, 1)
    return counts


def _evolve(counts: Evolution, ops: Iterable[Op], joined: set[int], size: float) -> float:
    """Follow `states._evolve`: gates on one qubit wait. Changes ``joined``; returns the new size."""
    waiting: set[int] = set()
    for op in ops:
        if isinstance(op, End):
            size = _flush(counts, [op.qubit], (joined, waiting), size)
            size = _end(counts, op, joined, size)
        elif len(op[1]) == 1:
            waiting.add(op[1][0])
        else:
            size = _touch(counts, op[1], (joined, waiting), size)
            waiting.difference_update(op[1])
            size = counts.take(size, 4, 4)
    return _flush(counts, sorted(waiting), (joined, waiting), size)


_Qubits = tuple[set[int], set[int]]
"""Those that have joined, and those on which something waits."""


def _touch(counts: Evolution, qubits: Iterable[int], known: _Qubits, size: float) -> float:
    joined, waiting = known
    for q in qubits:
        if q not in joined:
            joined.add(q)
            waiting.discard(q)
            size = counts.take(size, 2, 1)
    return size


def _flush(counts: Evolution, qubits: Iterable[int], known: _Qubits, size: float) -> float:
    mine = [q for q in qubits if q in known[1]]
    size = _touch(counts, mine, known, size)
    for q in mine:
        if q in known[1]:
            known[1].discard(q)
            size = counts.take(size, 2, 2)
    return size


def _end(counts: Evolution, end: End, joined: set[int], size: float) -> float:
    if end.name == WIRE and end.side == 1:
        joined.add(end.qubit)
        return counts.take(size, 4, 1)
    size = _touch(counts, [end.qubit], (joined, set()), size)
    if end.name == WIRE:
        joined.discard(end.qubit)
        return size
    return counts.take(size, 2 * rank(end.name, end.params), 2)
