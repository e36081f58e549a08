"""The statistics of a comparison: pure functions of samples, no record in sight.

For each pair of samples A and B:

- effect: ratio of the medians, B / A, with a percentile bootstrap interval (seeded). Of the bootstrap intervals the
  percentile one is used because BCa's acceleration comes from a jackknife, which fails for medians; in simulation its
  coverage at 7 to 30 log-normal samples a side was 95 to 99 %.
- test: two-sided Mann-Whitney U; exact up to 30 x 30 samples, by permutation of the ranks where values tie.
- many pairs: p is corrected by the procedure of Benjamini and Hochberg (1995) over all pairs that were tested.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from math import comb
from typing import TYPE_CHECKING, Literal

import numpy as np
import numpy.typing as npt
from scipy import stats

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

Array = npt.NDArray[np.float64]
Pair = tuple[Array, Array]
Outcome = Literal["better", "same", "worse", "undecided"]

_EXACT_UP_TO = 30
_PAIRS_AT_ONCE = 1024
_PERMUTATIONS = 9999


@dataclass(frozen=True, slots=True)
class Rules:
    """What counts as a difference.

    Attributes
    ----------
    threshold
        Smallest relevant relative change: with 0.05, ratios from 1/1.05 to 1.05 are equal in practice.
    alpha
        If nothing changed, the chance of any verdict ``better`` or ``worse`` among all pairs; if something did, the
        expected share of false ones among them.
    confidence
        Level of the interval.
    min_samples
        Fewer on either side are never decided. With 7 a side the smallest possible p is 0.0006, with 4 it is 0.03.
    resamples, seed
        Of the bootstrap.
    """

    threshold: float = 0.05
    alpha: float = 0.05
    confidence: float = 0.95
    min_samples: int = 7
    resamples: int = 1999
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Effect:
    """What the samples of one pair say.

    Attributes
    ----------
    n_a, n_b
        Samples.
    median_a, median_b
        In the metric's unit.
    ratio, low, high
        Median B / median A and its interval; None where a ratio has no meaning (values of 0 or less).
    p, q
        Of the test, and corrected for all pairs; None where not tested (no ratio, or too few samples).
    """

    n_a: int
    n_b: int
    median_a: float
    median_b: float
    ratio: float | None = None
    low: float | None = None
    high: float | None = None
    p: float | None = None
    q: float | None = None


def effects(pairs: Sequence[Pair], rules: Rules) -> list[Effect]:
    """Return the effect of each pair of samples, shape ``(n_a,)`` and ``(n_b,)`` each, in order."""
    intervals = _intervals(pairs, [i for i, pair in enumerate(pairs) if _has_ratio(*pair)], rules)
    tested = [i for i in intervals if min(map(len, pairs[i])) >= rules.min_samples]
    p_values = _p_values(pairs, tested, seed=rules.seed)
    corrected = stats.false_discovery_control(p_values) if tested else []
    tests = {i: (p, float(q)) for i, p, q in zip(tested, p_values, corrected, strict=True)}
    return [_effect(pair, intervals.get(i), tests.get(i)) for i, pair in enumerate(pairs)]


def judge(effect: Effect, better: str, rules: Rules) -> tuple[Outcome, str]:
    """Return the verdict on one effect, and why in words.

    ``same`` needs evidence too: an interval within the threshold. What is neither proven equal nor proven different
    is ``undecided``.
    """
    ratio, low, high, q = effect.ratio, effect.low, effect.high, effect.q
    if ratio is None or low is None or high is None:
        return "undecided", "no ratio of values of 0 or less"
    if q is None:
        return "undecided", f"{min(effect.n_a, effect.n_b)} repeats; {rules.min_samples} a side needed"
    upper, lower = 1.0 + rules.threshold, 1.0 / (1.0 + rules.threshold)
    if lower <= low and high <= upper:
        return "same", f"interval within ±{rules.threshold:.0%}"
    if q > rules.alpha:
        return "undecided", f"not significant (q = {q:.2g}) and not proven equal"
    if low <= 1.0 <= high:
        return "undecided", "interval holds 1"
    if lower <= ratio <= upper:
        return "undecided", f"changed, perhaps by less than {rules.threshold:.0%}"
    return _direction(ratio, better), f"q = {q:.2g}"


def _direction(ratio: float, better: str) -> Outcome:
    if better == "none":
        return "undecided"
    return "better" if (ratio > 1.0) == (better == "higher") else "worse"


def repeats_needed(pairs: int, alpha: float) -> int:
    """Return the repeats a side with which one changed pair among ``pairs`` can become significant."""
    return next(n for n in range(1, 1000) if 2 * pairs / comb(2 * n, n) <= alpha)


# ---------------------------------------------------------------- one pair


def _has_ratio(a: Array, b: Array) -> bool:
    return bool(min(a.min(), b.min()) > 0) or _all_equal(a, b)


def _all_equal(a: Array, b: Array) -> bool:
    return bool((a == a[0]).all() and (b == a[0]).all())


def _effect(pair: Pair, interval: tuple[float, float] | None, test: tuple[float, float] | None) -> Effect:
    a, b = pair
    medians = float(np.median(a)), float(np.median(b))
    if interval is None:
        return Effect(len(a), len(b), *medians)
    ratio = 1.0 if _all_equal(a, b) else medians[1] / medians[0]
    return Effect(len(a), len(b), *medians, ratio, *interval, *(test or (None, None)))


# ---------------------------------------------------------------- many pairs at once


def _by_shape(pairs: Sequence[Pair], chosen: Sequence[int]) -> Iterator[tuple[list[int], Array, Array]]:
    """Yield the chosen pairs in blocks of equal sizes: their places, and both sides with shape ``(block, samples)``."""
    shapes: dict[tuple[int, int], list[int]] = defaultdict(list)
    for i in chosen:
        shapes[len(pairs[i][0]), len(pairs[i][1])].append(i)
    for members in shapes.values():
        for start in range(0, len(members), _PAIRS_AT_ONCE):
            block = members[start : start + _PAIRS_AT_ONCE]
            yield block, np.array([pairs[i][0] for i in block]), np.array([pairs[i][1] for i in block])


def _intervals(pairs: Sequence[Pair], chosen: Sequence[int], rules: Rules) -> dict[int, tuple[float, float]]:
    """Return the bootstrap interval of each chosen pair."""
    tail = (1.0 - rules.confidence) / 2.0
    found: dict[int, tuple[float, float]] = {}
    for block, a, b in _by_shape(pairs, chosen):
        rng = np.random.default_rng(rules.seed)
        below, above = (_resampled_medians(side, rng, rules.resamples) for side in (a, b))
        ratios = np.divide(above, below, out=np.ones_like(below), where=above != below)
        low, high = np.quantile(ratios, [tail, 1.0 - tail], axis=1)
        found.update(zip(block, zip(low.tolist(), high.tolist(), strict=True), strict=True))
    return {i: found[i] for i in chosen}


def _resampled_medians(samples: Array, rng: np.random.Generator, resamples: int) -> Array:
    """Return medians of resamples with replacement, shape ``(rows, resamples)`` for samples of ``(rows, n)``.

    All rows share the resampled places. In an ordered row the median of a resample is the value at the median of its
    places, so each resample is ordered once for all rows.
    """
    n = samples.shape[1]
    places = np.sort(rng.integers(0, n, (resamples, n)), axis=1)
    ordered = np.sort(samples, axis=1)
    medians: Array = (ordered[:, places[:, (n - 1) // 2]] + ordered[:, places[:, n // 2]]) / 2.0
    return medians


def _p_values(pairs: Sequence[Pair], chosen: Sequence[int], *, seed: int) -> list[float]:
    """Return p of each chosen pair, in order."""
    found: dict[int, float] = {}
    for block, a, b in _by_shape(pairs, chosen):
        method = "exact" if max(a.shape[1], b.shape[1]) <= _EXACT_UP_TO else "asymptotic"
        found.update(zip(block, stats.mannwhitneyu(a, b, axis=1, method=method).pvalue.tolist(), strict=True))
    tied = (i for i in chosen if _ties(*pairs[i]) and max(map(len, pairs[i])) <= _EXACT_UP_TO)
    found.update({i: _p_of_ties(*pairs[i], seed=seed) for i in tied})
    return [found[i] for i in chosen]


def _ties(a: Array, b: Array) -> bool:
    return len(np.unique(np.concatenate([a, b]))) < len(a) + len(b)


def _p_of_ties(a: Array, b: Array, *, seed: int) -> float:
    """Return p by permutation; exact where there are at most 9,999 ways to part the samples (7 + 7 has 3,432)."""
    if _all_equal(a, b):
        return 1.0
    method = stats.PermutationMethod(n_resamples=_PERMUTATIONS, rng=np.random.default_rng(seed))
    return float(stats.mannwhitneyu(a, b, method=method).pvalue)
