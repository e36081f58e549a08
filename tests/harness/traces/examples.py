"""Runs made up on a virtual clock: workers take tasks in order, with gaps, on hosts whose clocks differ."""

from __future__ import annotations

import random
from typing import Any

from pilot_quantum import PilotTrace, RankTrace, RunTrace, StageTrace, TaskTrace

DRIVER = "login"
START_S = 5_000.0
"""The driver's monotonic clock at the start of the run."""


def pilot(name: str = "a", workers: int = 2, **fields: Any) -> PilotTrace:
    """Return a pilot that was ready a second before the run."""
    given = {
        "engine": "processes",
        "launcher": "local",
        "state": "running",
        "cores": workers,
        "requested_s": START_S - 3.0,
        "startup_s": {"launcher": 0.5, "engine": 0.5, "first_worker": 1.0},
    }
    return PilotTrace(name=name, workers=workers, **{**given, **fields})


def task(number: int = 0, **fields: Any) -> TaskTrace:
    """Return a task that ran from 1.0 to 2.0 s of the run on worker 0 of pilot a; times given are since the start."""
    times = {
        "submitted_s": 0.0,
        "bound_s": 0.5,
        "dispatched_s": 0.5,
        "started_s": 1.0,
        "ended_s": 2.0,
        "returned_s": 2.1,
        **{name: value for name, value in fields.items() if name.endswith("_s") and name != "cpu_s"},
    }
    given = {
        "name": "f",
        "function": "f",
        "state": "done",
        "pilot": "a",
        "worker": 0,
        "host": DRIVER,
        "driver_host": DRIVER,
        "reason": "the only running pilot that fits",
        "cpu_s": 0.5,
        "peak_rss": 2**20,
        **{name: value for name, value in fields.items() if name not in times},
    }
    absolute = {name: None if value is None else value + START_S for name, value in times.items()}
    return TaskTrace(task=number, **given, **absolute)


def lost_then_done() -> TaskTrace:
    """Return a task whose first worker died at 1.5 s; the second attempt ran from 2.0 to 3.0 s on worker 1."""
    unanswered = {"started_s": None, "ended_s": None, "returned_s": None, "cpu_s": None, "peak_rss": None}
    first = task(7, state="lost", error="it was killed", stopped_s=1.5, **unanswered)
    times = {"bound_s": 1.6, "dispatched_s": 1.6, "started_s": 2.0, "ended_s": 3.0, "returned_s": 3.1}
    return task(7, worker=1, attempt=2, earlier=(first,), **times)


def gang(number: int = 9) -> TaskTrace:
    """Return a gang of two ranks on workers 0 and 1, from 4.0 to 5.0 and to 5.5 s."""
    ranks = tuple(
        RankTrace(rank, rank, DRIVER, START_S + 4.0, START_S + end_s, 0.5, 2**20)
        for rank, end_s in enumerate((5.0, 5.5))
    )
    times = {"dispatched_s": 3.5, "bound_s": 3.5, "started_s": 4.0, "ended_s": 5.0, "returned_s": 5.1}
    return task(number, name="gang", function="gang", ranks=ranks, **times)


def run(*tasks: TaskTrace, pilots: tuple[PilotTrace, ...] | None = None, end_s: float = 6.0) -> RunTrace:
    """Return a run of these tasks with one stage."""
    stages = (StageTrace("execute", START_S + 0.2, START_S + end_s - 0.2),)
    return RunTrace(tasks, (pilot(),) if pilots is None else pilots, stages, START_S, START_S + end_s)


def busy_run(
    *,
    tasks: int,
    workers: int,
    pilots: int = 1,
    mean_s: float = 0.01,
    packed: int = 1,
    offset_s: float = 0.0,
    seed: int = 0,
) -> RunTrace:
    """Return a run of many tasks of three functions.

    Parameters
    ----------
    packed
        Tasks in a message.
    offset_s
        How far the clock of every pilot's host but the first one's is ahead of the driver's.
    """
    draw = random.Random(seed)
    names = [f"pilot-{number}" for number in range(pilots)]
    free = {(name, worker): 0.01 for name in names for worker in range(workers)}
    made: list[TaskTrace] = []
    for message in range(-(-tasks // packed)):
        lane = min(free, key=lambda lane: free[lane])
        ahead_s = 0.0 if lane[0] == names[0] else offset_s
        host = DRIVER if lane[0] == names[0] else f"node-{lane[0]}"
        sent_s = free[lane]
        at_s = sent_s + draw.uniform(1e-4, 1e-3)
        rows = []
        for number in range(message * packed, min(tasks, (message + 1) * packed)):
            end_s = at_s + draw.expovariate(1 / mean_s)
            rows.append((number, at_s, end_s))
            at_s = end_s
        got_s = at_s + draw.uniform(1e-4, 1e-3)
        free[lane] = got_s
        function = ("simulate", "reduce", "cut")[message % 7 % 3]
        place = {"pilot": lane[0], "worker": lane[1], "host": host, "name": function, "function": function}
        times = {"submitted_s": 0.001, "bound_s": sent_s, "dispatched_s": sent_s, "returned_s": got_s}
        for number, start_s, end_s in rows:
            own = {"started_s": start_s + ahead_s, "ended_s": end_s + ahead_s, "message_tasks": len(rows)}
            made.append(task(number, **place, **times, **own))
    end_s = max(free.values())
    stages = tuple(
        StageTrace(name, START_S + end_s * a, START_S + end_s * b)
        for name, a, b in (("build", 0.0, 0.1), ("execute", 0.1, 0.9), ("reduce", 0.9, 1.0))
    )
    held = tuple(pilot(name, workers) for name in names)
    return RunTrace(tuple(made), held, stages, START_S, START_S + end_s)
