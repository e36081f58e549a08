"""A timeline as a trace for Perfetto (https://ui.perfetto.dev) and ``chrome://tracing``: the JSON trace event format.

One process for the manager (stages, submissions, bindings, a counter of queued tasks, the routing of circuits over
devices with its reasons), one for each pilot: its start,
one thread a worker with a slice a task, a counter of running tasks. A gang has a slice in the thread of each rank.
Arrows lead from the binding of a message to its first task. What was shortened is said in ``otherData``.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from .clocks import Bar, ClockOffset, bars, clock_offsets
from .counts import queued, running

if TYPE_CHECKING:
    import os

    from pilot_quantum import PilotTrace, StageTrace

    from .timeline import Timeline

Event = dict[str, Any]

MANAGER_PID: Final = 1
START_TID: Final = 1
"""Thread of a pilot's start; worker *w* is thread *w* + 2."""
MAX_ARROWS: Final = 10_000
"""With more slices, single submissions and bindings are left out: the counters say the same, in a tenth of the size."""
_STAGES, _SUBMISSIONS, _BINDINGS, _ROUTING = 1_000, 1, 2, 3


def chrome_trace(timeline: Timeline) -> dict[str, Any]:
    """Return the trace as the object of the JSON trace event format; times are microseconds, the earliest is 0."""
    placed = bars(timeline)
    events = [*_manager(timeline, placed), *_pilots(timeline, placed)]
    earliest = min((event["ts"] for event in events if "ts" in event), default=0.0)
    for event in events:
        if "ts" in event:
            event["ts"] = round(event["ts"] - earliest, 3)
    return {
        "traceEvents": events,
        "displayTimeUnit": "ms",
        "otherData": {**timeline.origin, "zero_is_s_before_the_run": -earliest / 1e6, **_remarks(timeline)},
    }


def write_chrome(timeline: Timeline, path: str | os.PathLike[str]) -> Path:
    """Write `chrome_trace` as a file and return its path."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(chrome_trace(timeline), separators=(",", ":"), allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8")
    return path


def _remarks(timeline: Timeline) -> dict[str, Any]:
    offsets = clock_offsets(timeline)
    other = {host: offset for host, offset in offsets.items() if host != timeline.driver_host}
    return {
        "driver_host": timeline.driver_host,
        "tasks": timeline.tasks,
        "tasks_per_slice": timeline.tasks_per_slice,
        "single_submissions": len(timeline.slices) <= MAX_ARROWS,
        "clocks": {host: describe(offset) for host, offset in sorted(other.items())},
    }


def describe(offset: ClockOffset) -> str:
    """Say how far a host's lanes may be off."""
    if offset.drifts:
        return f"aligned by dispatch and return; the clocks drift, off by up to {offset.uncertainty_s * 1e3:.3g} ms"
    if offset.uncertainty_s == 0:
        return "the driver's clock"
    return f"aligned by dispatch and return to ±{offset.uncertainty_s * 1e3:.3g} ms"


# ---------------------------------------------------------------- the manager


def _manager(timeline: Timeline, placed: list[Bar]) -> Iterator[Event]:
    yield from _named(MANAGER_PID, f"manager on {timeline.driver_host}", 0)
    yield from _stages(timeline.stages)
    yield from _counter(MANAGER_PID, "queued tasks", queued(timeline))
    yield from _counter(MANAGER_PID, "running tasks", running(placed))
    if len(timeline.slices) <= MAX_ARROWS:
        yield from _submissions(timeline)
        yield from _bindings(timeline, placed)
    if timeline.routing:
        yield from _routing(timeline, placed)


def _routing(timeline: Timeline, placed: list[Bar]) -> Iterator[Event]:
    """Yield a mark for each decision of a broker; those of a simulated clock stand where their task began."""
    yield _thread(MANAGER_PID, _ROUTING, "routing over devices", 102)
    begins = {(bar.slice.task, bar.slice.attempt): bar.begin_s for bar in reversed(placed)}
    for row in timeline.routing:
        at_s = begins.get((row.task, row.attempt), 0.0) if row.simulated else row.at_s
        name = f"{row.action} {row.device}".strip() + (f" ×{row.circuits}" if row.circuits > 1 else "")
        args = {"task": row.task, "attempt": row.attempt, "circuits": row.circuits, "reason": row.reason}
        if row.simulated:
            args["simulated_s"] = row.at_s
        place = {"pid": MANAGER_PID, "tid": _ROUTING, "s": "t"}
        yield {"name": name, "cat": "routing", "ph": "i", "ts": at_s * 1e6, **place, "args": args}


