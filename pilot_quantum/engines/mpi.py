"""Engine ``mpi``: gangs are started by an MPI launcher, ordinary tasks run in plain processes. On this machine."""

from __future__ import annotations

import contextlib
import os
import pickle
import secrets
import shlex
import shutil
import socket
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import replace
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from pathlib import Path
from typing import Any, NamedTuple

import mpi4py  # noqa: F401 - what the ranks need: said here, when the pilot is submitted

from .._registry import check_options
from ..descriptions import PilotDescription
from ..errors import InvalidDescription
from ..launchers.base import Allocation
from ._children import Reaper, child_environment, describe_end, kill_group
from ._mpi_launch import mpiexec_command, without_launcher
from ._mpi_rank import ADDRESS, GANG, KEY, STARTED
from .base import AbstractEngine, EngineEvents, WorkerSlot, worker_environment
from .processes import ProcessesEngine

_OPTIONS = {"mpiexec": str, "start_timeout_s": float}
_HOST = "127.0.0.1"
_GRACE_S = 5.0
_TAIL_LINES = 30
_PROGRAM = [sys.executable, "-m", "pilot_quantum.engines._mpi_rank"]


class MpiEngine(AbstractEngine):
    """Gives the ranks of a gang an MPI communicator; everything else runs as on the engine ``processes``.

    A gang is one run of ``mpiexec``, whose ranks connect to the driver, receive their message, and end after it: MPI
    cannot be trusted after a failure, and cannot be initialised twice. Its start costs some tenths of a second. The
    function finds ``MPI.COMM_WORLD`` in ``ranks.communicator``. A `Command` is started by each rank in its own place,
    before anything has initialised MPI, and may be an MPI program.

    Options: ``mpiexec`` (command; by default the one beside the interpreter, or on the search path) and
    ``start_timeout_s`` (seconds until all ranks must have initialised MPI, by default 60).
    """

    fresh_ranks = True

    def __init__(self, description: PilotDescription, events: EngineEvents) -> None:
        super().__init__(description, events)
        options = description.engine_options
        check_options("engine", "mpi", options, _OPTIONS)
        self._launcher = find_mpiexec(options.get("mpiexec"))
        self._start_timeout_s = float(options.get("start_timeout_s", 60.0))
        if self._start_timeout_s <= 0:
            raise InvalidDescription(f"engine_options: start_timeout_s = {self._start_timeout_s}: must be positive")
        self._places = _Places(events)
        self._processes = ProcessesEngine(replace(description, engine_options={}), self._places)
        self._gangs: dict[int, _Gang] = {}
        self._door: _Door | None = None
        self._reaper: Reaper | None = None

    def start(self, allocation: Allocation) -> None:
        """Open the port at which ranks report in."""
        self._processes.start(allocation)
        self._reaper = Reaper()
        self._door = _Door()

    def start_worker(self, slot: WorkerSlot) -> None:
        """Start the process that runs this worker's ordinary tasks."""
        self._places.slots[slot.index] = slot
        self._processes.start_worker(slot)

    def send(self, index: int, payload: bytes) -> None:
        """Send an ordinary message to the worker's process."""
        self._processes.send(index, payload)

    def send_gang(self, messages: list[tuple[int, bytes]]) -> None:
        """Start the ranks of a gang, in a thread; what is left of these workers' last gangs ends first."""
        if self._door is None or self._reaper is None:
            return
        members = [(self._places.slots[index], payload) for index, payload in messages]
        last = {self._gangs[index] for index, _ in messages if index in self._gangs}
        gang = _Gang(members, self._places, self._reaper)
        self._gangs.update((index, gang) for index, _ in messages)
        self._door.expect(gang)
        command = mpiexec_command(self._launcher, len(members), _PROGRAM)
        environment = without_launcher(child_environment(members[0][0])) | self._door.invitation(gang)

        def run() -> None:
            for earlier in last:
                earlier.wait_if_ending()
            gang.run(command, environment, self._start_timeout_s)

        threading.Thread(target=run, name="pilot-mpiexec", daemon=True).start()

    def stop_worker(self, index: int) -> None:
        """End the worker's process, and its gang if it is in one."""
        gang = self._gangs.pop(index, None)
        if gang is not None:
            gang.kill()
        self._processes.stop_worker(index)

    def close(self) -> None:
        """End all gangs and processes."""
        gangs = set(self._gangs.values())
        for gang in gangs:
            gang.kill()
        self._processes.close()
        for gang in gangs:
            gang.gone.wait(_GRACE_S)
        if self._door is not None:
            self._door.close()
            self._door = None
        if self._reaper is not None:
            self._reaper.close()
            self._reaper = None


