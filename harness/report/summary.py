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
    return sorted((_summary(group) for group in groups.values()), key=_place)


def statistics(samples: Sequence[float]) -> Statistics:
    """Return the statistics of at least one sample."""
    values = np.sort(np.asarray(samples, dtype=float))
    n = len(values)
    tail = _tail(n)
    q1, median, q3 = (float(q) for q in np.quantile(values, [0.25, 0.5, 0.75]))
    return Statistics(n, median, q1, q3, float(values[tail - 1]), float(values[n - tail]))


@cache
def _tail(n: int) -> int:
    """Return k of the interval's order statistics."""
    return max(1, int(stats.binom.ppf((1 - LEVEL) / 2, n, 0.5)))


def _summary(group: list[Record]) -> CaseSummary:
    first, good = group[0], [record for record in group if record.status == "ok"]
    metric, rate = _main_metric(good), _rate_metric(good)
    samples, rates = _samples(good, metric), _samples(good, rate)
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
        main=statistics(samples) if samples else None,
        rate=float(np.median(rates)) if rates else None,
        rate_unit=good[0].metrics[rate].unit if rate else "",
        statuses=dict(sorted(Counter(record.status for record in group).items())),
        checks=dict(sorted(Counter(record.check.verdict for record in group).items())),
        digests=tuple(sorted({record.digest for record in group if record.digest})),
        metrics=_all_metrics(good),
    )


def _all_metrics(good: Sequence[Record]) -> dict[str, Statistics]:
    names = dict.fromkeys(name for record in good for name in record.metrics)
    found = {name: _samples(good, name) for name in names}
    return {name: statistics(samples) for name, samples in found.items() if samples}


def _main_metric(good: Sequence[Record]) -> str:
    metrics = good[0].metrics if good else {}
    directed = [name for name, metric in metrics.items() if metric.better != "none"]
    return MAIN_METRIC if MAIN_METRIC in metrics else next(iter([*directed, *metrics]), "")


def _rate_metric(good: Sequence[Record]) -> str:
    metrics = good[0].metrics if good else {}
    rates = (name for name, m in metrics.items() if m.better == "higher" and m.unit.endswith("/s"))
    return next(rates, "")


def _samples(good: Sequence[Record], name: str) -> list[float]:
    found = (record.metrics[name].value for record in good if name in record.metrics)
    return [float(value) for value in found if value is not None]


def _place(summary: CaseSummary) -> tuple[Any, ...]:
    params = tuple((name, order(value)) for name, value in sorted(summary.params.items()))
    engines = [str(pilot.get("engine")) for pilot in summary.pool]
    return summary.campaign, summary.app, params, engines, pool_id(summary.pool), summary.kind, summary.key
