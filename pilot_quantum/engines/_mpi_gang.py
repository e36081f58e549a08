"""A gang on the engine ``mpi``: one run of an MPI launcher, and the port at which its ranks report in. Driver side."""

from __future__ import annotations

import contextlib
import os
import pickle
import secrets
import signal
import socket
import sys
import threading
from collections import deque
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any, NamedTuple

from .._door import Door
from ..launchers._nodes import LocalProcess
from ..launchers.base import AbstractAgent, AbstractProcess
from ._children import Reaper, describe_end, kill_group
from ._mpi_rank import ADDRESS, GANG, KEY, STARTED
from .base import EngineEvents, WorkerSlot, worker_environment

GRACE_S = 5.0
"""Ranks that have answered have this long to end."""
_NOTICE_S = 2.0
_TAIL_LINES = 30


class Caller(NamedTuple):
    """A rank that reports in: its place in the gang, its process and its process group."""

    rank: int
    host: str
    pid: int
    group: int


class Places:
    """Passes events on, and remembers which process serves each worker when it is not in a gang."""

    def __init__(self, events: EngineEvents) -> None:
        self.slots: dict[int, WorkerSlot] = {}
        self._events = events
        self._homes: dict[int, tuple[int, str, int]] = {}
        self.answered = events.answered
        self.lost = events.lost

    def ready(self, index: int, generation: int, host: str, pid: int) -> None:
        """Pass on that a worker's own process takes messages."""
        self._homes[index] = (generation, host, pid)
        self._events.ready(index, generation, host, pid)

    def moved(self, slot: WorkerSlot, caller: Caller) -> None:
        """Tell that a rank's process now stands for the worker, so that its memory is watched."""
        self._events.ready(slot.index, slot.generation, caller.host, caller.pid)

    def back(self, slot: WorkerSlot) -> None:
        """Tell that the worker's own process stands for it again."""
        generation, host, pid = self._homes[slot.index]
        if generation == slot.generation:
            self._events.ready(slot.index, generation, host, pid)