def find_mpiexec(command: str | None) -> list[str]:
    """Return the launcher as a list of tokens.

    Raises
    ------
    InvalidDescription
        If there is none, or ``command`` names none.
    """
    if command is not None:
        tokens = shlex.split(command)
        if not tokens or shutil.which(tokens[0]) is None:
            raise InvalidDescription(f"engine_options: mpiexec = {command!r}: must begin with a program that exists")
        return tokens
    beside = str(Path(sys.executable).parent)
    found = shutil.which("mpiexec", path=beside) or shutil.which("mpiexec")
    if found is None:
        raise InvalidDescription(
            f"engine = 'mpi': there is no mpiexec in {beside} or on the search path; load the module of your MPI, "
            "name its launcher in engine_options.mpiexec, or pip install 'qhpc-miniapps[mpi]'"
        )
    return [found]


class _Caller(NamedTuple):
    """A rank that reports in: its place in the gang, its process and its process group."""

    rank: int
    host: str
    pid: int
    group: int


class _Places:
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

    def moved(self, slot: WorkerSlot, caller: _Caller) -> None:
        """Tell that a rank's process now stands for the worker, so that its memory is watched."""
        self._events.ready(slot.index, slot.generation, caller.host, caller.pid)

    def back(self, slot: WorkerSlot) -> None:
        """Tell that the worker's own process stands for it again."""
        generation, host, pid = self._homes[slot.index]
        if generation == slot.generation:
            self._events.ready(slot.index, generation, host, pid)


