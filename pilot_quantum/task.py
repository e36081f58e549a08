"""The handle of a task: a `concurrent.futures.Future` that is its own queue entry and trace record.

A stock `Future` costs 1.9 kB and one `threading.Condition` each. A `Task` builds its condition only when somebody waits
on it or adds a callback; until then a single lock, taken once for a whole message, guards all changes of state. This
is what makes a million queued tasks affordable.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Generator
from concurrent.futures import Future
from concurrent.futures._base import CANCELLED, CANCELLED_AND_NOTIFIED, FINISHED, PENDING, RUNNING
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .errors import TaskTimeout
from .states import TaskState
from .trace import TaskTrace

if TYPE_CHECKING:
    from ._lanes import Lane
    from ._message import Message

_log = logging.getLogger(__name__)

# Guards `_state` of every task whose condition does not exist yet, and the making of conditions. Never wait for a
# condition while holding it: `concurrent.futures.wait` holds conditions while it asks for further ones.
_states_lock = threading.Lock()
_ENDED = frozenset({CANCELLED, CANCELLED_AND_NOTIFIED, FINISHED})


class Task(Future[Any]):
    """One submitted task; made by `PilotManager.submit_task`, never by hand.

    Everything that `concurrent.futures.Future` documents holds: ``result``, ``exception``, ``cancel``, ``done``,
    ``add_done_callback``; also ``await task``. ``result()`` raises the task's own exception with the worker's traceback
    as its cause, or a `TaskError` that says how else it ended.

    Attributes
    ----------
    number
        Position in the order of submission to its manager, from 0.
    attempt
        1 for the first attempt.
    """

    __slots__ = (
        "_cond",
        "_done_callbacks",
        "_earlier",
        "_exception",
        "_index",
        "_lane",
        "_message",
        "_result",
        "_state",
        "_stopped_s",
        "_submitted_s",
        "_waiters",
        "attempt",
        "call",
        "number",
        "parents_left",
    )

    def __init__(self, lane: Lane, number: int, call: Any, submitted_s: float) -> None:
        # Deliberately not super().__init__(): that would build the condition.
        self._cond: threading.Condition | None = None
        self._state = PENDING
        self._result = None
        self._exception = None
        self._message: Message | None = None
        self._index = 0
        self._lane = lane
        self._submitted_s = submitted_s
        self.number = number
        self.call = call
        self.attempt = 1
        self.parents_left = 0

    @property
    def _condition(self) -> threading.Condition:  # type: ignore[override]  # built when first needed
        condition = self._cond
        if condition is None:
            with _states_lock:
                condition = self._cond
                if condition is None:
                    self._waiters: list[Any] = []
                    self._done_callbacks: list[Any] = []
                    condition = self._cond = threading.Condition()
        return condition

    def __repr__(self) -> str:
        """Return number, name and state."""
        return f"<Task {self.number} {self.name} {self.state}>"

    def __reduce__(self) -> tuple[Any, ...]:
        """Refuse to be pickled: a copy on a worker would never end."""
        raise TypeError(
            f"{self!r} cannot travel inside an argument: pass the task itself as an argument, or its result"
        )

    def __await__(self) -> Generator[Any, None, Any]:
        """Wait for the result inside a coroutine."""
        import asyncio  # 20 ms, which only coroutines should pay

        return asyncio.wrap_future(self).__await__()

    @property
    def name(self) -> str:
        """Label of the task, by default its function's name."""
        return self._lane.spec.name or self._lane.function.name

    @property
    def state(self) -> TaskState:
        """Where the task is now."""
        state = self._state
        if state == PENDING:
            return TaskState.WAITING if self.parents_left else TaskState.QUEUED
        if state == RUNNING:
            return TaskState.DISPATCHED
        if state != FINISHED:
            return TaskState.CANCELLED
        if self._exception is None:
            return TaskState.DONE
        return TaskState.TIMEOUT if isinstance(self._exception, TaskTimeout) else TaskState.FAILED

    def done(self) -> bool:
        """Return whether the task has ended, in whatever way."""
        return self._state in _ENDED

    def cancel(self) -> bool:
        """Cancel the task if no worker has it yet; return whether it is cancelled.

        A dispatched task is cancelled by `PilotManager.cancel`, which stops its worker.
        """
        return self._cancel_if(PENDING)

    def result(self, timeout: float | None = None) -> Any:
        """Return the task's value, waiting up to ``timeout`` seconds (None: without limit)."""
        if self._state == FINISHED and self._exception is None:
            return self._result
        return super().result(timeout)

    def trace(self) -> TaskTrace:
        """Return what has happened to the task so far."""
        message = self._message
        if message is None:
            return TaskTrace(
                task=self.number,
                name=self.name,
                state=self.state,
                submitted_s=self._submitted_s,
                function=self._lane.function.name,
                cpus=self._lane.spec.resources.cpus,
                stopped_s=self.stopped_s,
                error=self.error,
            )
        return message.trace(self, self._index)

    @property
    def stopped_s(self) -> float | None:
        """Monotonic time at which the manager ended the task without an answer, in seconds; None if it did not."""
        return getattr(self, "_stopped_s", None)  # unset for almost all tasks, which saves time in making them

    @property
    def error(self) -> str | None:
        """Type of the exception the task ended with; None if there is none."""
        return None if self._exception is None else type(self._exception).__name__

    @property
    def earlier(self) -> tuple[TaskTrace, ...]:
        """Traces of the attempts before this one, oldest first."""
        return getattr(self, "_earlier", ())

    # What follows is for the scheduler's thread only.

    @property
    def submitted_s(self) -> float:
        """Monotonic time of the submission on the driver's host, in seconds."""
        return self._submitted_s

    @property
    def lane(self) -> Lane:
        """The queue the task waits in, or waited in."""
        return self._lane

    @property
    def message(self) -> Message | None:
        """The message in which the task was last sent; None before that."""
        return self._message

    def next_attempt(self, state: str, error: str) -> None:
        """Count another attempt, after this one ended in ``state`` (``lost``, ``failed``) because of ``error``."""
        seen = replace(self.trace(), state=state, error=error, stopped_s=time.monotonic(), earlier=())
        self._earlier = (*self.earlier, seen)
        self.attempt += 1

    def put_in(self, message: Message, index: int) -> None:
        """Note that the task travels as item ``index`` of ``message``."""
        self._message = message
        self._index = index

    def fail(self, error: BaseException) -> None:
        """End the task with an exception, unless it has already ended."""
        with self._condition:
            ended = self._state in _ENDED
            if not ended and self._state == PENDING:
                self._state = RUNNING  # so that a concurrent cancel() can no longer win
        if not ended:
            self._stopped_s = time.monotonic()
            self.call = None
            self.set_exception(error)

    def cancel_running(self) -> None:
        """End a dispatched task as cancelled, after its worker was stopped."""
        self._cancel_if(RUNNING, PENDING)

    def _cancel_if(self, *states: str) -> bool:
        # Unlike the stock Future, waiters learn of it at once, not when the task's turn would have come.
        with self._condition:
            if self._state not in states:
                return self._state == CANCELLED_AND_NOTIFIED
            self._state = CANCELLED_AND_NOTIFIED
            self._stopped_s = time.monotonic()
            self.call = None
            for waiter in self._waiters:
                waiter.add_cancelled(self)
            self._condition.notify_all()
        self._invoke_callbacks()
        return True

    def _invoke_callbacks(self) -> None:
        for callback in self._done_callbacks:
            try:
                callback(self)
            except BaseException:  # noqa: BLE001 - this is the scheduler's thread; SystemExit must not end it
                _log.exception("a done-callback of %r failed", self)

    def requeue(self) -> None:
        """Make a dispatched task that did not run wait again."""
        with self._condition if self._cond is not None else _states_lock:
            if self._state == RUNNING:
                self._state = PENDING


