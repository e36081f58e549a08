"""The timeline: what a run did, in few enough pieces to keep, draw and load into a viewer. Values only.

Times of the driver are seconds since the run's start. Times of a worker on another host are seconds since the first
start of a task on that host: two clocks, which only `harness.traces.clocks` lays side by side, for pictures.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pilot_quantum import PilotTrace, StageTrace


@dataclass(frozen=True, slots=True)
class Slice:
    """One attempt of a task on one worker, or several tasks in a row that were put together to save space.

    Attributes
    ----------
    task, tasks
        Number of the (first) task, and how many are in the slice.
    name, function
        Label and function; the label of a slice of several tasks is their function's name.
    state
        State of the task, or ``lost`` and ``failed`` for attempts that were followed by another one.
    submitted_s, bound_s, dispatched_s
        Of the first task, by the driver's clock.
    returned_s, stopped_s
        Of the last task, by the driver's clock; ``stopped_s`` is when the manager ended it without an answer.
    started_s, ended_s
        Start of the first and end of the last task, by the clock of ``host``; None if no worker has told.
    run_s, cpu_s
        Sums over the tasks.
    wait_s
        Mean seconds from submission to start; None where that would take two hosts' clocks.
    messages
        Share of a message that the tasks are: 0.25 for one of four.
    peak_rss
        Largest resident set of the worker, in bytes.
    cpus
        Cores that each task holds.
    rank
        Rank within a gang; None for other tasks. A gang has one slice for each rank.
    """

    task: int
    tasks: int
    name: str
    function: str
    state: str
    pilot: str | None
    worker: int | None
    rank: int | None
    host: str | None
    attempt: int
    reason: str | None
    error: str | None
    cpus: int
    messages: float
    submitted_s: float
    bound_s: float | None
    dispatched_s: float | None
    started_s: float | None
    ended_s: float | None
    returned_s: float | None
    stopped_s: float | None
    run_s: float | None
    wait_s: float | None
    cpu_s: float | None
    peak_rss: int | None


@dataclass(frozen=True, slots=True)
class Routed:
    """What was decided about the way of some circuits of a task through the devices of its pilot.

    Attributes
    ----------
    task, attempt
        Whose circuits.
    at_s
        When: by the driver's clock since the run's start or, if ``simulated``, by the devices' simulated clock.
    device, action, reason
        As in `pilot_quantum.RoutingDecision`; of several decisions that were put together, the first one's reason.
    circuits
        For how many.
    """

    task: int
    attempt: int
    at_s: float
    device: str
    action: str
    reason: str
    circuits: int
    simulated: bool


@dataclass(frozen=True, slots=True)
class Timeline:
    """What a run did.

    Attributes
    ----------
    driver_host
        Where the driver's clock is.
    end_s
        Length of the run, in seconds.
    slices
        By pilot, worker and start.
    pilots
        Times relative to the run's start, so that a pilot that was there before has negative ones.
    stages
        Likewise.
    tasks
        Number of tasks.
    tasks_per_slice
        Most tasks in one slice; 1 means that every task is told apart.
    origin
        What else is known of the run: ``key``, ``repeat``, ``campaign``, ``app``, ``params``, ``started_at``.
    routing
        Decisions about circuits on quantum devices, by task, attempt and time; empty without devices.
    """

    driver_host: str
    end_s: float
    slices: tuple[Slice, ...]
    pilots: tuple[PilotTrace, ...] = ()
    stages: tuple[StageTrace, ...] = ()
    tasks: int = 0
    tasks_per_slice: int = 1
    origin: dict[str, object] = field(default_factory=dict)
    routing: tuple[Routed, ...] = ()
