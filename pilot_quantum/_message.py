"""A message: tasks of one lane, sent to one worker together. Driver side."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .trace import RankTrace, TaskTrace

if TYPE_CHECKING:
    from ._gang import Gang
    from .pilot import Worker
    from .task import Task


class Message:
    """Tasks on their way to a worker, and afterwards the times they share.

    Attributes
    ----------
    tasks
        The tasks, in order; empty once the message has been answered.
    size
        Number of tasks that were run from it.
    estimate_s
        Expected run time of all tasks, in seconds; infinite if unknown.
    gang
        The gang whose rank this message starts; None for ordinary tasks.
    hub
        Devices of the pilot, which know where the tasks' circuits went; None if it has none.
    times
        Start and end of each task on the worker's clock, interleaved; None until answered.
    """

    __slots__ = (
        "bound_s",
        "cpu_s",
        "driver_host",
        "estimate_s",
        "gang",
        "host",
        "hub",
        "peak_rss",
        "pilot",
        "reason",
        "returned_s",
        "run_s",
        "sent_s",
        "size",
        "tasks",
        "times",
        "worker",
    )

    def __init__(self, tasks: list[Task], worker: Worker, *, estimate_s: float, reason: str, now: float) -> None:
        self.tasks = tasks
        self.size = len(tasks)
        self.estimate_s = estimate_s
        self.reason = reason
        self.pilot = worker.pilot.name
        self.worker = worker.index
        self.host = worker.host
        self.driver_host = worker.pilot.driver_host
        self.hub = worker.pilot.devices
        self.bound_s = now
        self.sent_s: float | None = None
        self.returned_s: float | None = None
        self.times: Sequence[float] | None = None
        self.gang: Gang | None = None
        self.cpu_s = 0.0
        self.run_s = 0.0
        self.peak_rss = 0
        for index, task in enumerate(tasks):
            task.put_in(self, index)

    def answered(self, times: array[float], *, cpu_s: float, peak_rss: int, now: float) -> None:
        """Store what the worker measured, and let go of the tasks."""
        self.times = times
        self.size = len(times) // 2
        self.run_s = sum(times[1::2]) - sum(times[0::2])
        self.cpu_s = cpu_s
        self.peak_rss = peak_rss
        self.returned_s = now
        self.tasks = []

    def trace(self, task: Task, index: int) -> TaskTrace:
        """Return the trace of the task that travelled as item ``index``."""
        started = ended = cpu = None
        if self.times is not None and 2 * index < len(self.times):
            started, ended = self.times[2 * index], self.times[2 * index + 1]
            cpu = self.cpu_s * ((ended - started) / self.run_s if self.run_s > 0 else 1 / self.size)
        return TaskTrace(
            task=task.number,
            name=task.name,
            state=task.state,
            submitted_s=task.submitted_s,
            bound_s=self.bound_s,
            dispatched_s=self.sent_s,
            started_s=started,
            ended_s=ended,
            returned_s=self.returned_s,
            pilot=self.pilot,
            worker=self.worker,
            host=self.host,
            driver_host=self.driver_host,
            reason=self.reason,
            attempt=task.attempt,
            message_tasks=self.size,
            cpu_s=cpu,
            peak_rss=self.peak_rss or None,
            function=task.lane.function.name,
            cpus=task.lane.spec.resources.cpus,
            stopped_s=task.stopped_s,
            error=task.error,
            ranks=() if self.gang is None else self.gang.traces(),
            earlier=task.earlier,
            routing=() if self.hub is None else self.hub.decisions(task.number, task.attempt),
        )

    def rank_trace(self, rank: int) -> RankTrace:
        """Return what this message says of one rank of its gang."""
        started, ended = (None, None) if self.times is None else self.times[:2]
        cpu_s = None if self.times is None else self.cpu_s
        return RankTrace(rank, self.worker, self.host, started, ended, cpu_s, self.peak_rss or None)
