"""Launcher ``slurm``: a pilot is one placeholder job of N nodes, submitted with sbatch."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import re
import shutil
import socket
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .._registry import check_options
from ..descriptions import PilotDescription
from ..errors import InvalidDescription, PilotFailed
from ._gathering import Gathering
from ._nodes import LocalAgent, LocalProcess
from .base import AbstractAgent, AbstractLauncher, Allocation, Node
from .places import agent_command, home, own_address, own_directory, python_path, slug
from .qpus import Qpu, from_environment, from_gres, from_licences
from .slurm_jobs import JobStatus, Phase, SlurmError, cancel, parse_time, run_slurm, submit
from .slurm_script import OPTIONS, BatchJob, Site, printable, render
from .slurm_watch import FRESH_S, watcher

_log = logging.getLogger(__name__)

INSIDE: Final = "PILOT_QUANTUM_SLURM_JOB"
"""Set to the id of the job by a batch script whose pilots take the nodes of that job instead of submitting jobs."""

_OWN: Final[dict[str, type]] = {
    "directory": str,
    "python": str,
    "address": str,
    "queue_limit_s": float,
    "join_limit_s": float,
    "grace_s": int,
}
_UNKNOWN_MEMORY: Final = 2**62
_LOG_LINES = 6
_COMPLETING_S = 4.0
_MARGIN_S = 3.0
"""So long before its job the pilot ends, so that its tasks are handed back and not lost."""


@dataclass(frozen=True, slots=True)
class _Settings:
    directory: str = ""
    python: str = sys.executable
    address: str = ""
    queue_limit_s: float | None = None
    join_limit_s: float = 120.0
    grace_s: int = 60


class SlurmLauncher(AbstractLauncher):
    """Submits a placeholder job and waits until an agent has called from each of its nodes.

    The job's batch step starts one agent a node with srun. Agents connect to this process, and prove with a key from a
    file that only their user can read that they belong to it. The job ends when this process hangs up or dies.

    Options, besides those of `slurm_script.Site`: ``directory`` (seen by all nodes; by default ``~/.pilot-quantum``),
    ``python`` (the interpreter on the nodes; by default this one's path), ``address`` (at which nodes reach this
    process; by default the one that leads to Slurm's controller), ``queue_limit_s`` (the pilot fails if its job has not
    started by then; by default it waits as long as it takes), ``join_limit_s`` (from the start of the job until all
    nodes must have joined; 120) and ``grace_s`` (so long before its time limit the pilot takes nothing new; 60).
    """

    def __init__(self, description: PilotDescription) -> None:
        super().__init__(description)
        options = description.launcher_options
        check_options("launcher", "slurm", options, {**OPTIONS, **_OWN})
        self._site = Site.from_options({name: value for name, value in options.items() if name in OPTIONS})
        self._settings = _Settings(**{name: value for name, value in options.items() if name in _OWN})
        for name in ("directory", "python", "address"):
            if name in options:
                printable(name, options[name])
        if description.name:
            printable("name", description.name)
        self._job: str | None = None
        self._status: JobStatus | None = None
        self._gathering: Gathering | None = None
        self._directory: Path | None = None
        self._step: LocalProcess | None = None
        self._taken: list[str] = []
        self._released = threading.Event()

    @property
    def job(self) -> str | None:
        """Id of the placeholder job; None before it is submitted."""
        return self._job

    @property
    def qpus(self) -> tuple[Qpu, ...]:
        """Quantum devices of the job: those that Slurm tells the first node of, licences and generic resources.

        The first are known once the pilot is up.
        """
        told = {} if self._gathering is None else self._gathering.environment()
        licences = told.get("SLURM_JOB_LICENSES") or self._site.licenses
        return (*from_environment(told), *from_licences(licences, every=True), *from_gres(self._site.gres))

    def expected(self) -> Allocation:
        """Return nodes as they were asked for; Slurm is not asked whether it has them."""
        wanted = self.description
        for name, value in (("cores_per_node", wanted.cores_per_node), ("gpus_per_node", wanted.gpus_per_node)):
            if value is None:
                raise InvalidDescription(f"{name} = None: the launcher 'slurm' must be told how many to ask for")
        node = Node(
            "",
            wanted.cores_per_node or 1,
            wanted.memory_per_node or _UNKNOWN_MEMORY,
            tuple(range(wanted.gpus_per_node or 0)),
        )
        return Allocation((node,) * wanted.nodes)

    def script(self, directory: Path | None = None) -> str:
        """Return the script of the placeholder job, without submitting it.

        Parameters
        ----------
        directory
            The pilot's own directory; None stands for one that is named when the pilot starts.
        """
        wanted = self.description
        here = directory or home(self._settings.directory) / f"{slug(wanted.name)}-…"
        job = BatchJob(
            name=wanted.name or "pilot",
            nodes=wanted.nodes,
            cores_per_node=wanted.cores_per_node or 1,
            gpus_per_node=wanted.gpus_per_node or 0,
            memory_per_node=wanted.memory_per_node,
            walltime_s=wanted.walltime_s,
            log=str(here / "job-{job}.log"),
            command=agent_command(self._settings.python, "head", here / "contact.json"),
            environment=python_path(),
            site=self._site,
            grace_s=self._settings.grace_s,
        )
        return render(job)

    def acquire(self) -> Allocation:
        """Submit the job and wait for its nodes; in a job of ours, take nodes of that job instead."""
        started_s = time.monotonic()
        settings = self._settings
        inside = os.environ.get(INSIDE) == os.environ.get("SLURM_JOB_ID", "-")
        self._directory = own_directory(settings.directory, self.description.name)
        address = settings.address or (own_address() if inside else _address_towards_slurm())
        self._gathering = Gathering(self.description, address, losses=self.losses, why=self._why)
        contact = self._directory / "contact.json"
        self._gathering.write_contact(contact, self._srun(contact))
        if inside:
            self._take_nodes(contact)
        else:
            self._submit()
        self.phases_s["submit"] = time.monotonic() - started_s
        return self._gathered(self._gathering, LocalAgent() if inside else None)

    def _gathered(self, gathering: Gathering, head: AbstractAgent | None) -> Allocation:
        settings = self._settings
        submitted_s = time.monotonic()
        try:
            gathering.wait(
                queue_limit_s=settings.queue_limit_s, join_limit_s=settings.join_limit_s, waiting=self._waiting
            )
        except PilotFailed as error:
            raise PilotFailed(f"{error}{self._log_tail()}") from None
        head_s, nodes_s = gathering.head_s or submitted_s, gathering.nodes_s or submitted_s
        self.phases_s |= {"queue": head_s - submitted_s, "nodes": nodes_s - head_s}
        return gathering.allocation(self._left_s(), head)

    def release(self) -> None:
        """Hang up on the agents, which ends the job, and cancel it if it still waits."""
        self._released.set()
        gathering, job = self._gathering, self._job
        if gathering is not None:
            gathering.close()
            gathering.over("the pilot was released")
        if self._step is not None:
            self._step.kill(15)
        if job is not None:
            watcher.remove(job)
            if self._status is None or not self._status.over:
                with contextlib.suppress(SlurmError):
                    cancel([job])
        _free_nodes(self._taken)
        self._taken = []
        if self._directory is not None and not self._failed():
            shutil.rmtree(self._directory, ignore_errors=True)

    # The job.

    def _submit(self) -> None:
        if self._directory is None:
            return
        script = self.script(self._directory)
        (self._directory / "job.sh").write_text(script, "utf-8")
        try:
            self._job = submit(script)
        except SlurmError as error:
            raise PilotFailed(f"the job was not accepted: {error}") from error
        if self._released.is_set():
            cancel([self._job])
        watcher.add(self._job, self._changed)

    def _changed(self, status: JobStatus) -> None:
        self._status = status
        if self._gathering is None or self._released.is_set():
            return
        if status.over or status.hopeless:
            self._gathering.over(status.sentence(), status.phase is Phase.ENDED)
        elif status.remarkable:
            _log.warning("pilot %r: %s", self.description.name, status.sentence())

    def _why(self) -> tuple[str, bool] | None:
        """Return why the job is over, if it is, and whether that was agreed; asks Slurm."""
        status = None if self._job is None else watcher.look(self._job)
        waited_s = 0.0
        if status is not None and status.state == "COMPLETING" and self._gathering is not None:
            self._gathering.hang_up()
        while status is not None and status.state == "COMPLETING" and waited_s < _COMPLETING_S:
            time.sleep(FRESH_S)  # Slurm tells how a job ended only when all its processes are gone
            waited_s += FRESH_S
            status = watcher.look(self._job or "")
        if status is None or not (status.over or status.state == "COMPLETING"):
            return None
        return status.sentence(), status.phase is Phase.ENDED or status.left_s == 0

    def _waiting(self) -> str:
        status = None if self._job is None else watcher.look(self._job)
        return status.sentence() if status is not None else "Slurm does not say why"

    def _left_s(self) -> float | None:
        job = self._job or os.environ.get("SLURM_JOB_ID", "")
        with contextlib.suppress(SlurmError):
            left_s = parse_time(run_slurm(["squeue", "--noheader", f"--jobs={job}", "--format=%L"]).strip())
            return None if left_s is None else max(1.0, left_s - _MARGIN_S)
        return None

    def _failed(self) -> bool:
        return self._status is not None and self._status.phase is Phase.LOST and self._status.state == "FAILED"

    def _log_tail(self) -> str:
        """Return the last lines of the job's log, as the end of an error message."""
        for log in [] if self._directory is None else sorted(self._directory.glob("job-*.log")):
            lines = [line for line in log.read_text("utf-8", errors="replace").splitlines() if line.strip()]
            if lines:
                return f"; the last lines of {log}: {' | '.join(lines[-_LOG_LINES:])}"
        return ""

    # Commands and places.

    def _srun(self, contact: Path) -> list[str]:
        """Return the command that starts the agents: they share all their node has with the steps of tasks."""
        wanted = self.description
        command = ["srun", "--overlap", "--mpi=none", "--mem=0", "--kill-on-bad-exit=0", "--no-kill", "--wait=0"]
        command += [f"--nodes={wanted.nodes}", f"--ntasks={wanted.nodes}", "--ntasks-per-node=1"]
        command += [f"--cpus-per-task={wanted.cores_per_node}", "--cpu-bind=none"]
        return [*command, *agent_command(self._settings.python, "node", contact)]

    def _take_nodes(self, contact: Path) -> None:
        self._taken = _take_nodes(self.description.nodes)
        command = self._srun(contact)
        command.insert(1, f"--nodelist={','.join(self._taken)}")
        gathering = self._gathering

        def ended(code: int | None) -> None:
            if gathering is not None:
                gathering.over(f"srun, which started the agents, has ended with code {code}")

        self._step = LocalAgent().start(command, environment=python_path(), stdin=b"", ended=ended)


