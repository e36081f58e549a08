"""What happened to one task: times, place, attempts.

Times are seconds of ``time.monotonic`` on the host that is named with them: ``submitted_s``, ``bound_s``,
``dispatched_s`` and ``returned_s`` on the driver's host, ``started_s`` and ``ended_s`` on ``host``. Where the two
hosts differ, times of one side must not be subtracted from times of the other; `TaskTrace.wait_s` refuses it.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any


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
        Why the policy bound the task to this pilot.
    attempt
        1 for the first attempt.
    message_tasks
        Number of tasks that travelled in the same message.
    cpu_s
        CPU seconds of the worker process, all threads, shared among the tasks of one message by run time.
    peak_rss
        Largest resident set of the worker process up to the end of the message, in bytes.
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


def summarize(traces: Iterable[TaskTrace]) -> dict[str, Any]:
    """Summarize many traces in numbers small enough for a record.

    Returns
    -------
    dict
        ``tasks``, ``messages`` (packed sends), ``attempts``, ``pilots`` and ``workers`` (tasks on each), ``run_s_sum``,
        ``run_s_median``, ``wait_s_median``, ``cpu_s_sum``, ``peak_rss_max`` (bytes), ``states`` (count of each).
        Medians and maxima are None without data.
    """
    rows = list(traces)
    runs = [r.run_s for r in rows if r.run_s is not None]
    waits = [r.wait_s for r in rows if r.wait_s is not None]
    return {
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


def _count(values: Iterable[str]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for value in values:
        counts[value] = counts.get(value, 0) + 1
    return counts
