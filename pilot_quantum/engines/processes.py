"""Engine ``processes``: one Python process a core, here and on other nodes. The embedded default."""

from __future__ import annotations

import pickle
import socket
import subprocess
import sys
import threading
from multiprocessing.connection import Connection

from .._door import Door
from .._registry import check_options
from ..descriptions import PilotDescription
from ..launchers.base import Allocation
from ._children import Reaper, child_environment, describe_end, kill_group
from ._remote_worker import Line, RemoteWorker
from .base import AbstractEngine, EngineEvents, WorkerSlot


class ProcessesEngine(AbstractEngine):
    """Starts workers as fresh interpreters, each in a process group of its own.

    Those of this machine are talked to over socket pairs; those of other nodes are started by the agent of their node
    and connect to a port of this process.
    """

    def __init__(self, description: PilotDescription, events: EngineEvents) -> None:
        super().__init__(description, events)
        check_options("engine", "processes", description.engine_options, {})
        self._workers: dict[int, _WorkerProcess | RemoteWorker] = {}
        self._reaper: Reaper | None = None
        self._door: Door | None = None

    def start(self, allocation: Allocation) -> None:
        """Start the process that cleans up after a killed driver, and open the port for workers of other nodes."""
        self._reaper = Reaper()
        if any(node.agent is not None for node in allocation.nodes):
            self._door = Door(allocation.driver_address)

    def start_worker(self, slot: WorkerSlot) -> None:
        """Start an interpreter and the thread that reads from it."""
        if slot.node.agent is not None and self._door is not None:
            self._workers[slot.index] = RemoteWorker(slot, slot.node.agent, self.events, self._door)
            return
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
            if self._reaper is not None and isinstance(worker, _WorkerProcess):
                self._reaper.forget(worker.pid)

    def close(self) -> None:
        """Kill all workers, then let the reaper go."""
        for index in list(self._workers):
            self.stop_worker(index)
        if self._door is not None:
            self._door.close()
            self._door = None
        if self._reaper is not None:
            self._reaper.close()
            self._reaper = None


class _WorkerProcess:
    """One worker: its process, its socket, the threads that serve it."""

    def __init__(self, slot: WorkerSlot, events: EngineEvents) -> None:
        self._slot = slot
        self._events = events
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
        self._line = Line(self._connection)
        self._line.send(pickle.dumps(sys.path, 5))
        threading.Thread(target=self._read, name=f"pilot-reader-{slot.index}", daemon=True).start()

    @property
    def pid(self) -> int:
        """Process id, which is also the id of the worker's process group."""
        return self._process.pid

    def send(self, payload: bytes) -> None:
        """Send a message."""
        self._line.send(payload)

    def kill(self) -> None:
        """End the process group and collect its leader."""
        self._stopped = True
        kill_group(self.pid)
        self._process.wait()
        self._line.end()

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