def claim(tasks: list[Task]) -> list[Task]:
    """Mark tasks as dispatched and return those that were not cancelled meanwhile, in order."""
    waited_on: list[Task] = []
    with _states_lock:
        for task in tasks:
            if task._cond is None:
                task._state = RUNNING
            else:
                waited_on.append(task)
    if not waited_on:
        return tasks
    cancelled = {task.number for task in waited_on if not _claim_slowly(task)}
    return [task for task in tasks if task.number not in cancelled] if cancelled else tasks


def _claim_slowly(task: Task) -> bool:
    with task._condition:
        if task._state != PENDING:
            return False
        task._state = RUNNING
        return True


def finish(tasks: list[Task], values: list[Any], errors: dict[int, BaseException]) -> None:
    """End all tasks of a message: one lock for all that nobody waits on, the stock way for the others."""
    waited_on: list[int] = []
    with _states_lock:
        for index, (task, value) in enumerate(zip(tasks, values, strict=True)):
            task.call = None
            if task._cond is not None:
                waited_on.append(index)
                continue
            task._result = value
            task._state = FINISHED
            if index in errors:
                task._result = None
                task._exception = errors[index]
    for index in waited_on:
        _finish_slowly(tasks[index], values[index], errors.get(index))


def _finish_slowly(task: Task, value: Any, error: BaseException | None) -> None:
    if task.done():  # cancelled while running
        return
    if error is not None:
        task.set_exception(error)
    else:
        task.set_result(value)
