"""Engine ``inline``: one worker, a thread of this process. For debugging, tiny work and machines with nothing else."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue

from .._registry import check_options
from ..descriptions import PilotDescription
from ..launchers.base import Allocation
from ..worker import Functions, run_message
from .base import AbstractEngine, EngineEvents, WorkerSlot


class InlineEngine(AbstractEngine):
    """Runs tasks one after the other in a thread of the driver's process.

    Arguments and results are copied as on every other engine. Running work cannot be stopped, so tasks with a
    ``timeout_s`` are refused, and a task that crashes takes the driver with it.
    """

    can_stop = False

    def __init__(self, description: PilotDescription, events: EngineEvents) -> None:
        super().__init__(description, events)
        check_options("engine", "inline", description.engine_options, {})
        self._messages: SimpleQueue[bytes | None] = SimpleQueue()
        self._thread: threading.Thread | None = None

    def worker_count(self, allocation: Allocation) -> int:  # noqa: ARG002 - one thread, whatever is held
        """Return 1."""
        return 1

    def start(self, allocation: Allocation) -> None:
        """Do nothing: this process is already up."""

    def start_worker(self, slot: WorkerSlot) -> None:
        """Start the thread."""
        self._messages = SimpleQueue()  # its own: the last one may hold messages, and the end, of the worker before it
        self._thread = threading.Thread(
            target=self._serve, args=(slot, self._messages), name="pilot-inline", daemon=True
        )
        self._thread.start()

    def send(self, index: int, payload: bytes) -> None:  # noqa: ARG002 - there is one worker
        """Queue a message."""
        self._messages.put(payload)

    def stop_worker(self, index: int) -> None:  # noqa: ARG002 - there is one worker
        """Let the thread end after the message it is at."""
        self._messages.put(None)

    def close(self) -> None:
        """End the thread; work in progress is abandoned, not stopped."""
        self._messages.put(None)

    def _serve(self, slot: WorkerSlot, messages: SimpleQueue[bytes | None]) -> None:
        functions: Functions = {}
        cpu_clock: Callable[[], float] = time.thread_time  # the process's clock would count the driver too
        self.events.ready(slot.index, slot.generation, socket.gethostname(), os.getpid())
        try:
            while (payload := messages.get()) is not None:
                self.events.answered(slot.index, slot.generation, run_message(payload, functions, cpu_clock))
        except BaseException as error:
            self.events.lost(slot.index, slot.generation, f"its thread ended: {error!r}")
            raise
