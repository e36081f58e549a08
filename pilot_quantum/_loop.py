"""The scheduler's event loop: one queue of handlers, one heap of timers, one thread, no polling."""

from __future__ import annotations

import heapq
import itertools
import queue
import threading
import time
from collections.abc import Callable
from typing import Any

Handler = Callable[..., None]


class EventLoop:
    """Runs handlers one after the other in a thread of its own.

    Attributes
    ----------
    stopped
        Set by a handler to end the loop after it.
    """

    def __init__(self) -> None:
        self.stopped = False
        self._events: queue.SimpleQueue[tuple[Handler, tuple[Any, ...]]] = queue.SimpleQueue()
        self._timers: list[tuple[float, int, Handler, tuple[Any, ...]]] = []
        self._sequence = itertools.count()
        self._thread: threading.Thread | None = None

    def start(self, before_wait: Callable[[], bool], failed: Callable[[BaseException], None]) -> None:
        """Start the thread.

        Parameters
        ----------
        before_wait
            Called before each event is awaited; if it returns False, it is called again instead of waiting.
        failed
            Called with an exception that a handler let through; the loop ends.
        """
        self._thread = threading.Thread(
            target=self._run, args=(before_wait, failed), name="pilot-scheduler", daemon=True
        )
        self._thread.start()

    def post(self, handler: Handler, *args: Any) -> None:
        """Have the loop's thread call ``handler(*args)``; from any thread."""
        self._events.put((handler, args))

    def after(self, seconds: float, handler: Handler, *args: Any) -> None:
        """Have ``handler(*args)`` called in ``seconds`` seconds; from the loop's thread only."""
        heapq.heappush(self._timers, (time.monotonic() + seconds, next(self._sequence), handler, args))

    def call(self, handler: Callable[..., Any], *args: Any) -> Any:
        """Call ``handler(*args)`` in the loop's thread and return its result; None if the loop has ended."""
        if threading.current_thread() is self._thread:
            return handler(*args)
        answer: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.post(lambda: answer.put(handler(*args)))
        while not self.stopped or (self._thread is not None and self._thread.is_alive()):
            try:
                return answer.get(timeout=0.2)
            except queue.Empty:
                continue
        return None

    @property
    def here(self) -> bool:
        """Whether the caller runs in the loop's thread."""
        return threading.current_thread() is self._thread

    def join(self) -> None:
        """Wait for the loop's end, unless called from its own thread."""
        if self._thread is not None and threading.current_thread() is not self._thread:
            self._thread.join()

    def _run(self, before_wait: Callable[[], bool], failed: Callable[[BaseException], None]) -> None:
        try:
            while not self.stopped:
                if before_wait():
                    handler, args = self._next()
                    handler(*args)
        except BaseException as error:  # the thread must never end without a word
            self.stopped = True
            failed(error)
            raise

    def _next(self) -> tuple[Handler, tuple[Any, ...]]:
        while self._timers:
            due_s, _, handler, args = self._timers[0]
            wait_s = min(due_s - time.monotonic(), threading.TIMEOUT_MAX)
            if wait_s <= 0:
                heapq.heappop(self._timers)
                return handler, args
            try:
                return self._events.get(timeout=wait_s)
            except queue.Empty:
                continue
        return self._events.get()
