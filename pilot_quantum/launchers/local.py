"""Launcher ``local``: the resources of this machine, as far as this process may use them."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass, replace
from pathlib import Path

import psutil

from .._registry import check_options
from ..descriptions import PilotDescription
from ..errors import InvalidDescription, ResourcesMissing
from .base import AbstractLauncher, Allocation, Node
from .qpus import Qpu, from_environment, from_licences

_OPTIONS = {"oversubscribe": bool}


@dataclass(frozen=True, slots=True)
class LocalNode:
    """What this machine offers to this process.

    Attributes
    ----------
    host
        Host name.
    cores
        Cores in this process's affinity mask.
    memory_total, memory_available
        Bytes, cgroup limits included.
    gpus
        Names of the NVIDIA GPUs; empty if there are none or NVML cannot be loaded.
    """

    host: str
    cores: int
    memory_total: int
    memory_available: int
    gpus: tuple[str, ...]


def detect() -> LocalNode:
    """Look at this machine: affinity, memory, cgroup limits, GPUs."""
    memory = psutil.virtual_memory()
    limit, used = _cgroup_memory()
    total = min(memory.total, limit) if limit else memory.total
    available = min(memory.available, limit - used) if limit else memory.available
    return LocalNode(socket.gethostname(), usable_cores(), total, max(0, available), _gpus())


def usable_cores() -> int:
    """Return the number of cores in this process's affinity mask."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1  # pragma: no cover - not on Linux


def _cgroup_memory() -> tuple[int, int]:
    root = Path("/sys/fs/cgroup")
    try:
        limit = (root / "memory.max").read_text().strip()
        used = int((root / "memory.current").read_text())
    except (OSError, ValueError):
        return 0, 0
    return (int(limit), used) if limit.isdigit() else (0, 0)


def _gpus() -> tuple[str, ...]:
    try:
        import pynvml
    except ImportError:
        return ()
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()
    try:
        handles = [pynvml.nvmlDeviceGetHandleByIndex(i) for i in range(pynvml.nvmlDeviceGetCount())]
        return tuple(str(pynvml.nvmlDeviceGetName(handle)) for handle in handles)
    finally:
        pynvml.nvmlShutdown()


class LocalLauncher(AbstractLauncher):
    """Takes cores, memory and GPUs of the machine it runs on.

    Option ``oversubscribe`` (bool) allows more cores than the machine offers, for tests.
    """

    def __init__(self, description: PilotDescription) -> None:
        super().__init__(description)
        check_options("launcher", "local", description.launcher_options, _OPTIONS)

    def expected(self) -> Allocation:
        """Return one node with the cores, GPUs and memory asked for, checked against this machine."""
        return self._checked(self.description)

    def resized(self, cores: int) -> Allocation:
        """Return the same node with another number of cores, checked against this machine."""
        return self._checked(replace(self.description, cores_per_node=cores))

    @property
    def qpus(self) -> tuple[Qpu, ...]:
        """Quantum devices of the batch job that this process is in, if it is in one."""
        return (*from_environment(os.environ), *from_licences(os.environ.get("SLURM_JOB_LICENSES", ""), every=True))

    def _checked(self, wanted: PilotDescription) -> Allocation:
        here = detect()
        if wanted.nodes != 1:
            raise InvalidDescription(f"nodes = {wanted.nodes}: the launcher 'local' has exactly 1 node")
        cores = wanted.cores_per_node or here.cores
        oversubscribe = bool(wanted.launcher_options.get("oversubscribe", False))
        if cores > here.cores and not oversubscribe:
            raise ResourcesMissing(
                f"cores_per_node = {cores}: this process may use {here.cores} core(s); "
                "ask for fewer, or set launcher_options.oversubscribe = true"
            )
        gpus = len(here.gpus) if wanted.gpus_per_node is None else wanted.gpus_per_node
        if gpus > len(here.gpus):
            raise ResourcesMissing(f"gpus_per_node = {gpus}: this machine has {len(here.gpus)} NVIDIA GPU(s)")
        memory = wanted.memory_per_node or here.memory_available
        if memory > here.memory_total:
            raise ResourcesMissing(f"memory_per_node = {memory}: this machine has {here.memory_total} bytes")
        return Allocation((Node(here.host, cores, memory, tuple(range(gpus))),))

    def acquire(self) -> Allocation:
        """Return `expected`: this machine is already held."""
        return self.expected()

    def release(self) -> None:
        """Do nothing: nothing was taken from anybody."""
