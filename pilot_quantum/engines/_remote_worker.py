"""Workers of the engine ``processes`` on other nodes, and the line on which messages go to any worker. Driver side."""

from __future__ import annotations

import contextlib
import pickle
import secrets
import sys
import threading
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any

from .._door import Door
from ..launchers.base import AbstractAgent
from ._children import added_environment, describe_end
from ._process_worker import Call
from .base import EngineEvents, WorkerSlot

_DIRECT_BYTES = 32_768
"""Two messages of this size fit into a socket's buffer, so sending them never blocks the scheduler."""
_NEWS_S = 5.0


class Line:
    """Sends messages in order, without blocking whoever sends."""

    def __init__(self, connection: Connection[Any, Any]) -> None:
        self._connection = connection
        self._backlog: SimpleQueue[bytes | None] | None = None

    def send(self, payload: bytes) -> None:
        """Send now if that cannot block, else through a thread that keeps the order."""
        if self._backlog is None and len(payload) <= _DIRECT_BYTES:
            self._write(payload)
            return
        if self._backlog is None:
            self._backlog = SimpleQueue()
            threading.Thread(target=self._write_backlog, args=(self._backlog,), daemon=True).start()
        self._backlog.put(payload)

    def end(self) -> None:
        """Let the thread end, if there is one."""
        if self._backlog is not None:
            self._backlog.put(None)

    def _write(self, payload: bytes) -> None:
        with contextlib.suppress(OSError):  # a broken line: whoever reads reports the loss
            self._connection.send_bytes(payload)

    def _write_backlog(self, backlog: SimpleQueue[bytes | None]) -> None:
        while (payload := backlog.get()) is not None:
            self._write(payload)


class RemoteWorker:
    """One worker: started by the agent of its node, which also tells how it ended; it calls us by itself."""

    def __init__(self, slot: WorkerSlot, agent: AbstractAgent, events: EngineEvents, door: Door) -> None:
        self._slot = slot
        self._events = events
        self._door = door
        self._name = secrets.token_hex(8)
        self._line: Line | None = None
        self._stopped = False
        self._told = threading.Lock()
        self._ended = threading.Event()
        self._code: int | None = None
        door.expect(self._name, self._serve)
        told = Call(door.address, door.key, self._name, slot.node.host)
        self._process = agent.start(
            [sys.executable, "-m", "pilot_quantum.engines._process_worker", "call"],
            environment=added_environment(slot),
            stdin=pickle.dumps(tuple(told), 5),
            ended=self._has_ended,
        )

    def send(self, payload: bytes) -> None:
        """Send a message; a broken line is reported by the thread that reads."""
        if self._line is not None:
            self._line.send(payload)

    def kill(self) -> None:
        """End the process group."""
        self._stopped = True
        self._door.forget(self._name)
        self._process.kill()
        if self._line is not None:
            self._line.end()

    def _serve(self, connection: Connection[Any, Any], _pid: Any) -> None:
        index, generation = self._slot.index, self._slot.generation
        with contextlib.suppress(EOFError, OSError):
            connection.send_bytes(pickle.dumps(list(sys.path), 5))
            host, pid = pickle.loads(connection.recv_bytes())  # noqa: S301 - from a worker that knows the key
            self._line = Line(connection)
            self._events.ready(index, generation, host, pid)
            while True:
                self._events.answered(index, generation, connection.recv_bytes())
        self._ended.wait(_NEWS_S)
        self._lost()

    def _has_ended(self, code: int | None) -> None:
        self._code = code
        self._ended.set()
        if self._line is None:
            self._lost()

    def _lost(self) -> None:
        with self._told:
            if self._stopped:
                return
            self._stopped = True
        how = describe_end(self._code) if self._ended.is_set() else "closed its connection"
        self._events.lost(self._slot.index, self._slot.generation, f"the process {how}")
