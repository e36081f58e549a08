"""Launcher ``psij``: placeholder jobs through PSI/J, which speaks Slurm, PBS, LSF and Flux."""

from __future__ import annotations

import contextlib
import logging
import shutil
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import psij

from .._registry import check_options
from ..descriptions import PilotDescription
from ..errors import InvalidDescription, PilotFailed
from ._gathering import Gathering
from .base import AbstractLauncher, Allocation, Node
from .places import agent_command, own_address, own_directory, python_path
from .slurm_script import printable

_OPTIONS: Final[dict[str, type]] = {
    "executor": str,
    "launcher": str,
    "queue": str,
    "account": str,
    "reservation": str,
    "attributes": dict,
    "directory": str,
    "python": str,
    "address": str,
    "queue_limit_s": float,
    "join_limit_s": float,
}
_UNKNOWN_MEMORY: Final = 2**62
_SAFE: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.,:@%/+=-")


class PsijLauncher(AbstractLauncher):
    """Submits a placeholder job with PSI/J, whose launcher starts an agent on each node.

    It serves where there is no launcher of our own: PBS, LSF, Flux. It cannot pass on a grace period before the time
    limit, cannot tell a job that was cancelled from one whose time is up, does not know the time that is left, and
    cannot start MPI programs over several nodes. A job that is lost in the queue is noticed when PSI/J asks the batch
    system next, every half minute; a running one at once.

    Options: ``executor`` (PSI/J's name of the batch system: ``slurm``, ``pbs``, ``lsf``, ``flux``, ``local``),
    ``launcher`` (what starts one process a node: ``srun``, ``mpirun``, ``multiple``), ``queue``, ``account``,
    ``reservation``, ``attributes`` (such as ``{"pbs.l" = "…"}``), and as for ``slurm``: ``directory``, ``python``,
    ``address``, ``queue_limit_s``, ``join_limit_s``.
    """

    def __init__(self, description: PilotDescription) -> None:
        super().__init__(description)
        options = description.launcher_options
        check_options("launcher", "psij", options, _OPTIONS)
        self._options = dict(options)
        for name in ("queue", "account", "reservation"):
            self._plain(name, options.get(name))
        for name, value in options.get("attributes", {}).items():
            self._plain(f"attributes.{name}", value)
        for name in ("directory", "python", "address"):
            if name in options:
                printable(name, options[name])
        executor = options.get("executor", "slurm")
        if executor not in psij.JobExecutor.get_executor_names():
            choices = ", ".join(sorted(psij.JobExecutor.get_executor_names()))
            raise InvalidDescription(f"launcher_options: executor = {executor!r}: PSI/J has: {choices}")
        self._executor = executor
        self._job: Any = None
        self._gathering: Gathering | None = None
        self._directory: Path | None = None
        self._released = threading.Event()

    @staticmethod
    def _plain(name: str, value: object) -> None:
        """Refuse what PSI/J would put between quotes without escaping it."""
        if value is not None and not (isinstance(value, str) and value and set(value) <= _SAFE):
            raise InvalidDescription(
                f"launcher_options: {name} = {value!r}: only letters, digits and _.,:@%/+=- are safe"
            )

    def expected(self) -> Allocation:
        """Return nodes as they were asked for; the batch system is not asked whether it has them."""
        wanted = self.description
        if wanted.cores_per_node is None or wanted.gpus_per_node is None:
            raise InvalidDescription("the launcher 'psij' must be told cores_per_node and gpus_per_node")
        gpus = tuple(range(wanted.gpus_per_node))
        return Allocation(
            (Node("", wanted.cores_per_node, wanted.memory_per_node or _UNKNOWN_MEMORY, gpus),) * wanted.nodes
        )

    def acquire(self) -> Allocation:
        """Submit the job and wait for its nodes."""
        options, started_s = self._options, time.monotonic()
        self._directory = own_directory(options.get("directory", ""), self.description.name)
        address = options.get("address") or own_address()
        self._gathering = Gathering(self.description, address, losses=self.losses, why=self._why)
        contact = self._directory / "contact.json"
        self._gathering.write_contact(contact, [])
        self._submit(contact)
        submitted_s = time.monotonic()
        self._gathering.wait(
            queue_limit_s=options.get("queue_limit_s"),
            join_limit_s=options.get("join_limit_s", 120.0),
            waiting=lambda: str(self._job.status),
        )
        head_s, nodes_s = self._gathering.head_s or submitted_s, self._gathering.nodes_s or submitted_s
        self.phases_s |= {"submit": submitted_s - started_s, "queue": head_s - submitted_s, "nodes": nodes_s - head_s}
        return self._gathering.allocation(self.description.walltime_s)

    def release(self) -> None:
        """Hang up on the agents, which ends the job, and cancel it if it still waits."""
        self._released.set()
        if self._gathering is not None:
            self._gathering.close()
            self._gathering.over("the pilot was released")
        if self._job is not None and not self._job.status.final:
            with contextlib.suppress(psij.SubmitException):
                self._job.cancel()
        if self._directory is not None:
            shutil.rmtree(self._directory, ignore_errors=True)

    def specification(self, contact: Path) -> Any:
        """Return the job as PSI/J is told of it."""
        wanted, options = self.description, self._options
        python, *arguments = agent_command(options.get("python", sys.executable), "node", contact)
        attributes = psij.JobAttributes(
            duration=timedelta(seconds=wanted.walltime_s or 3600),
            queue_name=options.get("queue"),
            account=options.get("account"),
            reservation_id=options.get("reservation"),
            custom_attributes=options.get("attributes"),
        )
        resources = psij.ResourceSpecV1(
            node_count=wanted.nodes,
            processes_per_node=1,
            cpu_cores_per_process=wanted.cores_per_node,
            gpu_cores_per_process=wanted.gpus_per_node or None,
        )
        return psij.JobSpec(
            executable=python,
            arguments=arguments,
            name="pilot",
            environment=dict(python_path()),
            resources=resources,
            attributes=attributes,
            launcher=options.get("launcher", "single" if self._executor == "local" else "srun"),
        )

    def _submit(self, contact: Path) -> None:
        logging.getLogger("psij").setLevel(logging.ERROR)
        self._job = psij.Job(self.specification(contact))
        self._job.set_job_status_callback(self._changed)
        try:
            psij.JobExecutor.get_instance(self._executor).submit(self._job)
        except (psij.SubmitException, psij.InvalidJobException, OSError) as error:
            raise PilotFailed(f"the job was not accepted by {self._executor}: {error}") from error

    def _changed(self, _job: Any, status: Any) -> None:
        if status.final and self._gathering is not None and not self._released.is_set():
            self._gathering.over(_sentence(status), status.state is psij.JobState.COMPLETED)

    def _why(self) -> tuple[str, bool] | None:
        status = self._job.status
        return (_sentence(status), status.state is psij.JobState.COMPLETED) if status.final else None


def _sentence(status: Any) -> str:
    words = {"COMPLETED": "has ended", "FAILED": "failed", "CANCELED": "was cancelled"}
    state = status.state.name
    return f"the job {words.get(state, state)}" + (f" ({status.message})" if status.message else "")
