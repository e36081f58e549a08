"""A layout as arrays: what is static (kinds of steps) and what is data (masks, columns, angles). Worker side.

Steps of one kind differ by data only, so a repeated pattern of kinds compiles once, however often it is repeated.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .amplitudes import Phases, Shard
from .elements import Angle
from .layout import Layout, Phase, Step, Turn

Floats = NDArray[np.float64]
ALL: Final = -1
"""Number of turns that stands for all local bits."""
_FEW_TURNS: Final = 3


class Kind(NamedTuple):
    """What is static about a step.

    Attributes
    ----------
    exchange
        Global bits that are exchanged.
    moves
        Whether there is an index map.
    before, after
        Whether there are phases.
    turns
        Number of bits turned one by one, or `ALL`.
    """

    exchange: tuple[int, ...]
    moves: bool
    before: bool
    after: bool
    turns: int


class StepData(NamedTuple):
    """The arrays of a step; a part that its kind lacks is None.

    Attributes
    ----------
    before, after
        Phases; see `amplitudes.Phases`.
    columns, columns_back
        The index map and its inverse: local bits of f(2ᵇ), shape (n,).
    bits
        Bits turned one by one, shape (turns,).
    angles
        Angles of the turns: of those bits, or of all local bits, float64.
    """

    before: Any
    columns: Any
    columns_back: Any
    after: Any
    bits: Any
    angles: Any


@dataclass(frozen=True, slots=True)
class Roll:
    """A repeated pattern: steps ``first`` … are ``count`` repeats of ``period`` kinds."""

    first: int
    period: int
    count: int


@dataclass(frozen=True, slots=True)
class Program:
    """A layout, ready to be run with any parameters.

    Attributes
    ----------
    layout
        Where it came from.
    shard
        Size and precision of a shard.
    kinds
        One for each step.
    masks
        Of the observables: (high, low, global), shape (m, 3).
    """

    layout: Layout
    shard: Shard
    kinds: tuple[Kind, ...]
    masks: NDArray[np.int32]

    def start(self, parameters: Sequence[float]) -> Floats:
        """Return the first angles of all n bits."""
        return _turn_angles(self.layout.start, self.layout.n_qubits, parameters)

    def data(self, parameters: Sequence[float]) -> list[StepData]:
        """Return the arrays of all steps for these parameters."""
        widths = _widths(self)
        pairs = zip(self.kinds, self.layout.steps, strict=True)
        return [_data(self, kind, step, (widths, parameters)) for kind, step in pairs]

    def gradient(self, start: Floats, steps: Sequence[StepData], n_parameters: int) -> Floats:
        """Turn derivatives by angles, in the shape of the data, into derivatives by the circuit's parameters.

        Leading axes of all arrays (one for each observable) are kept.
        """
        total = np.zeros((*start.shape[:-1], n_parameters))
        for turn in self.layout.start:
            _add(total, turn.angle, start[..., turn.bit])
        for kind, step, slopes in zip(self.kinds, self.layout.steps, steps, strict=True):
            for phases, found in ((step.before, slopes.before), (step.after, slopes.after)):
                for group, by_angle in zip(_grouped(self.shard, phases), found or (), strict=False):
                    for place, phase in enumerate(group):
                        _add(total, phase.angle, by_angle[..., place])
            for place, turn in enumerate(step.turns):
                _add(total, turn.angle, slopes.angles[..., turn.bit if kind.turns == ALL else place])
        return total


def program(layout: Layout, *, double: bool) -> Program:
    """Make a layout ready to be run."""
    shard = Shard(layout.n_qubits - layout.n_global, layout.n_global, double)
    kinds = tuple(_kind(shard, step) for step in layout.steps)
    return Program(layout, shard, kinds, _split(shard, layout.masks))


def roll(kinds: Sequence[Kind]) -> Roll:
    """Return the repeated pattern that covers most steps; of those the one with the shortest period."""
    best = Roll(0, 1, 1 if kinds else 0)
    for period in range(1, len(kinds) // 2 + 1):
        first = 0
        while first + 2 * period <= len(kinds):
            count = 1
            while kinds[first : first + period] == kinds[first + count * period : first + (count + 1) * period]:
                count += 1
            if count > 1 and count * period > best.count * best.period:
                best = Roll(first, period, count)
            first += max(1, (count - 1) * period)
    return best


def stacked(items: Sequence[StepData]) -> StepData:
    """Stack the arrays of equal steps along a new first axis."""
    import jax

    found: StepData = jax.tree.map(lambda *arrays: np.stack(arrays), *items)
    return found


def _kind(shard: Shard, step: Step) -> Kind:
    distinct = len({turn.bit for turn in step.turns})
    turns = len(step.turns) if len(step.turns) <= _FEW_TURNS and distinct < shard.n_local else ALL
    return Kind(step.exchange, step.columns is not None, bool(step.before), bool(step.after), turns)


def _grouped(shard: Shard, phases: Iterable[Phase]) -> tuple[list[Phase], list[Phase], list[Phase]]:
    """Sort phases by where the local bits of their masks lie: row (or nowhere), column, both."""
    low = (1 << shard.low) - 1
    high = ((1 << shard.n_local) - 1) ^ low
    groups: tuple[list[Phase], list[Phase], list[Phase]] = ([], [], [])
    for phase in phases:
        groups[(2 if phase.mask & high else 1) if phase.mask & low else 0].append(phase)
    return groups


def _widths(made: Program) -> tuple[int, int, int]:
    """Return the largest number of phases of each group in any step: shorter ones are filled up with zeros."""
    groups = [_grouped(made.shard, part) for step in made.layout.steps for part in (step.before, step.after)]
    counts = [[len(group) for group in entry] for entry in groups] or [[0, 0, 0]]
    rows, columns, both = (max(column) for column in zip(*counts, strict=True))
    return rows, columns, both


def _data(made: Program, kind: Kind, step: Step, how: tuple[tuple[int, int, int], Sequence[float]]) -> StepData:
    shard, (widths, parameters) = made.shard, how
    before = _phases(shard, step.before, widths, parameters) if kind.before else None
    after = _phases(shard, step.after, widths, parameters) if kind.after else None
    columns = back = None
    if step.columns is not None:
        local = (1 << shard.n_local) - 1
        dtype = np.int32 if shard.n_local < 31 else np.int64
        columns = np.array([column & local for column in step.columns], dtype)
        back = np.array([column & local for column in inverse(step.columns)], dtype)
    if kind.turns == ALL:
        return StepData(before, columns, back, after, None, _turn_angles(step.turns, shard.n_local, parameters))
    bits = np.array([turn.bit for turn in step.turns], np.int32)
    angles = np.array([turn.angle.value(parameters) for turn in step.turns], float)
    return StepData(before, columns, back, after, bits, angles)


def _turn_angles(turns: Iterable[Turn], n_bits: int, parameters: Sequence[float]) -> Floats:
    angles = np.zeros(n_bits)
    for turn in turns:
        angles[turn.bit] += turn.angle.value(parameters)
    return angles


def _phases(shard: Shard, phases: Iterable[Phase], widths: tuple[int, int, int], parameters: Sequence[float]) -> Phases:
    groups = _grouped(shard, phases)
    masks, angles = [], []
    for group, width in zip(groups, widths, strict=True):
        empty = width - len(group)
        masks.append(_split(shard, [*(phase.mask for phase in group), *[0] * empty]))
        angles.append(np.array([*(phase.angle.value(parameters) for phase in group), *[0.0] * empty]))
    return Phases(*masks, *angles)


def _split(shard: Shard, masks: Sequence[int]) -> NDArray[np.int32]:
    """Return (high, low, global) of masks, shape (m, 3)."""
    high = shard.n_local - shard.low
    parts = [
        ((mask >> shard.low) & ((1 << high) - 1), mask & ((1 << shard.low) - 1), mask >> shard.n_local)
        for mask in masks
    ]
    return np.array(parts, np.int32).reshape(-1, 3)


def inverse(columns: Sequence[int]) -> list[int]:
    """Return the columns of the inverse of a linear map over GF(2) (Gauss-Jordan)."""
    n = len(columns)
    rows = [[columns[bit], 1 << bit] for bit in range(n)]  # f(2ᵇ) beside 2ᵇ; sums of rows keep the pairs matched
    for bit in range(n):
        pivot = next(index for index in range(bit, n) if rows[index][0] >> bit & 1)
        rows[bit], rows[pivot] = rows[pivot], rows[bit]
        for index in range(n):
            if index != bit and rows[index][0] >> bit & 1:
                rows[index] = [a ^ b for a, b in zip(rows[index], rows[bit], strict=True)]
    return [preimage for _, preimage in rows]


def _add(total: Floats, angle: Angle, slope: Any) -> None:
    if angle.parameter >= 0:
        total[..., angle.parameter] += angle.factor * slope
