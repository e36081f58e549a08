"""The `Runtime` that a mini-app gets: one manager, some of its pilots, one run."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .descriptions import ONE_CPU, PilotDescription, Resources, TaskDescription
from .errors import InvalidDescription, RunTimeLimit
from .runtime import PilotView
from .task import Task
from .trace import PilotTrace, RunTrace, StageTrace, TaskTrace

if TYPE_CHECKING:
    from .manager import PilotManager
    from .pilot import Pilot


class RuntimeScope:
    """Implements `Runtime` over chosen pilots of a manager, and remembers what was done through it.

    Leaving the ``with`` block cancels tasks that have not ended and releases pilots that the run has added.

    Attributes
    ----------
    stages_s
        Seconds of each named stage.
    """

    def __init__(self, manager: PilotManager, pilots: Sequence[str] | None, time_limit_s: float | None) -> None:
        self.stages_s: dict[str, float] = {}
        self._manager = manager
        self._names = None if pilots is None else list(pilots)
        self._limit_s = time_limit_s
        self._ends_s = None if time_limit_s is None else time.monotonic() + time_limit_s
        self._tasks: list[Task] = []
        self._stages: list[StageTrace] = []
        self._start_s: float | None = None
        self._end_s: float | None = None
        self._added: dict[str, Pilot] = {}

    def __enter__(self) -> RuntimeScope:
        """Return the scope."""
        self._start_s = time.monotonic()
        return self

    def __exit__(self, *_error: object) -> None:
        """Cancel what has not ended and release added pilots."""
        self._end_s = time.monotonic()
        self.cancel_all()
        for pilot in self._added.values():
            pilot.release()

    def submit(self, task: TaskDescription | Callable[..., Any], *args: Any, **kwargs: Any) -> Task:
        """Submit one task to the pilots of this run."""
        if isinstance(task, TaskDescription):
            if args or kwargs:
                raise InvalidDescription("a TaskDescription holds its own arguments: give none beside it")
            description = task if task.pilot is not None else replace(task, pilot=self._names)
            new = self._manager.submit_task(description)
        elif "pilot" in kwargs:  # the function's own keyword
            new = self._manager.submit_task(TaskDescription(task, args, kwargs, pilot=self._names))
        else:
            new = self._manager.submit_task(task, *args, pilot=self._names, **kwargs)
        self._tasks.append(new)
        return new

    def submit_many(
        self, function: Callable[..., Any], items: Iterable[Any], *, resources: Resources = ONE_CPU
    ) -> list[Task]:
        """Submit ``function(item)`` for each item to the pilots of this run."""
        new = self._manager.submit_tasks(function, items, resources=resources, pilot=self._names)
        self._tasks.extend(new)
        return new

    def as_completed(self, tasks: Iterable[Task], timeout_s: float | None = None) -> Iterator[Task]:
        """Yield tasks as they end.

        Raises
        ------
        RunTimeLimit
            When the time limit of the run has passed.
        TimeoutError
            When ``timeout_s`` seconds have passed.
        """
        try:
            yield from self._manager.as_completed(tasks, self._remaining_s(timeout_s))
        except TimeoutError as error:
            self._raise_limit(error)

    def gather(self, tasks: Sequence[Task], timeout_s: float | None = None) -> list[Any]:
        """Return all results in the order of ``tasks``.

        Raises
        ------
        Exception
            The first failure in the order of ``tasks``, as the task raised it, after cancelling the rest.
        RunTimeLimit
            When the time limit of the run has passed.
        TimeoutError
            When ``timeout_s`` seconds have passed.
        """
        ends_s = None if timeout_s is None else time.monotonic() + timeout_s
        results = []
        try:
            for task in tasks:
                left_s = None if ends_s is None else ends_s - time.monotonic()
                results.append(task.result() if task.done() else task.result(self._remaining_s(left_s)))
        except TimeoutError as error:
            self._cancel(tasks)
            self._raise_limit(error)
        except BaseException:
            self._cancel(tasks)
            raise
        return results

    def pilots(self) -> tuple[PilotView, ...]:
        """Return the pilots this run may use now."""
        allowed = self._names
        return tuple(
            pilot.view
            for pilot in self._manager.pilots()
            if not pilot.state.final and (allowed is None or pilot.name in allowed)
        )

    def request_pilot(self, template: PilotDescription) -> PilotView:
        """Add a pilot for the rest of the run, or until `release`."""
        pilot = self._manager.submit_pilot(template)
        self._added[pilot.name] = pilot
        if self._names is not None:
            self._names.append(pilot.name)
        return pilot.view

    def release(self, pilot: PilotView | str) -> None:
        """Give back a pilot that this run has added.

        Raises
        ------
        InvalidDescription
            If the run has not added it.
        """
        name = pilot if isinstance(pilot, str) else pilot.name
        if name not in self._added:
            raise InvalidDescription(f"pilot = {name!r}: this run added {', '.join(self._added) or 'none'}")
        self._added.pop(name).release()
        if self._names is not None:
            self._names.remove(name)

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a named stage; stages of the same name add up."""
        start = time.monotonic()
        try:
            yield
        finally:
            end = time.monotonic()
            self.stages_s[name] = self.stages_s.get(name, 0.0) + end - start
            self._stages.append(StageTrace(name, start, end))

    def traces(self) -> list[TaskTrace]:
        """Return the trace of every task submitted through this scope, in order of submission."""
        return [task.trace() for task in self._tasks]

    def trace(self) -> RunTrace:
        """Return what has happened in this run: tasks, the pilots they were sent to or could use, stages."""
        tasks = tuple(self.traces())
        used = {task.pilot for task in tasks}
        pilots = [p for p in self._manager.pilots() if self._names is None or p.name in used.union(self._names)]
        return RunTrace(tasks, tuple(map(PilotTrace.of, pilots)), tuple(self._stages), self._start_s, self._end_s)

    def cancel_all(self) -> None:
        """Cancel every task of this run that has not ended, running ones too."""
        self._cancel(self._tasks)

    def _cancel(self, tasks: Iterable[Task]) -> None:
        pending = [task for task in tasks if not task.done()]
        for task in reversed(pending):  # queued ones first, so that none starts in the place of a stopped one
            task.cancel()
        for task in pending:
            if not task.done():
                self._manager.cancel(task)

    def _remaining_s(self, timeout_s: float | None) -> float | None:
        if self._ends_s is None:
            return timeout_s
        left_s = max(0.0, self._ends_s - time.monotonic())
        return left_s if timeout_s is None else min(left_s, timeout_s)

    def _raise_limit(self, error: TimeoutError) -> None:
        if self._ends_s is not None and time.monotonic() >= self._ends_s:
            raise RunTimeLimit(f"the run exceeded its time limit of {self._limit_s:g} s") from None
        raise error
