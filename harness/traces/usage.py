"""How well pilots and workers were used, as numbers.

Run times and waits come from one clock each: run times from the worker's, waits from submission to start where driver
and worker share a host, else waits until the task was sent. Idle time follows from the length of the window and the run
times, so it needs no other clock either; which part of it fell into moments with waiting tasks does, and is as accurate
as a picture on other hosts.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from .clocks import Bar, bars
from .counts import above_zero, overlap_s, queued

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pilot_quantum import PilotTrace

    from .timeline import Slice, Timeline

_HIGH: Final = 0.95
_Spans = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class WorkerUsage:
    """One worker within the run.

    Attributes
    ----------
    pilot, worker, host
        Which; ``host`` is None if it never told.
    tasks, messages, lost
        Tasks it ended, the messages they came in, attempts that ended with its loss or that it was stopped in.
    window_s
        Seconds of the run in which its pilot took tasks.
    busy_s, cpu_s
        Seconds in tasks, and CPU seconds of them.
    idle_s, idle_queued_s
        Rest of the window, and the part of it in which tasks waited in the queue (for whatever reason: a pilot they may
        not use, parents, a wide task that the worker is kept for, dispatch).
    wait_median_s, wait_high_s
        Median and 95th percentile over its slices of the time from submission to start; to being sent where the worker
        has another clock. None without tasks.
    first_task_s
        Seconds from the request of the pilot to the first task sent to this worker within the run.
    """

    pilot: str
    worker: int
    host: str | None
    tasks: int
    messages: float
    lost: int
    window_s: float
    busy_s: float
    cpu_s: float
    idle_s: float
    idle_queued_s: float
    wait_median_s: float | None
    wait_high_s: float | None
    first_task_s: float | None

    @property
    def used(self) -> float | None:
        """Busy share of the window; None for an empty window."""
        return self.busy_s / self.window_s if self.window_s > 0 else None


@dataclass(frozen=True, slots=True)
class PilotUsage:
    """One pilot within the run; fields as in `WorkerUsage`, summed over its workers, with two of its own.

    Attributes
    ----------
    core_s
        Seconds of cores that tasks held: a task of 4 cores counts four times.
    used
        ``core_s`` over all cores and the window.
    """

    pilot: str
    engine: str
    cores: int
    tasks: int
    messages: float
    lost: int
    window_s: float
    busy_s: float
    core_s: float
    cpu_s: float
    idle_s: float
    idle_queued_s: float
    wait_median_s: float | None
    wait_high_s: float | None
    first_task_s: float | None
    used: float | None
    workers: tuple[WorkerUsage, ...]


def usage(timeline: Timeline) -> list[PilotUsage]:
    """Return the use of every pilot, in their order, with that of its workers."""
    lanes: dict[tuple[str, int], list[Bar]] = defaultdict(list)
    for bar in bars(timeline):
        lanes[bar.slice.pilot or "", bar.slice.worker or 0].append(bar)
    waiting = above_zero(queued(timeline))
    return [_pilot(pilot, lanes, waiting, timeline.end_s) for pilot in timeline.pilots]


def window(pilot: PilotTrace, end_s: float) -> tuple[float, float]:
    """Return from when to when a pilot took tasks within a run of this length."""
    ready_s = _ready(pilot)
    begin_s = end_s if ready_s is None else min(max(0.0, ready_s), end_s)
    return begin_s, max(begin_s, end_s if pilot.ended_s is None else min(pilot.ended_s, end_s))


def _ready(pilot: PilotTrace) -> float | None:
    """Return when its first worker took tasks; None if that never happened."""
    phases = ("launcher", "engine", "first_worker")
    if phases[-1] not in pilot.startup_s:
        return None
    return pilot.requested_s + sum(pilot.startup_s.get(phase, 0.0) for phase in phases)


def _pilot(pilot: PilotTrace, lanes: dict[tuple[str, int], list[Bar]], waiting: _Spans, run_end_s: float) -> PilotUsage:
    span = window(pilot, run_end_s)
    indices = range(max([pilot.workers, *(w + 1 for name, w in lanes if name == pilot.name)]))
    workers = tuple(_worker(pilot, w, lanes.get((pilot.name, w), []), waiting=waiting, span=span) for w in indices)
    mine = [bar.slice for (name, _), lane in lanes.items() if name == pilot.name for bar in lane]
    core_s = sum((one.run_s or 0.0) * one.cpus for one in mine)
    length_s = span[1] - span[0]
    median_s, high_s = _waits(mine)
    firsts = [worker.first_task_s for worker in workers if worker.first_task_s is not None]
    return PilotUsage(
        pilot=pilot.name,
        engine=pilot.engine,
        cores=pilot.cores,
        tasks=sum(worker.tasks for worker in workers),
        messages=sum(worker.messages for worker in workers),
        lost=sum(worker.lost for worker in workers),
        window_s=length_s,
        busy_s=sum(worker.busy_s for worker in workers),
        core_s=core_s,
        cpu_s=sum(worker.cpu_s for worker in workers),
        idle_s=sum(worker.idle_s for worker in workers),
        idle_queued_s=sum(worker.idle_queued_s for worker in workers),
        wait_median_s=median_s,
        wait_high_s=high_s,
        first_task_s=min(firsts, default=None),
        used=core_s / (length_s * pilot.cores) if length_s > 0 and pilot.cores else None,
        workers=workers,
    )


def _worker(
    pilot: PilotTrace, index: int, lane: Sequence[Bar], *, waiting: _Spans, span: tuple[float, float]
) -> WorkerUsage:
    told = [bar.slice for bar in lane if bar.told]
    ended = [one for one in told if one.rank in (None, 0)]
    busy_s = sum(bar.slice.run_s or 0.0 if bar.told else bar.end_s - bar.begin_s for bar in lane)
    sent = [bar.slice.dispatched_s for bar in lane if bar.slice.dispatched_s is not None]
    length_s = span[1] - span[0]
    median_s, high_s = _waits([bar.slice for bar in lane])
    return WorkerUsage(
        pilot=pilot.name,
        worker=index,
        host=next((one.host for one in told), None),
        tasks=sum(one.tasks for one in ended),
        messages=sum(one.messages for one in ended),
        lost=sum(not bar.told for bar in lane),
        window_s=length_s,
        busy_s=busy_s,
        cpu_s=sum(one.cpu_s or 0.0 for one in told),
        idle_s=max(0.0, length_s - busy_s),
        idle_queued_s=min(max(0.0, length_s - busy_s), overlap_s(_gaps(lane, *span), waiting)),
        wait_median_s=median_s,
        wait_high_s=high_s,
        first_task_s=min(sent) - pilot.requested_s if sent else None,
    )


def _gaps(lane: Iterable[Bar], begin_s: float, end_s: float) -> list[tuple[float, float]]:
    edges = [begin_s, *(edge for bar in lane for edge in (bar.begin_s, bar.end_s)), end_s]
    gaps = [(max(a, begin_s), min(b, end_s)) for a, b in list(pairwise(edges))[::2]]
    return [(a, b) for a, b in gaps if b > a]


def _waits(slices: Iterable[Slice]) -> tuple[float | None, float | None]:
    """Return median and high percentile of the waits, each slice counted by its tasks."""
    waits = sorted((wait_s, one.tasks) for one in slices if (wait_s := _wait(one)) is not None)
    total = sum(tasks for _, tasks in waits)
    return _quantile(waits, total / 2), _quantile(waits, total * _HIGH)


def _wait(one: Slice) -> float | None:
    if one.wait_s is not None or one.dispatched_s is None:
        return one.wait_s
    return one.dispatched_s - one.submitted_s


def _quantile(values: Sequence[tuple[float, int]], rank: float) -> float | None:
    seen = 0
    for value, count in values:
        seen += count
        if seen >= rank:
            return value
    return None
