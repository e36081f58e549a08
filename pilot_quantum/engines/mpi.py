"""Engine ``mpi``: gangs are started by an MPI launcher, ordinary tasks run in plain processes."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
import threading
from dataclasses import replace
from pathlib import Path

import mpi4py  # noqa: F401 - what the ranks need: said here, when the pilot is submitted

from .._door import Door
from .._registry import check_options
from ..descriptions import PilotDescription
from ..errors import InvalidDescription, PilotFailed
from ..launchers._nodes import LocalAgent
from ..launchers.base import AbstractAgent, Allocation
from ._children import Reaper, added_environment
from ._mpi_gang import GRACE_S, Gang, Places
from ._mpi_launch import JOB_SHAPE, mpiexec_command, srun_command, without_launcher
from .base import AbstractEngine, EngineEvents, WorkerSlot
from .processes import ProcessesEngine

_OPTIONS = {"mpiexec": str, "start_timeout_s": float, "srun_mpi": str}
_PROGRAM = [sys.executable, "-m", "pilot_quantum.engines._mpi_rank"]


class MpiEngine(AbstractEngine):
    """Gives the ranks of a gang an MPI communicator; everything else runs as on the engine ``processes``.

    A gang is one run of ``mpiexec``, whose ranks connect to the driver, receive their message, and end after it: MPI
    cannot be trusted after a failure, and cannot be initialised twice. Its start costs some tenths of a second. The
    function finds ``MPI.COMM_WORLD`` in ``ranks.communicator``. A `Command` is started by each rank in its own place,
    before anything has initialised MPI, and may be an MPI program. In a job of Slurm the launcher is ``srun``, and each
    rank runs on the node of the worker whose place it takes.

    Options: ``mpiexec`` (command; by default the one beside the interpreter, or on the search path),
    ``start_timeout_s`` (seconds until all ranks must have initialised MPI, by default 60), and ``srun_mpi`` (what srun
    is told about the MPI library, by default ``pmi2``).
    """

    fresh_ranks = True

    def __init__(self, description: PilotDescription, events: EngineEvents) -> None:
        super().__init__(description, events)
        options = description.engine_options
        check_options("engine", "mpi", options, _OPTIONS)
        self._launcher = find_mpiexec(options.get("mpiexec")) if description.launcher == "local" else []
        self._srun_mpi = str(options.get("srun_mpi", "pmi2"))
        self._start_timeout_s = float(options.get("start_timeout_s", 60.0))
        if self._start_timeout_s <= 0:
            raise InvalidDescription(f"engine_options: start_timeout_s = {self._start_timeout_s}: must be positive")
        self._places = Places(events)
        self._processes = ProcessesEngine(replace(description, engine_options={}), self._places)
        self._gangs: dict[int, Gang] = {}
        self._door: Door | None = None
        self._reaper: Reaper | None = None
        self._head: AbstractAgent | None = None

    def start(self, allocation: Allocation) -> None:
        """Open the port at which ranks report in."""
        remote = [node for node in allocation.nodes if node.agent is not None]
        if remote and allocation.head is None:
            raise PilotFailed(f"the launcher {self.description.launcher!r} cannot start MPI programs on its nodes")
        self._head = allocation.head
        self._processes.start(allocation)
        self._reaper = Reaper()
        self._door = Door(allocation.driver_address)

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
        gang = Gang(members, self._places, self._reaper)
        self._gangs.update((index, gang) for index, _ in messages)
        command = self._command([slot for slot, _ in members])
        kept = without_launcher(os.environ)
        environment = {**dict.fromkeys(os.environ.keys() - kept.keys()), **added_environment(members[0][0])}
        # Within a batch job mpiexec stays here, and srun must not take the shape of the job for that of the step.
        environment |= {"HYDRA_LAUNCHER": "fork"} if self._head is None else dict.fromkeys(JOB_SHAPE)
        environment |= gang.invitation(self._door)
        agent = self._head or LocalAgent()

        def run() -> None:
            for earlier in last:
                earlier.wait_if_ending()
            gang.run(agent, command, environment, self._start_timeout_s)

        threading.Thread(target=run, name="pilot-mpiexec", daemon=True).start()

    def _command(self, slots: list[WorkerSlot]) -> list[str]:
        if self._head is None:
            return mpiexec_command(self._launcher, len(slots), _PROGRAM)
        nodes = [slot.node.host for slot in slots]
        return srun_command(len(slots), _PROGRAM, mpi=self._srun_mpi, nodes=nodes)

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
            gang.gone.wait(GRACE_S)
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
