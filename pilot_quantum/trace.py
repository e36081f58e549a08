"""What happened: to one task (times, place, attempts, ranks), to a pilot, in a run.

Times are seconds of ``time.monotonic`` on the host that is named with them: ``submitted_s``, ``bound_s``,
``dispatched_s``, ``returned_s`` and ``stopped_s`` on the driver's host, ``started_s`` and ``ended_s`` on ``host``.
Where the two hosts differ, times of one side must not be subtracted from times of the other; `TaskTrace.wait_s`
refuses it.

These are values only. ``harness.traces`` keeps, exports and draws them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from statistics import median
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .pilot import Pilot
    from .task import Task


@dataclass(frozen=True, slots=True)
class RankTrace:
    """What one rank of a gang did; fields as in `TaskTrace`, times None if the rank never answered."""

    rank: int
    worker: int
    host: str | None
    started_s: float | None
    ended_s: float | None
    cpu_s: float | None
    peak_rss: int | None


@dataclass(frozen=True, slots=True)
class RoutingDecision:
    """One step of some circuits of a task on their way through the devices of its pilot.

    Attributes
    ----------
    time_s
        When: by the driver's clock, or, if ``simulated``, seconds of the devices' simulated clock.
    device
        Name of the device; empty if the decision is about none.
    action
        ``"wait"`` (for a device, or for any), ``"send"``, ``"withdraw"`` (taken back from a device that has become
        worse than another, or is down), ``"retry"`` (given back after a failure), ``"recover"`` (found in the journal,
        or by its tag at the vendor) or ``"stop"`` (no device can or may run it: a limit, a budget, a failure for good).
    reason
        Why, as a clause; of several circuits, of the first.
    circuits
        How many circuits of the task it was decided for, within a second.
    simulated
        Whether ``time_s`` is of a simulated clock.
    """

    time_s: float
    device: str
    action: str
    reason: str
    circuits: int = 1
    simulated: bool = False


@dataclass(frozen=True, slots=True)
class TaskTrace:
    """History of one task; a time is None for a state that was never reached.

    Attributes
    ----------
    task
        Number of the task within its manager.
    name
        Label of the task.
    state
        State when the trace was read.
    pilot, worker
        Where the last attempt ran; None before binding. ``worker`` numbers the workers of one pilot.
    host, driver_host
        Host names on which the worker's and the driver's times were taken.
    reason
        Why the task was bound to this pilot: the policy's reason, or that there was no choice, and what else led to it
        (backfill, a reservation, a gang, an earlier attempt).
    attempt
        1 for the first attempt.
    message_tasks
        Number of tasks that travelled in the same message.
    cpu_s
        CPU seconds of the worker process, all threads, shared among the tasks of one message by run time.
    peak_rss
        Largest resident set of the worker process up to the end of the message, in bytes.
    function
        Name of the function; ``name`` is the same unless the task has a label of its own.
    cpus
        Cores that the task holds, or each rank of it.
    stopped_s
        When the manager ended the task, or this attempt, because no answer could: cancelled, timed out, lost.
    error
        How the task, or this attempt, went wrong: type of the exception, reason of the loss; None if it did not.
    ranks
        The ranks of a gang, whose own times are those of rank 0; empty for other tasks.
    earlier
        Attempts before this one, oldest first, with the state ``lost`` (its worker died) or ``failed`` (it raised).
    routing
        Which devices of the pilot this attempt's circuits went to, and why, in order of time; empty without devices.
    """

    task: int
    name: str
    state: str
    submitted_s: float
    bound_s: float | None = None
    dispatched_s: float | None = None
    started_s: float | None = None
    ended_s: float | None = None
    returned_s: float | None = None
    pilot: str | None = None
    worker: int | None = None
    host: str | None = None
    driver_host: str | None = None
    reason: str | None = None
    attempt: int = 1
    message_tasks: int = 1
    cpu_s: float | None = None
    peak_rss: int | None = None
    function: str = ""
    cpus: int = 1
    stopped_s: float | None = None
    error: str | None = None
    ranks: tuple[RankTrace, ...] = ()
    earlier: tuple[TaskTrace, ...] = ()
    routing: tuple[RoutingDecision, ...] = ()

    @property
    def run_s(self) -> float | None:
        """Seconds from start to end on the worker; None if the task did not end there."""
        if self.started_s is None or self.ended_s is None:
            return None
        return self.ended_s - self.started_s

    @property
    def wait_s(self) -> float | None:
        """Seconds from submission to start; None if not started, or started on another host's clock."""
        if self.started_s is None or self.host != self.driver_host:
            return None
        return self.started_s - self.submitted_s

    def as_dict(self) -> dict[str, Any]:
        """Return the trace as a plain dictionary, for JSON."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> TaskTrace:
        """Return the trace that `as_dict` was made from, also after a way through JSON."""
        ranks = tuple(RankTrace(**rank) for rank in values["ranks"])
        earlier = tuple(cls.from_dict(attempt) for attempt in values["earlier"])
        routing = tuple(RoutingDecision(**decision) for decision in values.get("routing", ()))
        return cls(**{**values, "ranks": ranks, "earlier": earlier, "routing": routing})


@dataclass(frozen=True, slots=True)
class PilotTrace:
    """What a pilot was and when; times on the driver's host.

    Attributes
    ----------
    name, engine, launcher, state
        As in its description, and its state when the trace was read.
    workers, cores
        How many it has, or had at its end.
    requested_s
        When it was asked for.
    startup_s
        Seconds of each phase of the start that was reached, one after the other: ``launcher``, ``engine``,
        ``first_worker``, ``workers``.
    ended_s
        When its end began; None if it still lives.
    """

    name: str
    engine: str
    launcher: str
    state: str
    workers: int
    cores: int
    requested_s: float
    startup_s: dict[str, float]
    ended_s: float | None = None

    @classmethod
    def of(cls, pilot: Pilot) -> PilotTrace:
        """Return what has become of a pilot so far."""
        held, wanted = pilot.view, pilot.description
        return cls(
            name=pilot.name,
            engine=wanted.engine,
            launcher=wanted.launcher,
            state=pilot.state,
            workers=held.workers,
            cores=held.cores,
            requested_s=pilot._submitted_s,
            startup_s=dict(pilot.startup_s),
            ended_s=pilot._ended_s,
        )


@dataclass(frozen=True, slots=True)
class StageTrace:
    """One passage through a named stage of a run; times on the driver's host."""

    name: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class RunTrace:
    """Tasks, pilots and stages of one run, or of any tasks of a manager.

    Attributes
    ----------
    tasks
        In the order of submission.
    pilots
        Those the tasks could use.
    stages
        In the order of their ends; empty outside a run.
    start_s, end_s
        When the run began and ended; None outside a run, and while it goes on.
    """

    tasks: tuple[TaskTrace, ...]
    pilots: tuple[PilotTrace, ...] = ()
    stages: tuple[StageTrace, ...] = ()
    start_s: float | None = None
    end_s: float | None = None

    @classmethod
    def of(cls, tasks: Iterable[Task], pilots: Iterable[Pilot]) -> RunTrace:
        """Return what has happened to tasks so far, on these pilots: ``RunTrace.of(tasks, manager.pilots())``."""
        return cls(tuple(task.trace() for task in tasks), tuple(map(PilotTrace.of, pilots)))

    def as_dict(self) -> dict[str, Any]:
        """Return the trace as a plain dictionary, for JSON."""
        return asdict(self)


