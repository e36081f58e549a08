"""What limits a process besides the machine: control groups, Slurm, NUMA. Pure but for reading files below a root.

Every reader takes the text or the mapping it reads, or the root directory, so that a machine that is not here can be
described by a folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

MIB = 2**20
_NO_LIMIT = 2**60
"""Control groups of version 1 write a huge number where there is no limit."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What something allows; None where it sets no limit.

    Attributes
    ----------
    source
        What sets it, for a person: ``"cgroup"``, ``"Slurm"`` …
    cores
        Cores, possibly a fraction.
    memory
        Bytes, of the whole group.
    memory_used
        Bytes that the group uses now.
    gpus
        Number of GPUs.
    nodes
        Number of nodes of the allocation.
    """

    source: str
    cores: float | None = None
    memory: int | None = None
    memory_used: int = 0
    gpus: int | None = None
    nodes: int | None = None


def slurm(environment: Mapping[str, str]) -> Limit | None:
    """Return what a Slurm job grants on its first node; None outside a job.

    Reads ``SLURM_JOB_ID``, ``SLURM_CPUS_ON_NODE`` (else ``SLURM_JOB_CPUS_PER_NODE``), ``SLURM_MEM_PER_NODE`` or
    ``SLURM_MEM_PER_CPU`` (MiB, 0 = all of the node), ``SLURM_GPUS_ON_NODE`` (else ``SLURM_JOB_GPUS``),
    ``SLURM_JOB_NUM_NODES``.
    """
    if "SLURM_JOB_ID" not in environment:
        return None
    cores = _number(environment.get("SLURM_CPUS_ON_NODE")) or _number(environment.get("SLURM_JOB_CPUS_PER_NODE"))
    return Limit(
        source="Slurm",
        cores=cores,
        memory=_slurm_memory(environment, cores),
        gpus=_slurm_gpus(environment),
        nodes=_number(environment.get("SLURM_JOB_NUM_NODES")) or _number(environment.get("SLURM_NNODES")),
    )


def _slurm_memory(environment: Mapping[str, str], cores: int | None) -> int | None:
    node, each = (_number(environment.get(f"SLURM_MEM_PER_{what}")) for what in ("NODE", "CPU"))
    if node:
        return node * MIB
    return each * cores * MIB if each and cores else None


def _slurm_gpus(environment: Mapping[str, str]) -> int | None:
    counted = _number(environment.get("SLURM_GPUS_ON_NODE"))
    listed = environment.get("SLURM_JOB_GPUS")
    return counted if counted is not None or listed is None else len(numbers(listed))


def _number(text: str | None) -> int | None:
    """Return the first number of ``"16"``, ``"16(x3),8"`` or ``"gpu:2"``."""
    found = re.search(r"\d+", text or "")
    return int(found[0]) if found else None


def numbers(text: str) -> list[int]:
    """Return the numbers of a list such as ``"0-3,8"``; entries that are no numbers or ranges are left out."""
    found: list[int] = []
    for part in text.strip().split(","):
        first, _, last = part.strip().partition("-")
        if first.isdigit() and (not last or last.isdigit()):
            found.extend(range(int(first), int(last or first) + 1))
    return found


def cgroup(root: Path = Path("/")) -> Limit | None:
    """Return the tightest limits of this process's control group and those above it; None if there are none."""
    limits = [limit for group in _groups(root) if (limit := _of_group(group)) is not None]
    cores = min((limit.cores for limit in limits if limit.cores is not None), default=None)
    tightest = min(
        (limit for limit in limits if limit.memory is not None),
        key=lambda limit: (limit.memory or 0) - limit.memory_used,
        default=None,
    )
    if cores is None and tightest is None:
        return None
    memory, used = (None, 0) if tightest is None else (tightest.memory, tightest.memory_used)
    return Limit("cgroup", cores=cores, memory=memory, memory_used=used)


def _groups(root: Path) -> Iterable[Path]:
    """Return directories of the process's groups (version 2, and the two controllers of version 1), upwards."""
    mounts = root / "sys/fs/cgroup"
    with suppress(OSError, UnicodeDecodeError):
        for line in (root / "proc/self/cgroup").read_text("utf-8").splitlines():
            _, controllers, path = line.split(":", 2)
            for name in controllers.split(",") if controllers else [""]:
                if name in ("", "cpu", "memory"):
                    place = mounts / name
                    group = place / path.strip().lstrip("/")
                    yield from (group, *(up for up in group.parents if up == place or place in up.parents))
    yield mounts


def _of_group(group: Path) -> Limit | None:
    quota = (_text(group / "cpu.max") or _version_one_quota(group)).split()
    cores = int(quota[0]) / int(quota[1]) if len(quota) == 2 and quota[0].isdigit() and int(quota[1]) else None
    memory = _bytes(group / "memory.max") or _bytes(group / "memory.limit_in_bytes")
    used = _bytes(group / "memory.current") or _bytes(group / "memory.usage_in_bytes") or 0
    return Limit("cgroup", cores=cores, memory=memory, memory_used=used) if cores or memory else None


def _version_one_quota(group: Path) -> str:
    return f"{_text(group / 'cpu.cfs_quota_us')} {_text(group / 'cpu.cfs_period_us')}"


def _bytes(file: Path) -> int | None:
    text = _text(file)
    return int(text) if text.isdigit() and int(text) < _NO_LIMIT else None


def _text(file: Path) -> str:
    try:
        return file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        return ""


def numa(root: Path, cores: Iterable[int]) -> tuple[int, ...]:
    """Return how many of these cores each NUMA node has, nodes without any left out; empty if none can be read."""
    usable = set(cores)
    places = sorted((root / "sys/devices/system/node").glob("node[0-9]*"))
    counts = (len(usable & set(numbers(_text(place / "cpulist")))) for place in places)
    return tuple(count for count in counts if count)
