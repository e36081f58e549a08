"""States of tasks and pilots: the only place where they are spelled."""

from enum import StrEnum


class TaskState(StrEnum):
    """What has become of a task, in the order a task passes through."""

    WAITING = "waiting"
    """Has unfinished parents."""
    QUEUED = "queued"
    """Held by the manager; not bound to a pilot yet."""
    DISPATCHED = "dispatched"
    """Bound to a pilot and sent to one of its workers; it may be running."""
    DONE = "done"
    """Returned a value."""
    FAILED = "failed"
    """Raised, or its worker was lost too often."""
    TIMEOUT = "timeout"
    """Ran longer than its ``timeout_s`` and was stopped."""
    CANCELLED = "cancelled"
    """Cancelled before it ended."""

    @property
    def final(self) -> bool:
        """Whether a task in this state has ended for good."""
        return self in _FINAL_TASK_STATES


_FINAL_TASK_STATES = frozenset({TaskState.DONE, TaskState.FAILED, TaskState.TIMEOUT, TaskState.CANCELLED})


class PilotState(StrEnum):
    """What has become of a pilot."""

    PENDING = "pending"
    """Resources asked for, not held yet."""
    STARTING = "starting"
    """Resources held; the engine and its workers are coming up."""
    RUNNING = "running"
    """At least one worker takes tasks."""
    DRAINING = "draining"
    """Finishes what it has begun and takes nothing new."""
    DONE = "done"
    """Released by its owner, or its walltime ended."""
    FAILED = "failed"
    """Could not start, or lost all its workers for good."""

    @property
    def final(self) -> bool:
        """Whether a pilot in this state holds no resources any more."""
        return self in (PilotState.DONE, PilotState.FAILED)