def _stages(stages: Iterable[StageTrace]) -> Iterator[Event]:
    """Stages of one thread of the program nest; those of several may overlap and get lanes of their own."""
    lanes: list[list[StageTrace]] = []
    for stage in sorted(stages, key=lambda stage: (stage.start_s, -stage.end_s)):
        lane = next((number for number, open_ in enumerate(lanes) if _nests(open_, stage)), len(lanes))
        if lane == len(lanes):
            lanes.append([])
            yield _thread(MANAGER_PID, _STAGES + lane, "stages", lane)
        lanes[lane].append(stage)
        span = (stage.start_s, stage.end_s)
        yield _complete(stage.name, "stage", (MANAGER_PID, _STAGES + lane), span=span, args={})


def _nests(open_: list[StageTrace], new: StageTrace) -> bool:
    while open_ and open_[-1].end_s <= new.start_s:
        open_.pop()
    return not open_ or new.end_s <= open_[-1].end_s


def _submissions(timeline: Timeline) -> Iterator[Event]:
    yield _thread(MANAGER_PID, _SUBMISSIONS, "submissions", 100)
    for one in sorted(timeline.slices, key=lambda one: one.submitted_s):
        if one.attempt == 1 and one.rank in (None, 0):
            args = {"task": one.task, "tasks": one.tasks}
            place = {"pid": MANAGER_PID, "tid": _SUBMISSIONS, "s": "t"}
            yield {
                "name": f"submit {one.name}",
                "cat": "submit",
                "ph": "i",
                "ts": one.submitted_s * 1e6,
                **place,
                "args": args,
            }


def _bindings(timeline: Timeline, placed: list[Bar]) -> Iterator[Event]:
    """Yield a slice for each message when it was bound, and an arrow to where its first task starts."""
    yield _thread(MANAGER_PID, _BINDINGS, "bindings", 101)
    messages: dict[tuple[float, str | None, int | None], list[Bar]] = defaultdict(list)
    for bar in placed:
        one = bar.slice
        messages[one.bound_s if one.bound_s is not None else bar.begin_s, one.pilot, one.worker].append(bar)
    ordered = sorted(messages.items(), key=lambda item: item[0][0])
    nexts = [key[0] for key, _ in ordered[1:]] + [float("inf")]
    for number, (((bound_s, pilot, worker), members), next_s) in enumerate(zip(ordered, nexts, strict=True)):
        first, tasks = members[0], sum(bar.slice.tasks for bar in members)
        end_s = min(max(first.slice.dispatched_s or bound_s, bound_s + 1e-6), max(next_s, bound_s))
        args = {"pilot": pilot, "worker": worker, "tasks": tasks, "reason": first.slice.reason}
        yield _complete(f"bind {first.slice.name}", "bind", (MANAGER_PID, _BINDINGS), span=(bound_s, end_s), args=args)
        arrow = {"name": "dispatch", "cat": "dispatch", "id": number}
        yield {**arrow, "ph": "s", "ts": bound_s * 1e6, "pid": MANAGER_PID, "tid": _BINDINGS}
        pid, tid = _place(first, timeline)
        yield {**arrow, "ph": "f", "bp": "e", "ts": max(first.begin_s, bound_s) * 1e6, "pid": pid, "tid": tid}


# ---------------------------------------------------------------- the pilots


