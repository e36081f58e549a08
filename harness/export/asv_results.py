"""Records as a results directory of asv: one point for each commit and machine, ready for ``asv publish``.

A benchmark is a metric of a mini-app in a campaign, its parameter is the case, its value the median over repeats. For
asv lower is always better, so metrics to maximise are left out; so is what was measured with changes that are not
committed.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any, Final

from harness.errors import NothingMeasured
from harness.filters import counting
from harness.labels import axes, case_label, pool_id, pool_names

if TYPE_CHECKING:
    from harness.record import Record

    from .source import Source

_RESULTS: Final = 2
_BENCHMARKS: Final = 2
_MACHINE: Final = 1
_COLUMNS: Final = ("result", "params", "version", "started_at", "duration", "stats_ci_99_a", "stats_ci_99_b")
_QUARTILES: Final = ("stats_q_25", "stats_q_75", "stats_number", "stats_repeat")
_DIGITS: Final = 8

_Place = tuple[str, str, str]
"""Machine, commit, Python."""


def write(source: Source, target: Path) -> Sequence[Path]:
    """Write ``benchmarks.json``, ``<machine>/machine.json`` and ``<machine>/<commit>-<environment>.json``.

    Raises
    ------
    NothingMeasured
        If no measured record is of a known commit without changes.
    """
    usable = [record for record in counting(source.records) if _usable(record)]
    if not usable:
        raise NothingMeasured(f"{source.place}: asv wants commits, and no measured record is of one without changes")
    cases = _Cases(usable)
    files = [_write(target / "benchmarks.json", {**cases.benchmarks(), "version": _BENCHMARKS})]
    places: dict[_Place, list[Record]] = defaultdict(list)
    for record in usable:
        places[_place(record)].append(record)
    for (machine, commit, python), records in sorted(places.items()):
        facts = _machine(records[0])
        files.append(_write(target / machine / "machine.json", {**facts, "version": _MACHINE}))
        name = f"{commit[:_DIGITS]}-existing-py{python}.json"
        files.append(_write(target / machine / name, _results(cases, records, facts)))
    return list(dict.fromkeys(files))


class _Cases:
    """The benchmarks of all records, so that every commit has the same list of cases."""

    def __init__(self, records: Sequence[Record]) -> None:
        pools = pool_names(record.pool for record in records)
        self._cases: dict[str, dict[str, str]] = defaultdict(dict)
        self._units: dict[str, str] = {}
        self._versions: dict[str, int] = {}
        by_app: dict[tuple[str, str], list[Record]] = defaultdict(list)
        for record in records:
            by_app[record.campaign, record.app].append(record)
        for same in by_app.values():
            varying = list(axes(same))
            for record in same:
                label = case_label(record.params, varying)
                where = pools[pool_id(record.pool)]
                for name, unit in _costs(record).items():
                    self._cases[name][record.key] = f"{label}; {where}".lstrip("; ")
                    self._units[name] = unit
                    self._versions[name] = record.app_version

    def benchmarks(self) -> dict[str, Any]:
        return {name: self._benchmark(name) for name in sorted(self._cases)}

    def _benchmark(self, name: str) -> dict[str, Any]:
        return {
            "code": f"# qhpc run: the median of {name.rpartition('.')[2]} over the repeats of each case",
            "name": name,
            "param_names": ["case"],
            "params": [[repr(label) for label in self._cases[name].values()]],
            "type": "track",
            "unit": self._units[name],
            "version": str(self._versions[name]),
        }

    def row(self, name: str, samples: dict[str, list[float]], started_at: int) -> list[Any]:
        """Return the values of one benchmark in the order of asv's columns."""
        found = [samples.get(key) for key in self._cases[name]]
        medians = [None if some is None else median(some) for some in found]
        quarters = [(None, None) if some is None else _quartiles(some) for some in found]
        params = [[repr(label) for label in self._cases[name].values()]]
        head = [medians, params, str(self._versions[name]), started_at, None, None, None]
        repeats = [None if some is None else len(some) for some in found]
        ones = [None if some is None else 1 for some in found]
        return [*head, [low for low, _ in quarters], [high for _, high in quarters], ones, repeats]


def _costs(record: Record) -> dict[str, str]:
    """Return the metrics that asv can show, with their units."""
    name = f"{record.campaign}.{record.app}".replace("-", "_")
    return {f"{name}.{metric}": m.unit for metric, m in record.metrics.items() if m.better == "lower"}


def _results(cases: _Cases, records: Sequence[Record], machine: dict[str, Any]) -> dict[str, Any]:
    samples: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        for name in _costs(record):
            value = record.metrics[name.rpartition(".")[2]].value
            if value is not None:
                samples[name][record.key].append(float(value))
    started_at = min(_milliseconds(record.started_at) for record in records)
    _, commit, python = _place(records[0])
    return {
        "commit_hash": commit,
        "env_name": f"existing-py{python}",
        "date": started_at,
        "params": {**machine, "python": python},
        "python": python,
        "requirements": {},
        "env_vars": {},
        "result_columns": [*_COLUMNS, *_QUARTILES],
        "results": {name: cases.row(name, found, started_at) for name, found in sorted(samples.items())},
        "durations": {},
        "version": _RESULTS,
    }


def _usable(record: Record) -> bool:
    git = record.environment.get("git") or {}
    return record.kind == "measured" and record.status == "ok" and bool(git.get("commit")) and not git.get("dirty")


def _place(record: Record) -> _Place:
    machine = (record.environment.get("machine") or {}).get("hostname") or "unnamed"
    python = str(record.environment.get("python") or "").rpartition(" ")[2]
    return str(machine), record.environment["git"]["commit"], ".".join(python.split(".")[:2])


def _machine(record: Record) -> dict[str, Any]:
    facts = record.environment.get("machine") or {}
    system, _, rest = str(facts.get("os") or "").partition(" ")
    return {
        "machine": _place(record)[0],
        "os": f"{system} {rest.rpartition(' ')[0]}".strip(),
        "arch": rest.rpartition(" ")[2],
        "cpu": str(facts.get("cpu") or ""),
        "num_cpu": str(facts.get("cores_usable") or ""),
        "ram": str(facts.get("memory_bytes") or ""),
    }


def _quartiles(samples: list[float]) -> tuple[float, float]:
    if len(samples) == 1:
        return samples[0], samples[0]
    low, _, high = quantiles(samples, n=4, method="inclusive")
    return low, high


def _milliseconds(started_at: str) -> int:
    return int(datetime.fromisoformat(started_at).timestamp() * 1000) if started_at else 0


def _write(file: Path, value: dict[str, Any]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n", "utf-8")
    return file