# ---------------------------------------------------------------- nodes of the job we are in

_free: list[str] | None = None
_taking = threading.Lock()


def _take_nodes(count: int) -> list[str]:
    global _free  # noqa: PLW0603 - the nodes belong to this process as a whole
    with _taking:
        if _free is None:
            names = run_slurm(["scontrol", "show", "hostnames", os.environ.get("SLURM_JOB_NODELIST", "")])
            _free = names.split()
        if len(_free) < count:
            raise PilotFailed(f"{count} node(s) were asked for, and {len(_free)} of this job are free")
        taken, _free = _free[:count], _free[count:]
        return taken


def _free_nodes(names: list[str]) -> None:
    with _taking:
        if _free is not None:
            _free.extend(names)


# ---------------------------------------------------------------- where nodes reach us


@functools.cache
def _address_towards_slurm() -> str:
    """Return the address of the interface that leads to Slurm's controller: its nodes are likely to be there too."""
    with contextlib.suppress(SlurmError, OSError):
        text = run_slurm(["scontrol", "show", "config"])
        found = re.search(r"^SlurmctldHost\[0\]\s*=\s*([^\s(]+)(?:\(([^)]+)\))?", text, re.MULTILINE)
        if found:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.connect((found[2] or found[1], 9))  # sends nothing
                address: str = probe.getsockname()[0]
                return address
    return own_address()
