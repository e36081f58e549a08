"""List scheduling: how long tasks take on workers that differ, without running them.

Longest tasks first, each to the worker that would end it first (Graham 1969; for different workers "earliest completion
time"). Equal tasks and equal workers are placed together: a group of tasks raises a level T until the workers can take
them all, so a million tasks cost as much as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace
from math import inf

import numpy as np
import numpy.typing as npt

from .model import Array

Mask = npt.NDArray[np.bool_]

_DOWN = 1.0 - 1e-12


@dataclass(frozen=True, slots=True)
class TaskGroup:
    """Equal tasks.

    Attributes
    ----------
    count
        How many.
    seconds
        Duration on each kind of worker; a kind that is missing cannot run them.
    """

    count: int
    seconds: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class WorkerGroup:
    """Equal workers.

    Attributes
    ----------
    kind
        What tasks name in their ``seconds``.
    count
        How many.
    ready_s
        When they can start.
    """

    kind: str
    count: int
    ready_s: float = 0.0


class NoWorker(ValueError):
    """No worker can run some of the tasks."""


def makespan(tasks: Sequence[TaskGroup], workers: Sequence[WorkerGroup], *, dispatch_s: float = 0.0) -> float:
    """Return when the last task ends.

    Parameters
    ----------
    tasks
        All known at the start.
    workers
        At least one.
    dispatch_s
        Seconds that one dispatcher spends on each task, one after the other; it bounds the rate of starts.

    Raises
    ------
    NoWorker
        If a group runs on no kind of worker that is there.
    """
    kinds = [worker.kind for worker in workers if worker.count]
    counts = [worker.count for worker in workers if worker.count]
    free = np.repeat(np.array([worker.ready_s for worker in workers if worker.count], dtype=float), counts)
    start = free.copy()
    waiting = [group for group in tasks if group.count > 0]
    for group in sorted(waiting, key=lambda group: -_longest(group, kinds)):
        free = _placed(free, np.repeat([group.seconds.get(kind, inf) for kind in kinds], counts), group.count)
    total = sum(group.count for group in waiting)
    shortest = min((min(group.seconds.values()) for group in waiting), default=0.0)
    ends = float(free[free > start].max(initial=0.0))
    return max(ends, total * dispatch_s + (shortest if dispatch_s else 0.0))


def _longest(group: TaskGroup, kinds: Sequence[str]) -> float:
    """Return the duration on the fastest worker that is there."""
    found = [group.seconds[kind] for kind in set(kinds) if kind in group.seconds]
    if not found:
        raise NoWorker(f"{group.count} task(s) run on {', '.join(sorted(group.seconds)) or 'nothing'}; there are: "
                       f"{', '.join(sorted(set(kinds))) or 'no workers'}")  # fmt: skip
    return min(found)


def _placed(free: Array, seconds: Array, count: int) -> Array:
    """Return when the workers are free after ``count`` tasks that take ``seconds`` on each of them."""
    able = np.isfinite(seconds) & (seconds > 0)
    if not able.any():  # tasks of no duration
        return free
    durations = np.where(able, seconds, 0.0)
    alike = bool((durations[able] == durations[able][0]).all())
    taken = _levelled(free, durations, able, count) if alike else None
    if taken is None:
        taken = _raised(free, durations, able, count)
    ended: Array = free + durations * taken
    return ended


def _levelled(free: Array, durations: Array, able: Mask, count: int) -> Array | None:
    """Return the tasks of each of equal workers: up to the level of the busiest, then in turn; None if too few."""
    taken = _room(free, durations, able, float(free[able].max()))
    left = count - int(taken.sum())
    if left < 0:
        return None
    taken += np.where(able, left // int(able.sum()), 0)
    extra = left % int(able.sum())
    ends = np.where(able, free + durations * taken, inf)
    taken[np.argsort(ends, kind="stable")[:extra]] += 1
    return taken


def _raised(free: Array, durations: Array, able: Mask, count: int) -> Array:
    """Return the tasks of each worker: as many as end below a level that surely holds no more, then one by one."""
    active = able.copy()
    while True:  # the level if tasks could be divided; workers that are free only above it take none
        rates = 1.0 / durations[active]
        level = float((count + (free[active] * rates).sum()) / rates.sum())
        late = active & (free > level)
        if not late.any():
            break
        active &= ~late
    taken = np.where(active, np.maximum(0.0, np.floor((level - free) / np.where(able, durations, 1.0) * _DOWN)), 0.0)
    ends = [(free[i] + durations[i] * (taken[i] + 1), int(i)) for i in np.flatnonzero(able)]
    heapify(ends)
    for _ in range(count - int(taken.sum())):
        end, i = ends[0]
        taken[i] += 1
        heapreplace(ends, (end + durations[i], i))
    return taken


def _room(free: Array, durations: Array, able: Mask, level: float) -> Array:
    """Return how many tasks each worker ends by ``level``."""
    slack = np.where(able, (level - free) / np.where(able, durations, 1.0), 0.0)
    room: Array = np.maximum(0.0, np.floor(slack * (1 + 1e-12) + 1e-12))
    return room
