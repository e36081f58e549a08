"""The statistics: false alarms at the stated rate, changes found, nothing decided on thin evidence."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.effects import Array, Effect, Pair, Rules, effects, judge, repeats_needed

RULES = Rules(resamples=999)


def pairs_of(
    rng: np.random.Generator, count: int, *, n: int = 7, noise: float = 0.05, ratio: float = 1.0
) -> list[Pair]:
    return [(rng.lognormal(0, noise, n), ratio * rng.lognormal(0, noise, n)) for _ in range(count)]


def verdicts(pairs: list[Pair], better: str = "lower", rules: Rules = RULES) -> list[str]:
    return [judge(effect, better, rules)[0] for effect in effects(pairs, rules)]


def test_unchanged_code_raises_no_more_alarms_than_stated() -> None:
    # Noise so large that only the test, not the threshold, holds alarms back. Stated: at most 5 % of the runs.
    rng = np.random.default_rng(20)
    draws = [verdicts(pairs_of(rng, 12, noise=0.3)) for _ in range(200)]
    alarms = sum(any(v in ("better", "worse") for v in draw) for draw in draws)
    assert alarms <= stats.binom.ppf(0.999, 200, RULES.alpha)
    assert any(v == "undecided" for draw in draws for v in draw)


def test_unchanged_code_on_a_quiet_machine_is_found_the_same() -> None:
    draws = verdicts(pairs_of(np.random.default_rng(21), 200, noise=0.01))
    assert set(draws) == {"same"}


def test_every_injected_slowdown_of_a_fifth_is_found_among_unchanged_cases() -> None:
    rng = np.random.default_rng(22)
    found = verdicts([*pairs_of(rng, 4, noise=0.03, ratio=1.2), *pairs_of(rng, 16, noise=0.03)])
    assert found[:4] == ["worse"] * 4
    assert not {"better", "worse"} & set(found[4:])


@pytest.mark.parametrize(
    ("better", "slower", "faster"),
    [("lower", "worse", "better"), ("higher", "better", "worse"), ("none", "undecided", "undecided")],
)
def test_the_metrics_direction_decides_what_is_worse(better: str, slower: str, faster: str) -> None:
    rng = np.random.default_rng(23)
    up, down = pairs_of(rng, 1, ratio=1.5), pairs_of(rng, 1, ratio=1 / 1.5)
    assert verdicts(up, better) == [slower]
    assert verdicts(down, better) == [faster]


def test_fewer_than_seven_samples_are_never_decided() -> None:
    rng = np.random.default_rng(24)
    (effect,) = effects([(rng.lognormal(0, 0.01, 7), 3 * rng.lognormal(0, 0.01, 6))], RULES)
    assert judge(effect, "lower", RULES) == ("undecided", "6 repeats; 7 a side needed")
    assert effect.ratio == pytest.approx(3, rel=0.05)


def test_a_certain_but_irrelevant_change_is_the_same() -> None:
    rng = np.random.default_rng(25)
    (effect,) = effects(pairs_of(rng, 1, n=30, noise=0.005, ratio=1.02), RULES)
    assert effect.q is not None
    assert effect.q < 0.001
    assert judge(effect, "lower", RULES)[0] == "same"


def test_the_same_needs_an_interval_within_the_threshold_not_only_an_equal_median() -> None:
    assert judge(Effect(7, 7, 1.0, 1.0, 1.0, 0.97, 1.04, 0.9, 0.9), "lower", RULES)[0] == "same"
    assert judge(Effect(7, 7, 1.0, 1.0, 1.0, 0.90, 1.04, 0.9, 0.9), "lower", RULES)[0] == "undecided"
    assert judge(Effect(7, 7, 1.0, 1.0, 1.0, 0.97, 1.10, 0.9, 0.9), "lower", RULES)[0] == "undecided"


def test_a_relevant_but_uncertain_change_is_undecided_with_the_reason() -> None:
    verdict, reason = judge(Effect(7, 7, 1.0, 1.3, 1.3, 0.8, 1.9, 0.2, 0.2), "lower", RULES)
    assert verdict == "undecided"
    assert reason == "not significant (q = 0.2) and not proven equal"


def test_the_interval_covers_the_true_ratio_at_its_level() -> None:
    rng = np.random.default_rng(26)
    found = effects(pairs_of(rng, 400, noise=0.1, ratio=1.4), RULES)
    covered = sum(e.low <= 1.4 <= e.high for e in found if e.low is not None and e.high is not None)
    assert covered >= stats.binom.ppf(0.001, 400, RULES.confidence)


@pytest.mark.parametrize("n", [7, 8])
def test_the_interval_holds_the_ratios_of_resampled_medians(n: int) -> None:
    (a, b) = pairs_of(np.random.default_rng(28), 1, n=n, noise=0.2)[0]
    (found,) = effects([(a, b)], RULES)
    rng = np.random.default_rng(RULES.seed)
    medians = [np.median(np.sort(side)[rng.integers(0, n, (RULES.resamples, n))], axis=1) for side in (a, b)]
    assert (found.low, found.high) == pytest.approx(np.quantile(medians[1] / medians[0], [0.025, 0.975]).tolist())


def test_the_interval_is_that_of_scipys_bootstrap() -> None:
    def ratio(a: Array, b: Array, axis: int) -> Array:
        found: Array = np.median(b, axis=axis) / np.median(a, axis=axis)
        return found

    (pair,) = pairs_of(np.random.default_rng(28), 1, noise=0.2)
    (found,) = effects([pair], Rules(resamples=40_000))
    rng = np.random.default_rng(1)
    reference = stats.bootstrap(pair, ratio, n_resamples=40_000, method="percentile", rng=rng).confidence_interval
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), rel=0.01)


def test_a_pair_is_judged_alike_alone_and_among_others() -> None:
    pairs = pairs_of(np.random.default_rng(27), 300)
    alone, among = effects(pairs[299:], RULES)[0], effects(pairs, RULES)[299]
    assert (alone.ratio, alone.low, alone.high, alone.p) == (among.ratio, among.low, among.high, among.p)


def test_counts_that_never_vary_are_compared_exactly() -> None:
    same, more = (np.full(7, 48.0), np.full(7, 48.0)), (np.full(7, 48.0), np.full(7, 64.0))
    assert verdicts([same, more]) == ["same", "worse"]


def test_zeros_on_both_sides_are_the_same_and_on_one_have_no_ratio() -> None:
    zeros, some = np.zeros(7), np.linspace(1, 2, 7)
    both, one = effects([(zeros, zeros), (zeros, some)], RULES)
    assert judge(both, "lower", RULES)[0] == "same"
    assert judge(one, "lower", RULES) == ("undecided", "no ratio of values of 0 or less")


@given(st.integers(1, 5000))
def test_repeats_needed_is_the_smallest_that_can_be_significant(pairs: int) -> None:
    n = repeats_needed(pairs, 0.05)
    low, high = np.arange(n, dtype=float), np.arange(n, 2 * n, dtype=float)
    assert stats.mannwhitneyu(low, high, method="exact").pvalue * pairs <= 0.05 * (1 + 1e-9)
    if n > 1:
        assert stats.mannwhitneyu(low[1:], high[1:], method="exact").pvalue * pairs > 0.05