def summarize(traces: Iterable[TaskTrace]) -> dict[str, Any]:
    """Summarize many traces in numbers small enough for a record.

    Returns
    -------
    dict
        ``tasks``, ``messages`` (packed sends), ``attempts``, ``pilots`` and ``workers`` (tasks on each), ``run_s_sum``,
        ``run_s_median``, ``wait_s_median``, ``cpu_s_sum``, ``peak_rss_max`` (bytes), ``states`` (count of each), and,
        if devices were used, ``routing`` (circuits of each action and device, of all attempts).
        Medians and maxima are None without data.
    """
    rows = list(traces)
    runs = [r.run_s for r in rows if r.run_s is not None]
    waits = [r.wait_s for r in rows if r.wait_s is not None]
    found = {
        "tasks": len(rows),
        "messages": round(sum(1 / r.message_tasks for r in rows), 3),
        "attempts": sum(r.attempt for r in rows),
        "states": _count(r.state for r in rows),
        "pilots": _count(r.pilot for r in rows if r.pilot is not None),
        "workers": _count(f"{r.pilot}/{r.worker}" for r in rows if r.worker is not None),
        "run_s_sum": sum(runs),
        "run_s_median": median(runs) if runs else None,
        "wait_s_median": median(waits) if waits else None,
        "cpu_s_sum": sum(r.cpu_s for r in rows if r.cpu_s is not None),
        "peak_rss_max": max((r.peak_rss for r in rows if r.peak_rss is not None), default=None),
    }
    routing = _routed(attempt for row in rows for attempt in (*row.earlier, row))
    return {**found, "routing": routing} if routing else found


def _routed(attempts: Iterable[TaskTrace]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for attempt in attempts:
        for decision in attempt.routing:
            what = f"{decision.action} {decision.device}".strip()
            counts[what] = counts.get(what, 0) + decision.circuits
    return counts


def _count(values: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts
