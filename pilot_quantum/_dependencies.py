"""Tasks that wait for other tasks: a parent's result is an argument, or merely has to be there first."""

from __future__ import annotations

import pickle
import threading
import time
from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._lanes import pack_call
from ._shared import Shared
from .errors import ParentFailed
from .task import Task
from .worker import dumps

if TYPE_CHECKING:
    from ._lanes import Lane
    from ._scheduler import Scheduler

_lock = threading.Lock()


@dataclass(frozen=True, slots=True)
class _Captured:
    """Arguments as they were at submission: parents and shared values as they are, all others pickled."""

    args: tuple[Any, ...]
    kwargs: dict[str, Any]

    def call(self) -> Any:
        """Return the call, with the parents' results in their places."""
        kwargs = {key: _value(item) for key, item in self.kwargs.items()}
        return pack_call(tuple(_value(item) for item in self.args), kwargs)


def parents_of(args: tuple[Any, ...], kwargs: dict[str, Any], after: tuple[Task, ...]) -> tuple[Task, ...]:
    """Return ``after`` and the tasks among the arguments."""
    for value in args:
        if isinstance(value, Task):
            after = (*after, value)
    for value in kwargs.values():
        if isinstance(value, Task):
            after = (*after, value)
    return after


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
    captured = _Captured(tuple(map(_capture, args)), {key: _capture(value) for key, value in kwargs.items()})
    child = Task(lane, number, None, time.monotonic())
    child.parents_left = len(unique)
    scheduler.waiting.add(child)
    child.add_done_callback(scheduler.waiting.discard)
    for parent in unique:
        parent.add_done_callback(_on_end(scheduler, child, captured))
    scheduler.check_open(child)
    return child


def _on_end(scheduler: Scheduler, child: Task, captured: _Captured) -> Callable[[Future[Any]], None]:
    def ended(parent: Future[Any]) -> None:
        error = CancelledError() if parent.cancelled() else parent.exception()
        if error is not None:
            failure = ParentFailed(f"task {child.number} ({child.name}) needs {parent!r}, which did not succeed")
            failure.__cause__ = error
            # Through the queue: a long chain of children would otherwise fail by recursion.
            scheduler.post(child.fail, failure)
            return
        with _lock:
            child.parents_left -= 1
            last = child.parents_left == 0
        if last and not child.done():
            _queue(scheduler, child, captured)

    return ended


def _queue(scheduler: Scheduler, child: Task, captured: _Captured) -> None:
    try:
        child.call = captured.call()
    except Exception as error:  # noqa: BLE001 - pickling runs user code, which may raise anything
        child.fail(error)
        return
    scheduler.waiting.discard(child)
    child.lane.queue.append(child)
    scheduler.enqueue(child.lane)


def _capture(value: Any) -> Any:
    return value if isinstance(value, (Task, Shared)) else dumps(value)


def _value(item: Any) -> Any:
    if isinstance(item, Task):
        return item.result()
    return item if isinstance(item, Shared) else pickle.loads(item)  # noqa: S301 - pickled by ourselves
