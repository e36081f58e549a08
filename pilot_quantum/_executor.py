"""The `concurrent.futures.Executor` face of a manager."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Executor
from concurrent.futures import wait as wait_for
from typing import TYPE_CHECKING, Any

from .descriptions import TaskDescription
from .task import Task

if TYPE_CHECKING:
    from .manager import PilotManager


class ManagerExecutor(Executor):
    """Submits to a manager as the standard library documents for executors.

    What takes an executor (``asyncio``'s ``run_in_executor``, scipy's ``workers=executor.map``) runs on pilots so.
    """

    def __init__(self, manager: PilotManager, pilot: str | Sequence[str] | None = None) -> None:
        self._manager = manager
        self._pilot = pilot
        self._lock = threading.Lock()
        self._open = True
        self._tasks: weakref.WeakSet[Task] = weakref.WeakSet()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Task:
        """Submit ``fn(*args, **kwargs)``; raises RuntimeError after `shutdown`."""
        with self._lock:
            if not self._open:
                raise RuntimeError("cannot schedule new futures after shutdown")
            task = self._submit(fn, args, kwargs)
            self._tasks.add(task)
        return task

    def _submit(self, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Task:
        if kwargs:  # the function's own keywords, one of which might be called "pilot"
            return self._manager.submit_task(TaskDescription(fn, args, kwargs, pilot=self._pilot))
        return self._manager.submit_task(fn, *args, pilot=self._pilot)

    def map(
        self, fn: Callable[..., Any], *iterables: Iterable[Any], timeout: float | None = None, chunksize: int = 1
    ) -> Iterator[Any]:
        """Return results in order; ``chunksize`` is ignored, since the manager packs short tasks by itself."""
        return super().map(fn, *iterables, timeout=timeout, chunksize=chunksize)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Take no more tasks; with ``wait``, return when those submitted here have ended. Pilots stay."""
        with self._lock:
            self._open = False
            tasks = list(self._tasks)
        if cancel_futures:
            for task in tasks:
                task.cancel()
        if wait:
            wait_for(tasks)
