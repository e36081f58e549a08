"""Comparing two sets of records: what became slower, how certain that is, and whether the answers are still the same.

Cases are matched by key and metric. One sample is the value of one repeat: what lies inside a repeat shares its process
and its moment, so it is no independent sample. The statistics are in `harness.effects`.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from math import isclose
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from .effects import Effect, Outcome, Rules, effects, judge, repeats_needed
from .filters import counting
from .provenance import commit_of, distinct, listed, machine_of, packages_of
from .state import MAIN_METRIC

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .record import Record

Answers = Literal["equal", "differ", "unknown"]


@dataclass(frozen=True, slots=True)
class Comparison:
    """One case and metric.

    Attributes
    ----------
    key, app, params, pool
        The case.
    metric, unit, better
        The metric and its direction.
    effect
        The numbers, baseline A against candidate B.
    verdict, reason
        The result, and why in words.
    answers
        Whether both sides gave the same answers to the last bit; ``unknown`` without digests.
    """

    key: str
    app: str
    params: dict[str, Any]
    pool: list[dict[str, Any]]
    metric: str
    unit: str
    better: str
    effect: Effect
    verdict: Outcome
    reason: str
    answers: Answers


@dataclass(frozen=True, slots=True)
class ComparisonSet:
    """All comparisons of two sets of records.

    Attributes
    ----------
    comparisons
        In the order of the cases in A.
    only_a, only_b
        Keys of cases that the other side has no usable sample of.
    ignored_a, ignored_b
        How many records did not count, by reason (``"status failed"``, ``"kind projected"``).
    answers_differ
        Keys of cases whose answers differ, between the sides or within one.
    notes
        Sentences that a reader should know before believing the table.
    rules
        What was applied.
    """

    comparisons: list[Comparison]
    only_a: list[str]
    only_b: list[str]
    ignored_a: dict[str, int]
    ignored_b: dict[str, int]
    answers_differ: list[str]
    notes: list[str]
    rules: Rules

    def count(self, verdict: Outcome) -> int:
        """Return how many comparisons have this verdict."""
        return sum(c.verdict == verdict for c in self.comparisons)


@dataclass(slots=True)
class _Case:
    """The usable samples of one case on one side."""

    records: list[Record] = field(default_factory=list)
    samples: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    digests: set[str] = field(default_factory=set)

    @property
    def first(self) -> Record:
        return self.records[0]

    def take(self, record: Record) -> None:
        self.records.append(record)
        for name, metric in record.metrics.items():
            if metric.value is not None:
                self.samples[name].append(float(metric.value))
        if record.digest:
            self.digests.add(record.digest)


def compare(
    a: Iterable[Record], b: Iterable[Record], *, metrics: Sequence[str] = (), rules: Rules | None = None
) -> ComparisonSet:
    """Compare the baseline A with the candidate B.

    Parameters
    ----------
    a, b
        Records of any kind and status; measured ones that are ok count, the others are counted.
    metrics
        Names to compare; empty means every metric that has a direction and is not the main one's reciprocal.
    rules
        Thresholds; None means the defaults.
    """
    a, b, rules = list(a), list(b), rules or Rules()
    (cases_a, ignored_a), (cases_b, ignored_b) = _cases(a), _cases(b)
    common = [key for key in cases_a if key in cases_b]
    comparisons = _comparisons([(cases_a[key], cases_b[key]) for key in common], metrics, rules)
    return ComparisonSet(
        comparisons,
        only_a=[key for key in cases_a if key not in cases_b],
        only_b=[key for key in cases_b if key not in cases_a],
        ignored_a=ignored_a,
        ignored_b=ignored_b,
        answers_differ=[key for key in common if _answers(cases_a[key], cases_b[key]) == "differ"],
        notes=[*_power(comparisons, rules), *_sources(_usable(a), _usable(b))],
        rules=rules,
    )


def _cases(records: Iterable[Record]) -> tuple[dict[str, _Case], dict[str, int]]:
    cases: dict[str, _Case] = {}
    ignored: Counter[str] = Counter()
    for record in counting(records):
        if _counts(record):
            cases.setdefault(record.key, _Case()).take(record)
        else:
            ignored[f"kind {record.kind}" if record.kind != "measured" else f"status {record.status}"] += 1
    return cases, dict(ignored)


def _counts(record: Record) -> bool:
    return record.kind == "measured" and record.status == "ok"


def _usable(records: Iterable[Record]) -> list[Record]:
    return [record for record in records if _counts(record)]


def _comparisons(cases: Sequence[tuple[_Case, _Case]], metrics: Sequence[str], rules: Rules) -> list[Comparison]:
    rows = [(a, b, name) for a, b in cases for name in _shared_metrics(a, b, metrics)]
    found = effects([(np.array(a.samples[name]), np.array(b.samples[name])) for a, b, name in rows], rules)
    return [
        _comparison(a, b, name, effect=effect, rules=rules) for (a, b, name), effect in zip(rows, found, strict=True)
    ]


def _shared_metrics(a: _Case, b: _Case, wanted: Sequence[str]) -> list[str]:
    """Return the wanted metrics; by default those with a direction, less what only says the main one again."""
    shared = [name for name in a.samples if name in b.samples]
    if wanted:
        return [name for name in shared if name in wanted]
    directed = [name for name in shared if a.first.metrics[name].better != "none"]
    return [name for name in directed if name == MAIN_METRIC or not _restates_main(a, b, name)]


def _restates_main(a: _Case, b: _Case, name: str) -> bool:
    """Tell whether a metric is a constant divided by the main one, as the rate of a fixed batch is."""
    if any(len(case.samples[name]) != len(case.samples.get(MAIN_METRIC, ())) for case in (a, b)):
        return False
    products = (x * y for case in (a, b) for x, y in zip(case.samples[name], case.samples[MAIN_METRIC], strict=True))
    first = next(products)
    return all(isclose(product, first, rel_tol=1e-6) for product in products)


def _comparison(a: _Case, b: _Case, name: str, *, effect: Effect, rules: Rules) -> Comparison:
    record, metric = a.first, a.first.metrics[name]
    verdict, reason = judge(effect, metric.better, rules)
    return Comparison(
        key=record.key,
        app=record.app,
        params=record.params,
        pool=record.pool,
        metric=name,
        unit=metric.unit,
        better=metric.better,
        effect=effect,
        verdict=verdict,
        reason=reason,
        answers=_answers(a, b),
    )


def _answers(a: _Case, b: _Case) -> Answers:
    if len(a.digests | b.digests) > 1:
        return "differ"
    return "equal" if a.digests and b.digests else "unknown"


# ---------------------------------------------------------------- what the reader should know


def _power(comparisons: Sequence[Comparison], rules: Rules) -> list[str]:
    tested = [min(c.effect.n_a, c.effect.n_b) for c in comparisons if c.effect.q is not None]
    if not tested:
        return []
    needed = repeats_needed(len(tested), rules.alpha)
    if min(tested) >= needed:
        return []
    few = f"{min(tested)} repeats a side are too few to find a change in one of {len(tested)} comparisons alone"
    return [f"{few}; {needed} are enough"]


def _sources(a: Sequence[Record], b: Sequence[Record]) -> list[str]:
    """Say what besides the commit differs between the sides, and where one side is a mixture."""
    if not (a and b):
        return []
    commits = [distinct(map(commit_of, side)) for side in (a, b)]
    machines = [distinct(map(machine_of, side)) for side in (a, b)]
    notes = [
        f"{side} mixes {len(found)} {what}s ({listed(found)}): choose with --{option} {what}=…"
        for what, sides in (("commit", commits), ("machine", machines))
        for side, option, found in zip("AB", ("baseline", "candidate"), sides, strict=True)
        if len(found) > 1
    ]
    if machines[0] != machines[1]:
        notes.append(f"different machines, part of every ratio: A on {listed(machines[0])}; B on {listed(machines[1])}")
    return [*notes, *_packages(a[0], b[0])]


def _packages(a: Record, b: Record) -> list[str]:
    before, after = packages_of(a), packages_of(b)
    changed = [
        f"{name} {before.get(name, 'none')} -> {after.get(name, 'none')}"
        for name in sorted(before.keys() | after.keys())
        if before.get(name) != after.get(name)
    ]
    return [f"other versions: {listed(changed, 8)}"] if changed else []
