"""Records to one row per case: the numbers behind every table and figure.

A median's interval is distribution-free: order statistics k and n+1-k with the largest k that still covers the median
with at least 95 %. That is the range of the samples for 6 to 8 repeats; with fewer than 6 the range covers less
(n = 5: 94 %, n = 2: 50 %), which captions say.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from harness.filters import counting
from harness.labels import order, pool_id
from harness.state import MAIN_METRIC

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.record import Kind, Record

LEVEL = 0.95


@dataclass(frozen=True, slots=True)
class Statistics:
    """Distribution of one metric over the repeats of a case, in the metric's unit.

    Attributes
    ----------
    n
        Repeats that measured it.
    median, q1, q3
        Quartiles.
    low, high
        Interval of the median, see the module's text.
    """

    n: int
    median: float
    q1: float
    q3: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class CaseSummary:
    """One case with what its repeats gave.

    Attributes
    ----------
    key, campaign, app, params, pool, kind
        The case, and how its numbers came about.
    metric, unit, better
        The app's main metric; ``metric`` is empty if no repeat measured anything.
    main
        Its statistics over the repeats that are ok; None without any.
    rate, rate_unit
        Median of the first metric that is a rate to maximise; None without any.
    statuses, checks
        How many repeats ended so, and what their answer checks said.
    digests
        Distinct digests of the answers; more than one means that repeats disagree.
    metrics
        Statistics of every metric that any repeat measured, by name.
    """

    key: str
    campaign: str
    app: str
    params: dict[str, Any]
    pool: list[dict[str, Any]]
    kind: Kind
    metric: str
    unit: str
    better: str
    main: Statistics | None
    rate: float | None
    rate_unit: str
    statuses: dict[str, int]
    checks: dict[str, int]
    digests: tuple[str, ...]
    metrics: dict[str, Statistics] = field(default_factory=dict)


def summarize(records: Iterable[Record]) -> list[CaseSummary]:
    """Return one summary per case and kind, ordered by campaign, app, parameters and pool.

    Of several records of one repeat the first that is ok counts, else the last.
    """
    groups: dict[tuple[str, str, str], list[Record]] = defaultdict(list)
    for record in counting(records):
        groups[record.campaign, record.key, record.kind].append(record)
    samples = [_samples([record for record in group if record.status == "ok"]) for group in groups.values()]
    found = iter(statistics([values for by_name in samples for values in by_name.values()]))
    metrics = [{name: next(found) for name in by_name} for by_name in samples]
    return sorted(map(_summary, groups.values(), metrics), key=_place)


def statistics(samples: Sequence[Sequence[float]]) -> list[Statistics]:
    """Return the statistics of each list of at least one sample, in order."""
    by_size: dict[int, list[int]] = defaultdict(list)
    for place, values in enumerate(samples):
        by_size[len(values)].append(place)
    found: dict[int, Statistics] = {}
    for n, places in by_size.items():
        ordered = np.sort(np.array([samples[place] for place in places], dtype=float), axis=1)
        q1, median, q3 = np.quantile(ordered, [0.25, 0.5, 0.75], axis=1)
        tail = _tail(n)
        rows = np.column_stack([median, q1, q3, ordered[:, tail - 1], ordered[:, n - tail]]).tolist()
        found.update((place, Statistics(n, *row)) for place, row in zip(places, rows, strict=True))
    return [found[place] for place in range(len(samples))]


@cache
def _tail(n: int) -> int:
    """Return k of the interval's order statistics."""
    return max(1, int(stats.binom.ppf((1 - LEVEL) / 2, n, 0.5)))


def _summary(group: list[Record], metrics: dict[str, Statistics]) -> CaseSummary:
    first, good = group[0], [record for record in group if record.status == "ok"]
    metric, rate = _main_metric(good), _rate_metric(good)
    described = good[0].metrics[metric] if metric else None
    return CaseSummary(
        key=first.key,
        campaign=first.campaign,
        app=first.app,
        params=first.params,
        pool=first.pool,
        kind=first.kind,
        metric=metric,
        unit=described.unit if described else "",
        better=described.better if described else "none",
        main=metrics.get(metric),
        rate=metrics[rate].median if rate in metrics else None,
        rate_unit=good[0].metrics[rate].unit if rate else "",
        statuses=dict(sorted(Counter(record.status for record in group).items())),
        checks=dict(sorted(Counter(record.check.verdict for record in group).items())),
        digests=tuple(sorted({record.digest for record in group if record.digest})),
        metrics=metrics,
    )


def _samples(good: Sequence[Record]) -> dict[str, list[float]]:
    """Return the values of each metric that any of these records measured."""
    found: dict[str, list[float]] = {}
    for record in good:
        for name, metric in record.metrics.items():
            if metric.value is not None:
                found.setdefault(name, []).append(float(metric.value))
    return found


def _main_metric(good: Sequence[Record]) -> str:
    metrics = good[0].metrics if good else {}
    directed = [name for name, metric in metrics.items() if metric.better != "none"]
    return MAIN_METRIC if MAIN_METRIC in metrics else next(iter([*directed, *metrics]), "")


def _rate_metric(good: Sequence[Record]) -> str:
    metrics = good[0].metrics if good else {}
    rates = (name for name, m in metrics.items() if m.better == "higher" and m.unit.endswith("/s"))
    return next(rates, "")


def _place(summary: CaseSummary) -> tuple[Any, ...]:
    params = tuple((name, order(value)) for name, value in sorted(summary.params.items()))
    engines = [str(pilot.get("engine")) for pilot in summary.pool]
    return summary.campaign, summary.app, params, engines, pool_id(summary.pool), summary.kind, summary.key
