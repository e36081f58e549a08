"""The memory watchdog: finds the worker to stop before the machine runs out of memory. Driver side, Linux.

Where there are no cgroups, all that can be seen is each process's resident set. It counts shared pages once for every
process, so the sum is an upper bound of what the workers really use.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from .pilot import Pilot

_PAGE = os.sysconf("SC_PAGE_SIZE")


class Overuse(NamedTuple):
    """The largest worker of a pilot whose workers together exceed its memory.

    Attributes
    ----------
    worker
        Its index.
    resident
        Its resident set, in bytes.
    together
        Resident sets of all workers of the pilot on this host, in bytes.
    limit
        Bytes the pilot may use.
    """

    worker: int
    resident: int
    together: int
    limit: int

    def __str__(self) -> str:
        """Say it to a person, in MiB."""
        mib = [f"{value / 2**20:,.0f} MiB" for value in (self.resident, self.together, self.limit)]
        return f"its worker's resident set was {mib[0]}, all workers' {mib[1]}, and the pilot has {mib[2]}"


def find_overuse(pilot: Pilot) -> Overuse | None:
    """Return the busy worker to stop if a pilot's workers on this host exceed its memory; None if they do not.

    Workers on other hosts, and engines that cannot stop a worker, are not looked at.
    """
    if not pilot._engine.can_stop:
        return None
    here = [worker for worker in pilot._workers if worker.ready and worker.host == pilot.driver_host]
    resident = {worker.index: resident_set(worker.pid) for worker in here}
    limit = pilot.view.memory
    busy = [worker.index for worker in here if worker.inflight]
    if not busy or sum(resident.values()) <= limit:
        return None
    largest = max(busy, key=lambda index: resident[index])
    return Overuse(largest, resident[largest], sum(resident.values()), limit)


def resident_set(pid: int) -> int:
    """Return the resident set of a process in bytes; 0 if it is gone or this is not Linux."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
    except (OSError, IndexError, ValueError):
        return 0
