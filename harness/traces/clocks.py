"""Several hosts' clocks side by side, for pictures only.

A duration never comes from two clocks. To draw workers of several hosts above each other, their clocks must be laid
side by side all the same; the driver's times bound how: a worker starts a task after the driver has sent it, and the
driver has the answer after the worker has ended. Each message so gives an interval for the difference of the clocks,
all of them together a small one. Its middle is drawn, its half-width is the uncertainty that every picture states.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from itertools import groupby
from math import inf
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .timeline import Slice, Timeline


@dataclass(frozen=True, slots=True)
class ClockOffset:
    """What to add to a host's times to draw them by the driver's clock.

    Attributes
    ----------
    seconds
        The offset; 0 for the driver's own host.
    uncertainty_s
        Half-width of the interval that all messages allow; 0 for the driver's own host. Infinite if there was no
        message whose answer came back.
    drifts
        Whether no constant offset fits all messages: the clocks run apart by more than the uncertainty.
    """

    seconds: float
    uncertainty_s: float
    drifts: bool = False


_SAME = ClockOffset(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Bar:
    """A slice with its place in a picture.

    Attributes
    ----------
    slice
        What is drawn.
    begin_s, end_s
        From when to when, by the driver's clock, since the run's start.
    told
        Whether the worker told when it started and ended. Otherwise the bar goes from when the driver sent the task (or
        the worker had ended what it did before) to when the driver gave it up.
    """

    slice: Slice
    begin_s: float
    end_s: float
    told: bool = True


def clock_offsets(timeline: Timeline) -> dict[str, ClockOffset]:
    """Return the offset of every host that ran a task."""
    bounds: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for one in timeline.slices:
        if one.host is None or one.started_s is None or one.ended_s is None:
            continue
        sent = -inf if one.dispatched_s is None else one.dispatched_s
        got = inf if one.returned_s is None else one.returned_s
        bounds[one.host].append((sent - one.started_s, got - one.ended_s))
    found = {host: _offset(pairs) for host, pairs in bounds.items()}
    return {**found, timeline.driver_host: _SAME}


def _offset(bounds: list[tuple[float, float]]) -> ClockOffset:
    low, high = max(low for low, _ in bounds), min(high for _, high in bounds)
    if low == -inf or high == inf:
        return ClockOffset(next((end for end in (low, high) if abs(end) != inf), 0.0), inf)
    return ClockOffset((low + high) / 2, abs(high - low) / 2, drifts=low > high)


def bars(timeline: Timeline) -> list[Bar]:
    """Return every slice that was on a worker with its place in time, by pilot, worker and begin; none overlap."""
    offsets = clock_offsets(timeline)
    placed = [bar for one in timeline.slices if (bar := _bar(one, offsets, timeline.end_s)) is not None]
    placed.sort(key=lambda bar: (bar.slice.pilot or "", bar.slice.worker or 0, bar.begin_s, bar.end_s))
    lanes = groupby(placed, lambda bar: (bar.slice.pilot, bar.slice.worker))
    return [bar for _, lane in lanes for bar in _apart(list(lane))]


def _bar(one: Slice, offsets: dict[str, ClockOffset], end_s: float) -> Bar | None:
    if one.worker is None or one.dispatched_s is None:
        return None
    if one.started_s is not None and one.ended_s is not None:
        shift_s = offsets.get(one.host or "", _SAME).seconds
        return Bar(one, one.started_s + shift_s, one.ended_s + shift_s)
    given_up_s = next((at for at in (one.stopped_s, one.returned_s) if at is not None), end_s)
    return Bar(one, one.dispatched_s, max(given_up_s, one.dispatched_s), told=False)


def _apart(lane: list[Bar]) -> list[Bar]:
    """Shorten the bars whose times are only bounds to where the worker did nothing else; drop those with no place."""
    kept: list[Bar] = []
    free_s = -inf
    for bar in sorted(lane, key=lambda bar: bar.end_s):
        begin_s = bar.begin_s if bar.told else max(bar.begin_s, free_s)
        if begin_s <= bar.end_s:
            kept.append(replace(bar, begin_s=begin_s))
            free_s = bar.end_s
    kept.sort(key=lambda bar: (bar.begin_s, bar.end_s))
    nexts = [*(bar.begin_s for bar in kept[1:]), inf]
    return [
        bar if bar.told else replace(bar, end_s=min(bar.end_s, next_s)) for bar, next_s in zip(kept, nexts, strict=True)
    ]