class _Gang:
    """One run of the launcher.

    Attributes
    ----------
    name
        What its ranks call it when they report in.
    gone
        Set when the launcher has ended.
    """

    def __init__(self, members: list[tuple[WorkerSlot, bytes]], places: _Places, reaper: Reaper) -> None:
        self.name = secrets.token_hex(8)
        self.gone = threading.Event()
        self._members = members
        self._places = places
        self._reaper = reaper
        self._lock = threading.Lock()
        self._over = False
        self._process: subprocess.Popen[bytes] | None = None
        self._groups: set[int] = set()
        self._started: set[int] = set()
        self._answered: set[int] = set()
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._timers: list[threading.Timer] = []

    def run(self, command: list[str], environment: dict[str, str], start_timeout_s: float) -> None:
        """Run the launcher to its end; in a thread of its own."""
        try:
            process = self._launch(command, environment)
        except OSError as error:
            self._lose(0, f"{command[0]} could not be started: {error}")
            self.gone.set()
            return
        if process is not None:
            self._after(start_timeout_s, self._check_started, start_timeout_s)
            reader = threading.Thread(target=self._pass_on_output, args=(process,), daemon=True)
            reader.start()
            code = process.wait()
            reader.join(1.0)
            self._ended(code)
        self.gone.set()

    def serve(self, caller: _Caller, connection: Connection[Any, Any]) -> None:
        """Give a rank that has reported in its message, and pass its answer on; in a thread of its own."""
        rank = caller.rank
        if not 0 <= rank < len(self._members) or not self._watch(caller):
            return
        slot, payload = self._members[rank]
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
                self._after(_GRACE_S, self._kill_processes)  # MPI_Finalize may hang
        self._places.back(slot)
        self._places.answered(slot.index, slot.generation, answer)

    def wait_if_ending(self) -> None:
        """Wait until the processes are gone, unless ranks are still at work."""
        if self._over:
            self.gone.wait(2 * _GRACE_S)

    def kill(self) -> None:
        """End all ranks and the launcher; nothing is reported any more."""
        with self._lock:
            self._over = True
        self._kill_processes()

    def _launch(self, command: list[str], environment: dict[str, str]) -> subprocess.Popen[bytes] | None:
        with self._lock:
            if self._over:
                return None
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=environment,
                start_new_session=True,
            )
            self._groups.add(self._process.pid)
        self._reaper.watch(self._process.pid)
        return self._process

    def _watch(self, caller: _Caller) -> bool:
        """Note a rank's process group, which need not be the launcher's; return False if the gang is over."""
        with self._lock:
            if not self._over and caller.host == socket.gethostname():
                self._groups.add(caller.group)
                self._reaper.watch(caller.group)
            return not self._over

    def _kill_processes(self) -> None:
        if not self.gone.is_set():
            for group in list(self._groups):
                kill_group(group)

    def _after(self, seconds: float, action: Callable[..., None], *args: object) -> None:
        timer = threading.Timer(seconds, action, args)
        timer.daemon = True
        self._timers.append(timer)
        timer.start()

    def _pass_on_output(self, process: subprocess.Popen[bytes]) -> None:
        if process.stdout is not None:
            with process.stdout as lines:
                for line in lines:
                    self._tail.append(line.decode(errors="replace").rstrip())
                    with contextlib.suppress(OSError):
                        os.write(2, line)

    # Ends that are not answers.

    def _check_started(self, limit_s: float) -> None:
        missing = set(range(len(self._members))) - self._started - self._answered
        if missing:
            ready = len(self._members) - len(missing)
            self._lose(min(missing), f"{ready} of {len(self._members)} ranks initialised MPI within {limit_s:g} s")

    def _rank_gone(self, caller: _Caller) -> None:
        if self._over or self._process is None:
            return
        how = f"process {caller.pid} of rank {caller.rank} died"
        with contextlib.suppress(subprocess.TimeoutExpired):  # the launcher notices, and prints what it knows
            how += f", and {_launcher_end(self._process.wait(2.0))}"
        self._lose(caller.rank, how)

    def _ended(self, code: int) -> None:
        for timer in self._timers:
            timer.cancel()
        silent = set(range(len(self._members))) - self._answered
        if silent:
            self._lose(min(silent), f"{_launcher_end(code)} before all ranks had answered")
        for group in self._groups:
            kill_group(group)
            self._reaper.forget(group)

    def _lose(self, rank: int, reason: str) -> None:
        with self._lock:
            if self._over:
                return
            self._over = True
        self._kill_processes()
        tail = "\n".join(self._tail)
        slot = self._members[rank][0]
        self._places.lost(slot.index, slot.generation, f"{reason}; it had printed:\n{tail}" if tail else reason)


def _launcher_end(code: int) -> str:
    return f"the MPI launcher {describe_end(code)}"


class _Door:
    """The port at which ranks report in: on the loopback interface, and only to those who know the key."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._gangs: dict[str, _Gang] = {}
        self._socket = socket.create_server((_HOST, 0), backlog=1024)
        threading.Thread(target=self._accept, name="pilot-mpi", daemon=True).start()

    def expect(self, gang: _Gang) -> None:
        """Let the ranks of a gang in."""
        for name in [name for name, other in self._gangs.items() if other.gone.is_set()]:
            del self._gangs[name]
        self._gangs[gang.name] = gang

    def invitation(self, gang: _Gang) -> dict[str, str]:
        """Return what the ranks of a gang find in their environment."""
        host, port = self._socket.getsockname()
        return {ADDRESS: f"{host}:{port}", KEY: self._key.hex(), GANG: gang.name}

    def close(self) -> None:
        """Let nobody in any more."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread that accepts
        self._socket.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._socket.accept()
            except OSError:
                return
            connection = Connection(client.detach())
            threading.Thread(target=self._welcome, args=(connection,), name="pilot-rank", daemon=True).start()

    def _welcome(self, connection: Connection[Any, Any]) -> None:
        with connection:
            try:
                deliver_challenge(connection, self._key)
                answer_challenge(connection, self._key)
                name, *caller = pickle.loads(connection.recv_bytes())  # noqa: S301 - from one who knows the key
            except (AuthenticationError, EOFError, OSError):
                return
            gang = self._gangs.get(name)
            if gang is not None:
                gang.serve(_Caller(*caller), connection)