class Gang:
    """One run of the launcher.

    Attributes
    ----------
    name
        What its ranks call it when they report in.
    gone
        Set when the launcher has ended.
    """

    def __init__(self, members: list[tuple[WorkerSlot, bytes]], places: Places, reaper: Reaper) -> None:
        self.name = secrets.token_hex(8)
        self.gone = threading.Event()
        self._members = members
        self._places = places
        self._reaper = reaper
        self._lock = threading.Lock()
        self._over = False
        self._killed = False
        self._died: Caller | None = None
        self._process: AbstractProcess | None = None
        self._code: int | None = None
        self._has_ended = threading.Event()
        self._groups: set[int] = set()
        self._started: set[int] = set()
        self._answered: set[int] = set()
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._serving: list[threading.Thread] = []
        self._timers: list[threading.Timer] = []

    def run(
        self, agent: AbstractAgent, command: list[str], environment: dict[str, str | None], start_timeout_s: float
    ) -> None:
        """Have an agent run the launcher to its end; in a thread of its own."""
        try:
            launched = self._launch(agent, command, environment)
        except OSError as error:
            self._lose(0, f"{command[0]} could not be started: {error}")
            self.gone.set()
            return
        if launched:
            self._after(start_timeout_s, self._check_started, start_timeout_s)
            self._has_ended.wait()
            self._ended(self._code)
        self.gone.set()

    def invitation(self, door: Door) -> dict[str, str]:
        """Expect the ranks at a door, and return what they find in their environment."""
        door.expect(self.name, self.serve)
        return {ADDRESS: door.address, KEY: door.key.hex(), GANG: self.name}

    def serve(self, connection: Connection[Any, Any], said: Any) -> None:
        """Give a rank that has reported in its message, and pass its answer on; in a thread of its own."""
        caller = Caller(*said)
        rank = caller.rank
        if not 0 <= rank < len(self._members):
            return
        slot, payload = self._members[rank]
        here = slot.node.agent is None
        if not self._watch(caller, here):
            return
        caller = caller if here else caller._replace(host=slot.node.host)
        try:
            connection.send_bytes(pickle.dumps((list(sys.path), worker_environment(slot), payload), 5))
            answer = connection.recv_bytes()
            if answer == STARTED:
                self._places.moved(slot, caller)
                self._started.add(rank)
                answer = connection.recv_bytes()
        except (EOFError, OSError):
            self._rank_gone(caller)
            return
        with self._lock:
            self._answered.add(rank)
            if len(self._answered) == len(self._members) and not self._over:
                self._over = True
                self._after(GRACE_S, self._end_processes)  # MPI_Finalize may hang
        self._places.back(slot)
        self._places.answered(slot.index, slot.generation, answer)

    def wait_if_ending(self) -> None:
        """Wait until the processes are gone, unless ranks are still at work."""
        if self._over:
            self.gone.wait(2 * GRACE_S)

    def kill(self) -> None:
        """End all ranks and the launcher; nothing is reported any more."""
        with self._lock:
            self._over = True
        self._end_processes()

    def _launch(self, agent: AbstractAgent, command: list[str], environment: dict[str, str | None]) -> bool:
        with self._lock:
            if self._over:
                return False
            self._process = agent.start(
                command, environment=environment, stdin=b"", ended=self._note_end, output=self._pass_on
            )
            if isinstance(self._process, LocalProcess):
                self._groups.add(self._process.pid)
                self._reaper.watch(self._process.pid)
        return True

    def _note_end(self, code: int | None) -> None:
        self._code = code
        self._has_ended.set()

    def _watch(self, caller: Caller, here: bool) -> bool:
        """Note a rank's thread and, here, its process group (not always the launcher's); False if all is over."""
        with self._lock:
            self._serving.append(threading.current_thread())
            if not self._over and here and caller.host == socket.gethostname():
                self._groups.add(caller.group)
                self._reaper.watch(caller.group)
            return not self._over

    def _end_processes(self) -> None:
        """Kill the ranks; ask the launcher to end, because it has helpers to end first."""
        with self._lock:
            if self._process is None or self.gone.is_set():
                return
            self._killed = True
            for group in self._groups - {getattr(self._process, "pid", None)}:
                kill_group(group)
            self._process.kill(signal.SIGTERM)
            self._after(_NOTICE_S, self._kill_launcher)

    def _kill_launcher(self) -> None:
        if self._process is not None and not self.gone.is_set():
            self._process.kill()

    def _after(self, seconds: float, action: Callable[..., None], *args: object) -> None:
        timer = threading.Timer(seconds, action, args)
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def _pass_on(self, line: bytes) -> None:
        self._tail.append(line.decode(errors="replace").rstrip())
        if not self._killed:  # what a launcher says when it is ended is noise
            with contextlib.suppress(OSError):
                os.write(2, line)

    # Ends that are not answers.

    def _check_started(self, limit_s: float) -> None:
        missing = set(range(len(self._members))) - self._started - self._answered
        if missing:
            ready = len(self._members) - len(missing)
            self._lose(min(missing), f"{ready} of {len(self._members)} ranks initialised MPI within {limit_s:g} s")

    def _rank_gone(self, caller: Caller) -> None:
        with self._lock:
            if self._over or self._died is not None:
                return
            self._died = caller
        self._after(_NOTICE_S, self._end_processes)  # so long the launcher has to notice, and to say what it knows

    def _ended(self, code: int | None) -> None:
        for thread in self._serving:
            thread.join(_NOTICE_S)  # it may still be reading what its rank said last
        for timer in self._timers:
            timer.cancel()
        died, silent = self._died, set(range(len(self._members))) - self._answered
        if died is not None:
            self._lose(died.rank, f"a rank died (the first that was missed is rank {died.rank}, process {died.pid})")
        elif silent:
            self._lose(min(silent), f"the MPI launcher {describe_end(code)} before all ranks had answered")
        for group in self._groups:
            kill_group(group)
            self._reaper.forget(group)

    def _lose(self, rank: int, reason: str) -> None:
        with self._lock:
            if self._over:
                return
            self._over = True
        self._end_processes()
        tail = "\n".join(self._tail)
        slot = self._members[rank][0]
        self._places.lost(slot.index, slot.generation, f"{reason}; it had printed:\n{tail}" if tail else reason)
