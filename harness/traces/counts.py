"""How many tasks waited and ran at each moment; and idle time of workers, with and without tasks that waited."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .clocks import Bar
    from .timeline import Timeline

Steps = list[tuple[float, int]]
"""Moments, ascending, and the count from each on."""


def queued(timeline: Timeline) -> Steps:
    """Return how many tasks were submitted and not yet sent to a worker, or given up; those with parents included."""
    changes: list[tuple[float, int]] = []
    for one in timeline.slices:
        left_s = one.dispatched_s if one.dispatched_s is not None else one.stopped_s
        if one.attempt == 1 and one.rank in (None, 0):
            changes.append((one.submitted_s, one.tasks))
            changes.append((timeline.end_s if left_s is None else left_s, -one.tasks))
    return _steps(changes)


def running(bars: Iterable[Bar]) -> Steps:
    """Return how many workers were at work."""
    return _steps([change for bar in bars for change in ((bar.begin_s, 1), (bar.end_s, -1))])


def _steps(changes: list[tuple[float, int]]) -> Steps:
    total: dict[float, int] = defaultdict(int)
    for at_s, change in changes:
        total[at_s] += change
    steps, level = [], 0
    for at_s in sorted(total):
        if total[at_s]:
            level += total[at_s]
            steps.append((at_s, level))
    return steps


def above_zero(steps: Steps) -> list[tuple[float, float]]:
    """Return the spans, ascending and disjoint, in which the count is above zero; the last one may be endless."""
    spans: list[tuple[float, float]] = []
    begin_s: float | None = None
    for at_s, level in steps:
        if level > 0 and begin_s is None:
            begin_s = at_s
        elif level <= 0 and begin_s is not None:
            spans.append((begin_s, at_s))
            begin_s = None
    return spans if begin_s is None else [*spans, (begin_s, float("inf"))]


def overlap_s(gaps: Iterable[tuple[float, float]], spans: Sequence[tuple[float, float]]) -> float:
    """Return the seconds that lie in a gap and in a span; both are ascending and disjoint."""
    total, at = 0.0, 0
    for begin_s, end_s in gaps:
        while at < len(spans) and spans[at][1] <= begin_s:
            at += 1
        position = at
        while position < len(spans) and spans[position][0] < end_s:
            total += min(end_s, spans[position][1]) - max(begin_s, spans[position][0])
            position += 1
    return total
