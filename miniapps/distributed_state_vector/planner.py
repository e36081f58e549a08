"""Which qubits are spread over the ranks, and when that changes. Standard library only.

Of n wires p are global: their bits are the number of the shard. Phases and controls need nothing of other shards; the
target of a CX or RY must be local. Wires are exchanged in batches: k of them at once are one all-to-all, which sends
(1 - 2⁻ᵏ) of the state. The planner runs all elements that can run, whatever their place in the list, as long as
elements that share a wire keep their order, and brings a global wire in only when nothing else is left to do.

The search keeps the cheapest ways to each exchange. It tries every exchange where there are few, so small circuits get
the least number of bytes; on large ones the wires whose next target lies farthest ahead leave first (Belady, 1966).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import comb, inf
from typing import Final

from .elements import Element

_WIDTH: Final = 24
_EXHAUSTIVE: Final = 200
_FEW_WIRES: Final = 3


@dataclass(frozen=True, slots=True)
class Segment:
    """What runs between two exchanges.

    Attributes
    ----------
    global_wires
        The wires that are global meanwhile.
    items
        The elements, in an order that may be applied.
    """

    global_wires: frozenset[int]
    items: tuple[Element, ...]


@dataclass(frozen=True, slots=True)
class Exchanges:
    """A plan: segments, with an exchange between each two.

    Attributes
    ----------
    segments
        In order; at least one.
    n_global
        Number p of global wires.
    """

    segments: tuple[Segment, ...]
    n_global: int

    @property
    def sizes(self) -> tuple[int, ...]:
        """Wires that each exchange brings in."""
        pairs = zip(self.segments, self.segments[1:], strict=False)
        return tuple(len(before.global_wires - after.global_wires) for before, after in pairs)

    @property
    def volume(self) -> float:
        """What all exchanges send together, in states (2ⁿ amplitudes)."""
        return sum(1 - 2.0**-size for size in self.sizes)


class _Queues:
    """The elements by wire; a position says how far each wire has come."""

    def __init__(self, n_wires: int, items: Sequence[Element]) -> None:
        self.items = items
        self.of_wire: list[list[int]] = [[] for _ in range(n_wires)]
        for index, item in enumerate(items):
            for wire in item.wires:
                self.of_wire[wire].append(index)
        self.end = tuple(len(queue) for queue in self.of_wire)

    def run(self, position: Sequence[int], global_wires: frozenset[int]) -> tuple[tuple[int, ...], list[int]]:
        """Run all that can run; return how far the wires have come then, and the elements that ran."""
        at, ran = list(position), []
        waiting = list(range(len(at)))
        while waiting:
            wire = waiting.pop()
            while at[wire] < self.end[wire]:
                index = self.of_wire[wire][at[wire]]
                item = self.items[index]
                if item.moves in global_wires or any(self._next(at, other) != index for other in item.wires):
                    break
                ran.append(index)
                for other in item.wires:
                    at[other] += 1
                waiting.extend(other for other in item.wires if other != wire)
        return tuple(at), ran

    def next_use(self, position: Sequence[int], wire: int) -> float:
        """Return the number of the next element that needs this wire local; infinite if there is none."""
        later = self.of_wire[wire][position[wire] :]
        return next((float(index) for index in later if self.items[index].moves == wire), inf)

    def _next(self, at: Sequence[int], wire: int) -> int:
        return self.of_wire[wire][at[wire]] if at[wire] < self.end[wire] else -1


@dataclass(frozen=True, slots=True)
class _Way:
    """A way to a state: what it has cost, in units of 2⁻ᵖ states, and what ran in which segment."""

    cost: int
    segments: tuple[tuple[frozenset[int], tuple[int, ...]], ...]


_State = tuple[tuple[int, ...], frozenset[int]]


def plan(n_wires: int, items: Sequence[Element], n_global: int) -> Exchanges:
    """Plan the exchanges of a circuit whose first global wires may be chosen.

    Parameters
    ----------
    n_wires
        Width n.
    items
        The elements.
    n_global
        Number p of global wires; the shards are 2ᵖ.

    Raises
    ------
    ValueError
        If fewer than p + 1 wires would be left, or an exchange could not be made: n must be at least 2·p.
    """
    if n_wires < 2 * n_global or n_wires == 0:
        raise ValueError(f"n_qubits = {n_wires}: 2^{n_global} shards need {max(1, 2 * n_global)} qubits or more")
    queues = _Queues(n_wires, items)
    start = (0,) * n_wires
    frontier: dict[_State, _Way] = {}
    for wires in _starts(queues, n_global):
        _reach(queues, frontier, (start, wires), _Way(0, ()))
    best = _finished(queues, frontier)
    while (frontier and best is None) or _may_improve(frontier, best):
        frontier = _step(queues, frontier, n_global, best)
        found = _finished(queues, frontier)
        best = found if best is None or (found is not None and found.cost < best.cost) else best
        frontier = {state: way for state, way in frontier.items() if state[0] != queues.end}
    if best is None:
        raise AssertionError("every circuit can be run: an exchange can bring in any global wire")
    segments = (Segment(wires, tuple(items[index] for index in sorted(ran))) for wires, ran in best.segments)
    return Exchanges(tuple(segments), n_global)


def _starts(queues: _Queues, n_global: int) -> Iterable[frozenset[int]]:
    n = len(queues.end)
    if comb(n, n_global) <= _EXHAUSTIVE:
        return {frozenset(wires) for wires in combinations(range(n), n_global)}
    late = sorted(range(n), key=lambda wire: (-queues.next_use((0,) * n, wire), wire))[:n_global]
    windows = {frozenset((first + step) % n for step in range(n_global)) for first in range(n)}
    return windows | {frozenset(late)}


def _reach(queues: _Queues, found: dict[_State, _Way], state: _State, way: _Way) -> None:
    """Run what can run in a state; keep the cheapest way to where that leads."""
    position, ran = queues.run(*state)
    arrived = (position, state[1])
    if arrived not in found or way.cost < found[arrived].cost:
        found[arrived] = _Way(way.cost, (*way.segments, (state[1], tuple(ran))))


def _step(queues: _Queues, frontier: dict[_State, _Way], n_global: int, best: _Way | None) -> dict[_State, _Way]:
    found: dict[_State, _Way] = {}
    for (position, wires), way in frontier.items():
        for after in _exchanges(queues, position, wires):
            cost = way.cost + 2**n_global - 2 ** (n_global - len(wires - after))
            if best is None or cost < best.cost:
                _reach(queues, found, (position, after), _Way(cost, way.segments))
    exhaustive = comb(len(queues.end), n_global) <= _EXHAUSTIVE and len(queues.items) <= _EXHAUSTIVE
    if exhaustive:
        return found
    kept = sorted(found.items(), key=lambda entry: (_left(queues, entry[0]), entry[1].cost))[:_WIDTH]
    return dict(kept)


def _left(queues: _Queues, state: _State) -> int:
    return sum(queues.end) - sum(state[0])


def _exchanges(queues: _Queues, position: tuple[int, ...], wires: frozenset[int]) -> Iterable[frozenset[int]]:
    """Return the sets of global wires that an exchange may lead to."""
    n, p = len(queues.end), len(wires)
    if comb(n, p) <= _EXHAUSTIVE:
        return [after for chosen in combinations(range(n), p) if (after := frozenset(chosen)) != wires]
    local = sorted(
        (wire for wire in range(n) if wire not in wires), key=lambda wire: (-queues.next_use(position, wire), wire)
    )
    wanted = sorted(wires, key=lambda wire: (queues.next_use(position, wire), wire))
    sizes = range(1, p + 1) if p <= _FEW_WIRES else sorted({1, (p + 1) // 2, p})
    return [(wires - set(wanted[:size])) | set(local[:size]) for size in sizes]


def _finished(queues: _Queues, frontier: dict[_State, _Way]) -> _Way | None:
    ways = [way for state, way in frontier.items() if state[0] == queues.end]
    return min(ways, key=lambda way: (way.cost, len(way.segments)), default=None)


def _may_improve(frontier: dict[_State, _Way], best: _Way | None) -> bool:
    return best is not None and any(way.cost + 1 < best.cost for way in frontier.values())
