"""Tasks that wait for other tasks: a parent's result is an argument, or merely has to be there first."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any

from ._shared import Shared, capture
from .errors import ParentFailed
from .task import Task
from .worker import SCALARS, dumps

if TYPE_CHECKING:
    from ._lanes import Lane
    from ._scheduler import Scheduler

_lock = threading.Lock()


def submit_child(
    scheduler: Scheduler,
    lane: Lane,
    number: int,
    *,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    parents: tuple[Task, ...],
) -> Task:
    """Return a task that is queued once all its parents are done, with their results in place of them.

    If a parent does not succeed, the task fails with `ParentFailed` and the parent's exception as the cause.
    """
    unique = list(dict.fromkeys(parents))
    captured = [value if isinstance(value, (Task, Shared)) else dumps(value) for value in args]
    named = dumps(kwargs) if kwargs else None
    child = Task(lane, number, None, time.monotonic())
    child.parents_left = len(unique)
    for parent in unique:
        parent.add_done_callback(_on_end(scheduler, child, captured, named))
    return child


def _on_end(
    scheduler: Scheduler, child: Task, captured: list[Any], named: bytes | None
) -> Callable[[Future[Any]], None]:
    def ended(parent: Future[Any]) -> None:
        error = CancelledError() if parent.cancelled() else parent.exception()
        if error is not None:
            failure = ParentFailed(f"task {child.number} ({child.name}) needs {parent!r}, which did not succeed")
            failure.__cause__ = error
            child.fail(failure)
            return
        with _lock:
            child.parents_left -= 1
            last = child.parents_left == 0
        if last and not child.done():
            _queue(scheduler, child, captured, named)

    return ended


def _queue(scheduler: Scheduler, child: Task, captured: list[Any], named: bytes | None) -> None:
    values = [_value(item) for item in captured]
    kwargs = pickle.loads(named) if named else {}  # noqa: S301 - both were pickled by ourselves at submission
    plain = not kwargs and all(type(value) in SCALARS for value in values)
    child.call = tuple(values) if plain else capture(dumps, (tuple(values), kwargs))
    child.lane.queue.append(child)
    scheduler.enqueue(child.lane)


def _value(captured: Any) -> Any:
    if isinstance(captured, Task):
        return captured.result()
    return captured if isinstance(captured, Shared) else pickle.loads(captured)  # noqa: S301 - our own pickle
