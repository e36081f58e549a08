"""Engine ``processes``: one Python process a core, on this machine. The embedded default."""

from __future__ import annotations

import contextlib
import pickle
import socket
import subprocess
import sys
import threading
from multiprocessing.connection import Connection
from queue import SimpleQueue

from .._registry import check_options
from ..descriptions import PilotDescription
from ..launchers.base import Allocation
from ._children import Reaper, child_environment, describe_end, kill_group
from .base import AbstractEngine, EngineEvents, WorkerSlot

_DIRECT_BYTES = 32_768
"""Two messages of this size fit into a socket's buffer, so sending them never blocks the scheduler."""


class ProcessesEngine(AbstractEngine):
    """Starts workers as fresh interpreters, each in a process group of its own, and talks to them over socket pairs."""

    def __init__(self, description: PilotDescription, events: EngineEvents) -> None:
        super().__init__(description, events)
        check_options("engine", "processes", description.engine_options, {})
        self._workers: dict[int, _WorkerProcess] = {}
        self._reaper: Reaper | None = None

    def start(self, allocation: Allocation) -> None:  # noqa: ARG002 - nothing is needed of it
        """Start the process that cleans up after a killed driver."""
        self._reaper = Reaper()

    def start_worker(self, slot: WorkerSlot) -> None:
        """Start an interpreter and the thread that reads from it."""
        self._workers[slot.index] = worker = _WorkerProcess(slot, self.events)
        if self._reaper is not None:
            self._reaper.watch(worker.pid)

    def send(self, index: int, payload: bytes) -> None:
        """Send a message over the worker's socket; a broken one is reported by its reader."""
        self._workers[index].send(payload)

    def stop_worker(self, index: int) -> None:
        """Kill the worker's process group."""
        worker = self._workers.pop(index, None)
        if worker is not None:
            worker.kill()
            if self._reaper is not None:
                self._reaper.forget(worker.pid)

    def close(self) -> None:
        """Kill all workers, then let the reaper go."""
        for index in list(self._workers):
            self.stop_worker(index)
        if self._reaper is not None:
            self._reaper.close()
            self._reaper = None


class _WorkerProcess:
    """One worker: its process, its socket, the threads that serve it."""

    def __init__(self, slot: WorkerSlot, events: EngineEvents) -> None:
        self._slot = slot
        self._events = events
        self._backlog: SimpleQueue[bytes | None] | None = None
        self._stopped = False
        ours, theirs = socket.socketpair()
        command = [sys.executable, "-m", "pilot_quantum.engines._process_worker", str(theirs.fileno())]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            env=child_environment(slot),
            start_new_session=True,
        )
        theirs.close()
        self._connection = Connection(ours.detach())
        self._write(pickle.dumps(sys.path, 5))
        threading.Thread(target=self._read, name=f"pilot-reader-{slot.index}", daemon=True).start()

    @property
    def pid(self) -> int:
        """Process id, which is also the id of the worker's process group."""
        return self._process.pid

    def send(self, payload: bytes) -> None:
        """Send now if that cannot block, else through a thread that keeps the order."""
        if self._backlog is None and len(payload) <= _DIRECT_BYTES:
            self._write(payload)
            return
        if self._backlog is None:
            self._backlog = SimpleQueue()
            threading.Thread(target=self._write_backlog, args=(self._backlog,), daemon=True).start()
        self._backlog.put(payload)

    def kill(self) -> None:
        """End the process group and collect its leader."""
        self._stopped = True
        kill_group(self.pid)
        self._process.wait()
        if self._backlog is not None:
            self._backlog.put(None)

    def _write(self, payload: bytes) -> None:
        with contextlib.suppress(OSError):  # a broken socket: the reader reports the loss
            self._connection.send_bytes(payload)

    def _write_backlog(self, backlog: SimpleQueue[bytes | None]) -> None:
        while (payload := backlog.get()) is not None:
            self._write(payload)

    def _read(self) -> None:
        index, generation = self._slot.index, self._slot.generation
        try:
            host, pid = pickle.loads(self._connection.recv_bytes())  # noqa: S301 - from a worker we started
            self._events.ready(index, generation, host, pid)
            while True:
                self._events.answered(index, generation, self._connection.recv_bytes())
        except (EOFError, OSError):
            pass
        finally:
            self._connection.close()
        if not self._stopped:
            self._events.lost(index, generation, f"the process {self._how_it_ended()}")

    def _how_it_ended(self) -> str:
        try:
            return describe_end(self._process.wait(timeout=5))
        except subprocess.TimeoutExpired:
            return "closed its connection"
