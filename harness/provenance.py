"""Where numbers come from: campaign, commit, machine, repeats, for captions, sidecar files and comparisons."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .filters import counting

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .record import Record

_COMMIT_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a set of records says about its origin.

    Attributes
    ----------
    campaigns, apps, commits, machines
        Distinct values, sorted. A commit with uncommitted changes ends in ``+changes``.
    cases
        Number of measured cases.
    repeats
        Smallest and largest number of repeats that are ok, over the cases that have any.
    kinds, statuses
        How many records of each.
    """

    campaigns: tuple[str, ...]
    apps: tuple[str, ...]
    commits: tuple[str, ...]
    machines: tuple[str, ...]
    cases: int
    repeats: tuple[int, int]
    kinds: dict[str, int]
    statuses: dict[str, int]

    def sentence(self) -> str:
        """Return the origin as a sentence for a caption."""
        low, high = self.repeats
        repeats = f"{low} repeat{'s' * (low != 1)}" if low == high else f"{low} to {high} repeats"
        failed = {name: count for name, count in self.statuses.items() if name != "ok"}
        lost = f" Without a value: {', '.join(f'{n} {name}' for name, n in failed.items())}." if failed else ""
        return (
            f"Campaign {listed(self.campaigns)}: {self.cases} case{'s' * (self.cases != 1)}, {repeats} each; "
            f"commit {listed(self.commits)}; {listed(self.machines)}.{lost}"
        )


def provenance(records: Iterable[Record]) -> Provenance:
    """Return the origin of a set of records."""
    rows = counting(records)
    ok = Counter(
        (record.campaign, record.key) for record in rows if record.status == "ok" and record.kind == "measured"
    )
    return Provenance(
        campaigns=distinct(record.campaign for record in rows),
        apps=distinct(record.app for record in rows),
        commits=distinct(map(commit_of, rows)),
        machines=distinct(map(machine_of, rows)),
        cases=len({record.key for record in rows if record.kind == "measured"}),
        repeats=(min(ok.values(), default=0), max(ok.values(), default=0)),
        kinds=dict(sorted(Counter(record.kind for record in rows).items())),
        statuses=dict(sorted(Counter(record.status for record in rows).items())),
    )


def commit_of(record: Record) -> str:
    """Return the commit a record was made with, shortened; ``unknown`` outside a checkout."""
    git = _table(record, "git")
    commit = git.get("commit")
    return f"{str(commit)[:_COMMIT_DIGITS]}{'+changes' if git.get('dirty') else ''}" if commit else "unknown"


def machine_of(record: Record) -> str:
    """Return the machine of a record: host, processor and cores, as far as it says."""
    machine = _table(record, "machine")
    name, cpu, cores = (machine.get(field) for field in ("hostname", "cpu", "cores_usable"))
    parts = [str(cpu) if cpu else "", f"{cores} cores" if cores else ""]
    what = ", ".join(part for part in parts if part)
    return f"{name or 'an unnamed machine'}{f' ({what})' if what else ''}"


def packages_of(record: Record) -> dict[str, str]:
    """Return the package versions of a record, with ``python``."""
    return {"python": str(record.environment.get("python")), **_table(record, "packages")}


def distinct(values: Iterable[str]) -> tuple[str, ...]:
    """Return the distinct values, sorted."""
    return tuple(sorted(set(values)))


def listed(values: Sequence[str], most: int = 3) -> str:
    """Return values as one text; beyond ``most`` they are counted."""
    shown = ", ".join(values[:most])
    return shown if len(values) <= most else f"{shown} and {len(values) - most} more"


def _table(record: Record, name: str) -> dict[str, Any]:
    found = record.environment.get(name)
    return found if isinstance(found, dict) else {}
