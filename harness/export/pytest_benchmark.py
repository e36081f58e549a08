"""Records as the JSON of pytest-benchmark, for ``pytest-benchmark compare`` and services that read it.

One benchmark a case: the seconds of its main metric, one round a repeat. The format knows seconds only, so other
metrics go to ``extra_info``, as medians with their units.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from math import sqrt
from pathlib import Path
from statistics import mean, median, quantiles, stdev
from typing import TYPE_CHECKING, Any, Final

from harness.errors import NothingMeasured
from harness.filters import counting
from harness.labels import axes, case_label, pool_id, pool_names
from harness.provenance import machine_of
from harness.state import MAIN_METRIC

if TYPE_CHECKING:
    from harness.record import Record

    from .source import Source

_VERSION: Final = "5.1.0"
"""Version of pytest-benchmark whose format this is."""


def write(source: Source, target: Path) -> Sequence[Path]:
    """Write one JSON file.

    Raises
    ------
    NothingMeasured
        If no case has a time.
    """
    cases: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in counting(source.records):
        if record.kind == "measured" and record.status == "ok" and _seconds(record) is not None:
            cases[record.campaign, record.key].append(record)
    if not cases:
        raise NothingMeasured(f"{source.place}: no measured record that is ok has {MAIN_METRIC}")
    first = next(iter(cases.values()))[0]
    git = first.environment.get("git") or {}
    whole = {
        "machine_info": {"node": machine_of(first), **(first.environment.get("machine") or {})},
        "commit_info": {"id": git.get("commit"), "dirty": git.get("dirty"), "time": None, "project": "qhpc-miniapps"},
        "benchmarks": _benchmarks(list(cases.values())),
        "datetime": first.started_at,
        "version": _VERSION,
    }
    target.write_text(json.dumps(whole, indent=1) + "\n", "utf-8")
    return [target]


def _benchmarks(cases: Sequence[list[Record]]) -> list[dict[str, Any]]:
    pools = pool_names(case[0].pool for case in cases)
    by_app: dict[tuple[str, str], list[list[Record]]] = defaultdict(list)
    for case in cases:
        by_app[case[0].campaign, case[0].app].append(case)
    found = []
    for (campaign, app), some in by_app.items():
        varying = list(axes([case[0] for case in some]))
        for case in some:
            label = "; ".join(filter(None, [case_label(case[0].params, varying), pools[pool_id(case[0].pool)]]))
            found.append(_benchmark(case, campaign, f"{app}[{label}]"))
    return found


def _benchmark(case: Sequence[Record], campaign: str, name: str) -> dict[str, Any]:
    first = case[0]
    return {
        "group": campaign,
        "name": name,
        "fullname": f"{campaign}::{name}",
        "params": {**first.params, "pool": pool_id(first.pool)},
        "param": name.partition("[")[2].rstrip("]"),
        "extra_info": {"key": first.key, **_others(case)},
        "options": {"disable_gc": False, "timer": "perf_counter", "min_rounds": len(case), "warmup": True},
        "stats": _stats([seconds for record in case if (seconds := _seconds(record)) is not None]),
    }


def _others(case: Sequence[Record]) -> dict[str, str]:
    found = {}
    for name, metric in case[0].metrics.items():
        values = [m.value for r in case if (m := r.metrics.get(name)) is not None and m.value is not None]
        if name != MAIN_METRIC and values:
            found[name] = f"{median(values):g} {metric.unit}"
    return found


def _seconds(record: Record) -> float | None:
    metric = record.metrics.get(MAIN_METRIC)
    return None if metric is None or metric.value is None or metric.value <= 0 else float(metric.value)


def _stats(seconds: list[float]) -> dict[str, Any]:
    """Return the statistics that pytest-benchmark stores, by its own definitions."""
    ordered = sorted(seconds)
    several = len(ordered) > 1
    q1, middle, q3 = quantiles(ordered, n=4, method="inclusive") if several else [ordered[0]] * 3
    average, spread = mean(ordered), stdev(ordered) if several else 0.0
    low, high = q1 - 1.5 * (q3 - q1), q3 + 1.5 * (q3 - q1)
    inside = [value for value in ordered if low <= value <= high]
    far = sum(abs(value - average) > spread for value in ordered)
    return {
        "min": ordered[0],
        "max": ordered[-1],
        "mean": average,
        "stddev": spread,
        "rounds": len(ordered),
        "median": middle,
        "iqr": q3 - q1,
        "q1": q1,
        "q3": q3,
        "iqr_outliers": len(ordered) - len(inside),
        "stddev_outliers": far,
        "outliers": f"{far};{len(ordered) - len(inside)}",
        "ld15iqr": inside[0],
        "hd15iqr": inside[-1],
        "ops": 1.0 / average,
        "total": sum(ordered),
        "data": seconds,
        "iterations": 1,
        "standard_error": spread / sqrt(len(ordered)),
    }
