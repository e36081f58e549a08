"""Resources: what may run circuits, as typed-in values, and the detection of what this process may use.

``detect()`` looks at this machine; ``qdreamer.machines.read`` reads a file about one that is not here. Memory is in
bytes, times in seconds, everywhere.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import floor
from pathlib import Path
from typing import Any

from .limits import Limit, cgroup, numa, numbers, slurm

DEFAULT_BANDWIDTH = 1.0e12
"""Bytes a second of a GPU's memory where nothing is known: about an HBM2 device; such predictions are rough."""


class BadResources(ValueError):
    """A resource breaks a rule; the message names the value and the rule."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """GPUs of one kind on a node.

    Attributes
    ----------
    name
        Model.
    memory
        Bytes of one.
    count
        How many a node has.
    bandwidth
        Bytes a second between one and its memory.
    launch_s
        Seconds to start one kernel, about one a gate.
    """

    name: str
    memory: int
    count: int = 1
    bandwidth: float = DEFAULT_BANDWIDTH
    launch_s: float = 5e-6

    def __post_init__(self) -> None:
        _positive(self, "memory", "count", "bandwidth")


@dataclass(frozen=True, slots=True)
class Qpu:
    """QPUs of one kind, each used by one job at a time. Defaults: IBM Eagle r3 as in `qdreamer.models.qpu_duration`.

    Attributes
    ----------
    name
        Processor.
    n_qubits
        Width.
    count
        How many.
    job_s, repetition_s, readout_s, layer_s
        Overhead of a job, wait between shots, measurement, one layer of a circuit.
    two_qubit_error, readout_error
        Probability that one two-qubit gate, one measured qubit goes wrong.
    mid_circuit
        Whether it measures in mid-circuit.
    """

    name: str
    n_qubits: int
    count: int = 1
    job_s: float = 2.0
    repetition_s: float = 250e-6
    readout_s: float = 1.216e-6
    layer_s: float = 647.1e-9
    two_qubit_error: float = 7e-3
    readout_error: float = 1e-2
    mid_circuit: bool = True

    def __post_init__(self) -> None:
        _positive(self, "n_qubits", "count")


@dataclass(frozen=True, slots=True)
class Resources:
    """What one user may use together.

    Attributes
    ----------
    name
        For captions.
    cores
        Cores of a node, one worker each.
    memory
        Bytes of a node's main memory.
    nodes
        Number of such nodes.
    numa
        Cores of each NUMA node; empty if unknown.
    core_speed
        Speed of a core relative to the machine that the cost model was calibrated on.
    gpus, qpus
        GPUs of a node; QPUs of all.
    limited_by
        What took cores or memory away from the machine, for a person.
    """

    name: str
    cores: int
    memory: int
    nodes: int = 1
    numa: tuple[int, ...] = ()
    core_speed: float = 1.0
    gpus: tuple[Gpu, ...] = ()
    qpus: tuple[Qpu, ...] = ()
    limited_by: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _positive(self, "cores", "memory", "nodes", "core_speed")

    @property
    def workers(self) -> int:
        """Cores of all nodes together."""
        return self.cores * self.nodes

    def describe(self) -> str:
        """Return one line for a person."""
        nodes = f"{self.nodes} nodes of " if self.nodes > 1 else ""
        parts = [f"{nodes}{self.cores} core(s), {self.memory / 2**30:.4g} GiB"]
        parts += [f"{gpu.count} × {gpu.name} ({gpu.memory / 2**30:.4g} GiB)" for gpu in self.gpus]
        parts += [f"{qpu.count} × {qpu.name} ({qpu.n_qubits} qubits)" for qpu in self.qpus]
        return f"{self.name}: {', '.join(parts)}"


def _positive(value: object, *names: str) -> None:
    for name in names:
        number = getattr(value, name)
        if not number > 0:
            raise BadResources(f"{type(value).__name__}.{name} = {number!r}: must be positive")


# ---------------------------------------------------------------- this machine


def detect(root: Path = Path("/"), environment: Mapping[str, str] | None = None) -> Resources:
    """Return what this process may use: affinity, control groups and Slurm taken into account.

    Parameters
    ----------
    root
        Where ``/sys`` and ``/proc`` are; a test puts a folder here.
    environment
        Variables; None means this process's.
    """
    import psutil

    variables = os.environ if environment is None else environment
    affinity = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else range(os.cpu_count() or 1)
    available = int(psutil.virtual_memory().available)
    limits = [limit for limit in (cgroup(root), slurm(variables)) if limit is not None]
    whole = Resources(
        name=socket.gethostname(),
        cores=len(affinity),
        memory=available,
        numa=numa(root, affinity),
        gpus=_visible(nvidia_gpus(), variables),
    )
    return limited(whole, limits)


def limited(resources: Resources, limits: list[Limit]) -> Resources:
    """Return the resources within limits, with a note on each one that took something away."""
    found = resources
    for limit in limits:
        cores = found.cores if limit.cores is None else max(1, min(found.cores, floor(limit.cores)))
        left = found.memory if limit.memory is None else max(1, limit.memory - limit.memory_used)
        memory = min(found.memory, left)
        gpus = found.gpus if limit.gpus is None else _first(found.gpus, limit.gpus)
        notes = [
            *([f"{limit.source}: {cores} of {found.cores} cores"] if cores < found.cores else []),
            *([f"{limit.source}: {memory / 2**30:.3g} GiB"] if memory < found.memory else []),
        ]
        found = replace(
            found,
            cores=cores,
            memory=memory,
            gpus=gpus,
            nodes=limit.nodes or found.nodes,
            limited_by=(*found.limited_by, *notes),
        )
    return found


def _first(gpus: tuple[Gpu, ...], count: int) -> tuple[Gpu, ...]:
    kept: list[Gpu] = []
    for gpu in gpus:
        taken = min(gpu.count, count - sum(one.count for one in kept))
        if taken > 0:
            kept.append(replace(gpu, count=taken))
    return tuple(kept)


def _visible(gpus: tuple[Gpu, ...], variables: Mapping[str, str]) -> tuple[Gpu, ...]:
    """Return as many GPUs as ``CUDA_VISIBLE_DEVICES`` names; identifiers count like numbers."""
    named = variables.get("CUDA_VISIBLE_DEVICES")
    if named is None:
        return gpus
    words = [word for word in named.split(",") if word.strip() and word.strip() != "-1"]
    return _first(gpus, len(numbers(named)) or len(words))


def nvidia_gpus() -> tuple[Gpu, ...]:
    """Return the NVIDIA GPUs as NVML tells them, equal ones together; empty if there are none or no NVML."""
    try:
        import pynvml
    except ImportError:
        return ()
    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return ()
    try:
        found = [_gpu(pynvml, index) for index in range(pynvml.nvmlDeviceGetCount())]
    finally:
        pynvml.nvmlShutdown()
    kinds = dict.fromkeys(found)
    return tuple(replace(kind, count=found.count(kind)) for kind in kinds)


def _gpu(nvml: Any, index: int) -> Gpu:
    handle = nvml.nvmlDeviceGetHandleByIndex(index)
    memory = nvml.nvmlDeviceGetMemoryInfo(handle)
    return Gpu(str(nvml.nvmlDeviceGetName(handle)), int(memory.total), bandwidth=_bandwidth(nvml, handle))


def _bandwidth(nvml: Any, handle: Any) -> float:
    """Return bytes a second: two transfers a cycle over the bus; the default where NVML does not tell."""
    try:
        clock = nvml.nvmlDeviceGetMaxClockInfo(handle, nvml.NVML_CLOCK_MEM)
        return float(2e6 * clock * nvml.nvmlDeviceGetMemoryBusWidth(handle) / 8) or DEFAULT_BANDWIDTH
    except nvml.NVMLError:
        return DEFAULT_BANDWIDTH