def _pilots(timeline: Timeline, placed: list[Bar]) -> Iterator[Event]:
    offsets = clock_offsets(timeline)
    hosts = {_place(bar, timeline): bar.slice.host for bar in reversed(placed)}
    for pilot in timeline.pilots:
        mine = [bar for bar in placed if bar.slice.pilot == pilot.name]
        pid = _pid(pilot.name, timeline)
        yield from _named(pid, f"pilot {pilot.name} ({pilot.engine}, {pilot.workers} workers)", pid)
        yield _thread(pid, START_TID, "start", START_TID)
        yield from _start(pilot, pid)
        yield from _counter(pid, "running tasks", running(mine))
    for (pid, tid), host in sorted(hosts.items()):
        clock = offsets.get(host or "", ClockOffset(0.0, 0.0))
        where = "" if host in (None, timeline.driver_host) else f" on {host}, {describe(clock)}"
        yield _thread(pid, tid, f"worker {tid - START_TID - 1}{where}", tid)
    yield from (_task(bar, timeline) for bar in placed)


def _pid(name: str | None, timeline: Timeline) -> int:
    names = [pilot.name for pilot in timeline.pilots]
    return MANAGER_PID + 1 + (names.index(name) if name in names else len(names))


def _place(bar: Bar, timeline: Timeline) -> tuple[int, int]:
    return _pid(bar.slice.pilot, timeline), START_TID + 1 + (bar.slice.worker or 0)


def _start(pilot: PilotTrace, pid: int) -> Iterator[Event]:
    begin_s = pilot.requested_s
    for phase, seconds in pilot.startup_s.items():
        span = (begin_s, begin_s + seconds)
        yield _complete(f"start: {phase}", "pilot", (pid, START_TID), span=span, args={"engine": pilot.engine})
        begin_s += seconds
    if pilot.ended_s is not None:
        place = {"pid": pid, "tid": START_TID, "s": "p"}
        yield {"name": f"pilot {pilot.state}", "cat": "pilot", "ph": "i", "ts": pilot.ended_s * 1e6, **place}


def _task(bar: Bar, timeline: Timeline) -> Event:
    one = bar.slice
    name = one.name + (f" ×{one.tasks}" if one.tasks > 1 else "") + ("" if one.rank is None else f" rank {one.rank}")
    ill = one.state not in ("done", "dispatched")
    args = {
        "task": one.task,
        "tasks": one.tasks,
        "state": one.state,
        "attempt": one.attempt,
        "reason": one.reason,
        "error": one.error,
        "rank": one.rank,
        "message_share": round(one.messages, 6),
        "wait_ms": _ms(one.wait_s),
        "queued_ms": None if one.dispatched_s is None else _ms(one.dispatched_s - one.submitted_s),
        "cpu_ms": _ms(one.cpu_s),
        "cpus": one.cpus,
        "peak_rss_bytes": one.peak_rss,
        "host": one.host,
        "times": "worker's clock" if bar.told else "bounds: from dispatch to when the manager gave it up",
    }
    event = _complete(
        f"{name} ({one.state})" if ill else name,
        "task" if bar.told else "task,no answer",
        _place(bar, timeline),
        span=(bar.begin_s, bar.end_s),
        args={key: value for key, value in args.items() if value is not None},
    )
    return {**event, "cname": "terrible"} if ill else event


def _ms(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1e3, 6)


# ---------------------------------------------------------------- events


def _complete(
    name: str, category: str, place: tuple[int, int], *, span: tuple[float, float], args: dict[str, Any]
) -> Event:
    ts, dur = round(span[0] * 1e6, 3), round((span[1] - span[0]) * 1e6, 3)
    return {
        "name": name,
        "cat": category,
        "ph": "X",
        "ts": ts,
        "dur": dur,
        "pid": place[0],
        "tid": place[1],
        "args": args,
    }


def _counter(pid: int, name: str, steps: Iterable[tuple[float, int]]) -> Iterator[Event]:
    yield from ({"name": name, "ph": "C", "ts": at * 1e6, "pid": pid, "args": {"tasks": n}} for at, n in steps)


def _named(pid: int, name: str, place: int) -> Iterator[Event]:
    yield {"name": "process_name", "ph": "M", "pid": pid, "args": {"name": name}}
    yield {"name": "process_sort_index", "ph": "M", "pid": pid, "args": {"sort_index": place}}


def _thread(pid: int, tid: int, name: str, place: int) -> Event:
    return {"name": "thread_name", "ph": "M", "pid": pid, "tid": tid, "args": {"name": name, "sort_index": place}}
