"""Where a campaign stands: for each case how many repeats ended how, and its medians."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any, Final

from .cases import Case
from .errors import Exit
from .record import Record
from .store import settled

MAIN_METRIC: Final = "time_to_value_s"


@dataclass(frozen=True, slots=True)
class CaseState:
    """One case and what is recorded of it.

    Attributes
    ----------
    key, app, params, pool
        The case.
    label
        Label of the pool.
    repeats
        Repeats wanted; None if no campaign says so.
    statuses
        How many of the wanted repeats ended so; those never tried are in none.
    metrics
        Of every metric over the ok repeats {value (the median), low, high (the extremes), n, unit, better}.
    digests
        Distinct digests of the answers of ok repeats.
    checks
        How many answer checks said what; a repeat that gave no answer has none.
    error
        The last error of a repeat that is not ok; empty without one.
    """

    key: str
    app: str
    params: Mapping[str, Any]
    pool: Sequence[Mapping[str, Any]]
    label: str
    repeats: int | None
    statuses: Mapping[str, int]
    metrics: Mapping[str, Mapping[str, Any]]
    digests: Sequence[str]
    checks: Mapping[str, int]
    error: str

    @property
    def ok(self) -> int:
        """Repeats that are ok."""
        return self.statuses.get("ok", 0)

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return {
            "key": self.key,
            "app": self.app,
            "params": dict(self.params),
            "pool": [dict(pilot) for pilot in self.pool],
            "pool_label": self.label,
            "repeats": self.repeats,
            "statuses": dict(self.statuses),
            "checks": dict(self.checks),
            "metrics": {name: dict(numbers) for name, numbers in self.metrics.items()},
            "digests": list(self.digests),
            "error": self.error or None,
        }


def case_states(cases: Iterable[Case], records: Iterable[Record]) -> list[CaseState]:
    """Return the state of every case, in order."""
    by_key = _by_key(records)
    states = []
    for case in cases:
        rows = [row for row in by_key.get(case.key, []) if row.repeat < case.repeats]
        identity = {"key": case.key, "app": case.app.name, "params": case.values, "pool": case.pool.as_record()}
        states.append(_state(rows, **identity, label=case.pool.label, repeats=case.repeats))
    return states


def recorded_states(records: Iterable[Record]) -> list[CaseState]:
    """Return the state of every case that has records, for a store whose campaign is not at hand."""
    return [
        _state(
            rows,
            key=key,
            app=rows[0].app,
            params=rows[0].params,
            pool=rows[0].pool,
            label=_label(rows[0].pool),
            repeats=None,
        )
        for key, rows in _by_key(records).items()
    ]


def _by_key(records: Iterable[Record]) -> dict[str, list[Record]]:
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in settled(record for record in records if record.kind != "published").values():
        groups[record.key].append(record)
    return groups


def _label(pool: Sequence[Mapping[str, Any]]) -> str:
    return "+".join(str(pilot.get("name") or pilot.get("engine", "?")) for pilot in pool)


def _state(rows: list[Record], **identity: Any) -> CaseState:
    good = [row for row in rows if row.status == "ok"]
    errors = [_reason(row) for row in rows if row.status != "ok"]
    return CaseState(
        **identity,
        statuses=dict(Counter(row.status for row in rows)),
        metrics=_medians(good),
        digests=sorted({row.digest for row in good if row.digest}),
        checks=dict(Counter(row.check.verdict for row in rows if row.status in ("ok", "check_failed"))),
        error=errors[-1] if errors else "",
    )


def _reason(row: Record) -> str:
    if row.error is not None:
        return f"{row.error.type}: {row.error.message}"
    return row.check.detail or f"value {row.check.value}, expected {row.check.expected}"


def _medians(rows: list[Record]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(name for row in rows for name in row.metrics):
        metrics = [row.metrics[name] for row in rows if name in row.metrics]
        values = [metric.value for metric in metrics if metric.value is not None]
        if values:
            spread = {"value": median(values), "low": min(values), "high": max(values), "n": len(values)}
            found[name] = {**spread, "unit": metrics[0].unit, "better": metrics[0].better}
    return found


def counts(states: Iterable[CaseState]) -> dict[str, int]:
    """Return how many repeats of all cases together ended how, and how many are ``missing``."""
    total: Counter[str] = Counter()
    for state in states:
        total.update(state.statuses)
        total["missing"] += max(0, (state.repeats or 0) - sum(state.statuses.values()))
    return dict(total)


def exit_code(states: Iterable[CaseState]) -> Exit:
    """Return what the state of a campaign means as an exit code: 4 before 6 before 3."""
    total = counts(states)
    if total.get("check_failed"):
        return Exit.CHECK_FAILED
    if not total.get("ok"):
        return Exit.NOTHING_MEASURED
    if any(total.get(status) for status in ("failed", "timeout", "cancelled")):
        return Exit.CASES_FAILED
    return Exit.OK
