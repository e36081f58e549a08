"""Notices: what applications are told, and tell each other, while tasks run."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from typing import Any

_log = logging.getLogger(__name__)

Callback = Callable[..., None]


class Notices:
    """Calls back, in a thread of its own, so that a callback may call the manager and take its time."""

    def __init__(self) -> None:
        self._callbacks: dict[str, list[Callback]] = {}
        self._queue: queue.SimpleQueue[tuple[str, dict[str, Any]] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def on(self, event: str, callback: Callback) -> Callable[[], None]:
        """Have ``callback(**facts)`` called at every notice of an event; return a function that ends this."""
        with self._lock:
            self._callbacks.setdefault(event, []).append(callback)
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="pilot-notices", daemon=True)
                self._thread.start()
        return lambda: self._callbacks[event].remove(callback)

    def tell(self, event: str, **facts: Any) -> None:
        """Give a notice; nothing happens if nobody listens."""
        if self._callbacks.get(event):
            self._queue.put((event, facts))

    def close(self) -> None:
        """End the thread after the notices given so far."""
        self._queue.put(None)

    def _serve(self) -> None:
        while (notice := self._queue.get()) is not None:
            event, facts = notice
            for callback in list(self._callbacks.get(event, ())):
                try:
                    callback(**facts)
                except Exception:  # noqa: BLE001 - one listener's error is not the others' problem
                    _log.exception("a callback for %r failed", event)
