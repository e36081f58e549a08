"""From the traces of a runtime to a timeline: relative times, one slice for each attempt and rank, tasks put together.

Pure. About `MAX_SLICES` slices come out at most, whatever goes in: above that, tasks of one function that ran in a row
on one worker share a slice. Sums in it stay exact; what is lost is which of them ran when. Where that does not help, as
with functions that take turns or with very many failures, whatever ran in a row is put together: never more than twice
`MAX_SLICES`.
"""

from __future__ import annotations

import socket
from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from .timeline import Routed, Slice, Timeline

if TYPE_CHECKING:
    from pilot_quantum import PilotTrace, RankTrace, RoutingDecision, RunTrace, TaskTrace

MAX_SLICES: Final = 50_000
"""Above this many attempts and ranks, tasks share slices."""
_T = TypeVar("_T")
SEVERAL: Final = "several"
"""Function and state of a slice whose tasks differ in them."""


class _Part(NamedTuple):
    """An attempt of a task, or a rank of it, on one worker."""

    trace: TaskTrace
    rank: RankTrace | None
    alone: bool

    @property
    def worker(self) -> int | None:
        return self.trace.worker if self.rank is None else self.rank.worker

    @property
    def lane(self) -> tuple[str, int]:
        return self.trace.pilot or "", -1 if self.worker is None else self.worker

    @property
    def started_s(self) -> float | None:
        return self.trace.started_s if self.rank is None else self.rank.started_s


def timeline_of(run: RunTrace, *, max_slices: int = MAX_SLICES, **origin: object) -> Timeline:
    """Return the timeline of a run.

    Parameters
    ----------
    run
        What a runtime has noted: ``runtime.trace()`` of a run, or ``RunTrace.of(tasks, manager.pilots())``.
    max_slices
        Above this many attempts and ranks, consecutive tasks of a function share a slice.
    origin
        What else is known of the run, see `Timeline.origin`.
    """
    driver = next((task.driver_host for task in run.tasks if task.driver_host), socket.gethostname())
    parts = [part for task in run.tasks for part in _parts(task)]
    parts.sort(key=_order)
    groups = _groups(parts, max_slices)
    start_s = _start(run)
    clocks = _first_starts(parts) | {driver: start_s}
    slices = tuple(_slice(group, clocks, start_s) for group in groups)
    return Timeline(
        driver_host=driver,
        end_s=_end(run, start_s) - start_s,
        slices=slices,
        pilots=tuple(_shifted(pilot, start_s) for pilot in run.pilots),
        stages=tuple(replace(s, start_s=s.start_s - start_s, end_s=s.end_s - start_s) for s in run.stages),
        tasks=len(run.tasks),
        tasks_per_slice=max((one.tasks for one in slices), default=1),
        origin=origin,
        routing=tuple(_routing(run, start_s, max_slices)),
    )


