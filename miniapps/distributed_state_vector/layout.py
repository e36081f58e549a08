"""From wires to bits: the steps that a simulator of sharded amplitudes carries out. Standard library only.

Amplitude x of the state lies on the shard that its p highest bits name, at the index that its n - p lowest bits name. A
step is: exchange the highest local bits with global ones; multiply by phases and move amplitudes by a linear map of the
local index; multiply by phases; rotate bits. Which wire is which bit changes only by exchanges and index maps, and an
index map that is there anyway puts the wires that leave next on the highest local bits for nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .elements import Angle, Element, Elements
from .planner import Exchanges, plan
from .stages import Stage, parts_of, stages_of


@dataclass(frozen=True, slots=True)
class Phase:
    """exp(-i·angle/2·s(x)), where s is +1 or -1 by the parity of the bits of x in ``mask``."""

    mask: int
    angle: Angle


@dataclass(frozen=True, slots=True)
class Turn:
    """RY(angle) on one bit."""

    bit: int
    angle: Angle


@dataclass(frozen=True, slots=True)
class Step:
    """One step; its parts in order of application.

    Attributes
    ----------
    exchange
        Global bits, counted from 0, that change places with as many of the highest local bits: the first with the
        highest. Empty for none.
    before
        Phases before the index map.
    columns
        The new amplitude x is the old amplitude f(x); ``columns[b]`` = f(2ᵇ) for every bit b of n. None for no map.
    after
        Phases after it.
    turns
        Rotations; those of one bit add up.
    """

    exchange: tuple[int, ...] = ()
    before: tuple[Phase, ...] = ()
    columns: tuple[int, ...] | None = None
    after: tuple[Phase, ...] = ()
    turns: tuple[Turn, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """A circuit laid out on 2ᵖ shards.

    Attributes
    ----------
    n_qubits, n_global
        Width n, and p.
    start
        The rotations of |0…0⟩ that make the first state, which is a product.
    steps
        What follows.
    masks
        Of each observable, the bits whose parity it reads at the end.
    signs
        +1 or -1 of each observable.
    exchanges
        The plan it came from.
    """

    n_qubits: int
    n_global: int
    start: tuple[Turn, ...]
    steps: tuple[Step, ...]
    masks: tuple[int, ...]
    signs: tuple[int, ...]
    exchanges: Exchanges = field(repr=False)


def layout(elements: Elements, observables: Sequence[frozenset[int]], n_global: int) -> Layout:
    """Lay out a circuit.

    Parameters
    ----------
    elements
        The circuit.
    observables
        Products of Z, each as the set of its qubits.
    n_global
        p, the logarithm of the number of shards.

    Raises
    ------
    ValueError
        If there are too few qubits for so many shards.
    """
    n = elements.n_qubits
    parts = parts_of(n, elements.items)
    exchanges = plan(n, parts.core, n_global)
    bits = _Bits(n, n_global, exchanges)
    start = tuple(Turn(bits.of[item.wires[0]], item.angle) for item in parts.start)
    steps = tuple(bits.steps())
    read = [_read(observable, elements, parts.end) for observable in observables]
    masks = tuple(bits.mask(wires) for wires, _ in read)
    return Layout(n, n_global, start, steps, masks, tuple(sign for _, sign in read), exchanges)


def _read(qubits: frozenset[int], elements: Elements, end: Sequence[Element]) -> tuple[frozenset[int], int]:
    """Return the wires whose parity before the end is the observable after it, and its sign."""
    wires = {elements.wire_of[qubit] for qubit in qubits}
    sign = -1 if len(wires & elements.flipped) % 2 else 1
    for item in reversed(end):
        if item.wires[1] in wires:
            wires ^= {item.wires[0]}
    return frozenset(wires), sign


class _Bits:
    """Which wire is which bit; changes as the steps are made."""

    def __init__(self, n_qubits: int, n_global: int, exchanges: Exchanges) -> None:
        self._n, self._local = n_qubits, n_qubits - n_global
        self._segments = exchanges.segments
        self.of: dict[int, int] = {}
        first = self._segments[0].global_wires
        self._place(sorted(first), range(self._local, n_qubits))
        leaving = self._leaving(0)
        self._place(leaving, range(self._local - 1, self._local - 1 - len(leaving), -1))
        rest = [wire for wire in range(n_qubits) if wire not in self.of]
        self._place(rest, range(len(rest)))

    def mask(self, wires: Sequence[int] | frozenset[int]) -> int:
        """Return the bits of these wires as a mask."""
        return sum(1 << self.of[wire] for wire in wires)

    def steps(self) -> list[Step]:
        """Make the steps of all segments, in order."""
        made: list[Step] = []
        for number, segment in enumerate(self._segments):
            exchange = self._exchange(number) if number else ()
            stages = stages_of(self._n, segment.items)
            leaving = self._leaving(number)
            if not stages and (exchange or self._misplaced(leaving)):
                stages = [Stage()]
            moving = [index for index, stage in enumerate(stages) if stage.moves]
            last = moving[-1] if moving else len(stages) - 1
            for index, stage in enumerate(stages):
                ahead = leaving if index == last and self._misplaced(leaving) else []
                made.append(self._step(stage, () if index else exchange, ahead))
        return made

    def _step(self, stage: Stage, exchange: tuple[int, ...], leaving: Sequence[int]) -> Step:
        before = self._phases(stage.before)
        columns = self._move(stage.moves, leaving) if stage.moves or leaving else None
        after = self._phases(stage.after)
        if columns is None:
            before, after = (), before + after
        turns = tuple(Turn(self.of[item.wires[0]], item.angle) for item in stage.turns)
        return Step(exchange, before, columns, after, turns)

    def _phases(self, items: Sequence[Element]) -> tuple[Phase, ...]:
        return tuple(Phase(self.mask(item.wires), item.angle) for item in items)

    def _move(self, moves: Sequence[Element], leaving: Sequence[int]) -> tuple[int, ...]:
        """Return the columns of the map, and let the leaving wires be the highest local bits from now on."""
        old = dict(self.of)
        self._raise(leaving)
        wire_at = {bit: wire for wire, bit in self.of.items()}
        columns = []
        for bit in range(self._n):
            wires = {wire_at[bit]}
            for item in reversed(moves):  # the inverse map: CX is its own inverse
                wires ^= {item.wires[1]} if item.wires[0] in wires else set()
            columns.append(sum(1 << old[wire] for wire in wires))
        return tuple(columns)

    def _raise(self, leaving: Sequence[int]) -> None:
        for place, wire in zip(range(self._local - 1, -1, -1), leaving, strict=False):
            here = next(other for other, bit in self.of.items() if bit == place)
            self.of[here], self.of[wire] = self.of[wire], place

    def _misplaced(self, leaving: Sequence[int]) -> bool:
        return any(self.of[wire] != self._local - 1 - place for place, wire in enumerate(leaving))

    def _leaving(self, number: int) -> list[int]:
        """Return the wires that become global after a segment; those on high local bits already come first."""
        if number + 1 >= len(self._segments):
            return []
        wires = self._segments[number + 1].global_wires - self._segments[number].global_wires
        return sorted(wires, key=lambda wire: (-self.of.get(wire, 0), wire))

    def _exchange(self, number: int) -> tuple[int, ...]:
        """Let wires change places between this segment and the one before; return the global bits, highest first."""
        coming = self._segments[number - 1].global_wires - self._segments[number].global_wires
        bits = sorted((self.of[wire] for wire in coming), reverse=True)
        wire_at = {bit: wire for wire, bit in self.of.items()}
        for place, bit in enumerate(bits):
            local = self._local - 1 - place
            self.of[wire_at[local]], self.of[wire_at[bit]] = bit, local
        return tuple(bit - self._local for bit in bits)

    def _place(self, wires: Sequence[int], bits: Sequence[int]) -> None:
        self.of.update(zip(wires, bits, strict=True))
