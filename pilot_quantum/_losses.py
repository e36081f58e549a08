"""What becomes of the tasks of a lost worker. Driver side."""

from __future__ import annotations

from ._message import Message
from .errors import WorkerLost
from .task import Task


def tasks_of_lost(messages: list[Message], reason: str) -> tuple[list[tuple[Task, float]], list[Task]]:
    """Sort the tasks of a lost worker.

    Only the oldest message can have been running, so only its tasks are charged an attempt; they are tried again one by
    one, so that a task that kills its workers soon stands alone. Tasks without attempts left fail with `WorkerLost`.

    Returns
    -------
    charged
        Tasks that get another attempt, each with the seconds to wait before it.
    innocent
        Tasks that had not started.
    """
    charged: list[tuple[Task, float]] = []
    for task in messages[0].tasks if messages else []:
        rule = task.lane.spec.retries
        if task.attempt > rule.lost_worker:
            task.fail(WorkerLost(f"task {task.number} ({task.name}), attempt {task.attempt}: {reason}"))
        else:
            charged.append((task, rule.backoff_s * 2 ** (task.attempt - 1)))
            task.next_attempt("lost", reason)
    return charged, [task for message in messages[1:] for task in message.tasks]