def _routing(run: RunTrace, start_s: float, limit: int) -> Iterator[Routed]:
    """Yield the decisions of every attempt; too many of them are put together in a row by device and action."""
    rows = [
        Routed(one.task, one.attempt, d.time_s - (0.0 if d.simulated else start_s), *_what(d), d.circuits, d.simulated)
        for task in run.tasks
        for one in (*task.earlier, task)
        for d in one.routing
    ]
    if len(rows) <= limit:
        yield from rows
        return
    rows.sort(key=lambda row: (row.device, row.action, row.at_s))
    for _, alike in groupby(rows, lambda row: (row.device, row.action)):
        for group in _cut(list(alike), -(-len(rows) // limit)):
            yield replace(group[0], circuits=sum(row.circuits for row in group))


def _what(decision: RoutingDecision) -> tuple[str, str, str]:
    return decision.device, decision.action, decision.reason


def _parts(task: TaskTrace) -> Iterator[_Part]:
    plain = not task.ranks and not task.earlier and task.state == "done"
    for attempt in (*task.earlier, task):
        if attempt.ranks:
            yield from (_Part(attempt, rank, alone=True) for rank in attempt.ranks)
        else:
            yield _Part(attempt, None, alone=not plain)


def _order(part: _Part) -> tuple[str, int, float]:
    """Sort by place, then by the worker's clock as far as there is one, else by the driver's."""
    trace = part.trace
    at_s = part.started_s if part.started_s is not None and trace.host == trace.driver_host else trace.dispatched_s
    return *part.lane, trace.submitted_s if at_s is None else at_s


def _groups(parts: list[_Part], limit: int) -> list[list[_Part]]:
    """Return the parts of each slice, at most about twice the limit."""
    step = -(-len(parts) // limit) if parts else 1
    if step == 1:
        return [[part] for part in parts]
    alike = [
        group
        for (_, _, _, alone), run in groupby(parts, lambda p: (p.lane, p.trace.function, p.trace.cpus, p.alone))
        for group in _cut(list(run), 1 if alone else step)
    ]
    if len(alike) <= 2 * limit:
        return alike
    return [group for _, run in groupby(parts, lambda part: part.lane) for group in _cut(list(run), step)]


def _cut(run: list[_T], size: int) -> Iterator[list[_T]]:
    return (run[at : at + size] for at in range(0, len(run), size))


def _slice(group: list[_Part], clocks: dict[str, float], start_s: float) -> Slice:
    (first, rank, _), last = group[0], group[-1].trace
    own = first if rank is None else rank
    zero_s = clocks.get(own.host or "", start_s)
    ends = own if len(group) == 1 else last
    functions = {part.trace.function or part.trace.name for part in group}
    function = functions.pop() if len(functions) == 1 else SEVERAL
    return Slice(
        task=first.task,
        tasks=len(group),
        name=first.name if len(group) == 1 else function,
        function=function,
        state=first.state if len({part.trace.state for part in group}) == 1 else SEVERAL,
        pilot=first.pilot,
        worker=group[0].worker,
        rank=None if rank is None else rank.rank,
        host=own.host,
        attempt=first.attempt,
        reason=first.reason,
        error=first.error,
        cpus=first.cpus,
        messages=sum(1 / part.trace.message_tasks for part in group),
        submitted_s=first.submitted_s - start_s,
        bound_s=_since(first.bound_s, start_s),
        dispatched_s=_since(first.dispatched_s, start_s),
        started_s=_since(own.started_s, zero_s),
        ended_s=_since(ends.ended_s, zero_s),
        returned_s=_since(last.returned_s, start_s),
        stopped_s=_since(last.stopped_s, start_s),
        **_sums(group),
    )


def _sums(group: list[_Part]) -> dict[str, Any]:
    if group[0].rank is not None:
        rank = group[0].rank
        run_s = None if rank.started_s is None or rank.ended_s is None else rank.ended_s - rank.started_s
        return {"run_s": run_s, "wait_s": group[0].trace.wait_s, "cpu_s": rank.cpu_s, "peak_rss": rank.peak_rss}
    traces = [part.trace for part in group]
    waits = [wait for trace in traces if (wait := trace.wait_s) is not None]
    return {
        "run_s": _sum([trace.run_s for trace in traces]),
        "wait_s": sum(waits) / len(waits) if waits else None,
        "cpu_s": _sum([trace.cpu_s for trace in traces]),
        "peak_rss": max((trace.peak_rss for trace in traces if trace.peak_rss is not None), default=None),
    }


def _sum(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) if known else None


def _since(time_s: float | None, zero_s: float) -> float | None:
    return None if time_s is None else time_s - zero_s


def _first_starts(parts: list[_Part]) -> dict[str, float]:
    """Return the first start of a task by each host's own clock."""
    first: dict[str, float] = {}
    for part in parts:
        host = part.trace.host if part.rank is None else part.rank.host
        started_s = part.started_s
        if host is not None and started_s is not None:
            first[host] = min(started_s, first.get(host, started_s))
    return first


def _start(run: RunTrace) -> float:
    if run.start_s is not None:
        return run.start_s
    return min((task.submitted_s for task in run.tasks), default=0.0)


def _end(run: RunTrace, start_s: float) -> float:
    """Return the last thing the driver knows of; tasks may be ended by what follows a run."""
    times = [run.end_s, *(stage.end_s for stage in run.stages)]
    times += [time_s for task in run.tasks for time_s in (task.returned_s, task.stopped_s, task.dispatched_s)]
    return max((time_s for time_s in times if time_s is not None), default=start_s)


def _shifted(pilot: PilotTrace, start_s: float) -> PilotTrace:
    return replace(pilot, requested_s=pilot.requested_s - start_s, ended_s=_since(pilot.ended_s, start_s))
