"""Sampling errors: the delta method against simulated shots, and bounds that hold."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qdreamer.sampling import (
    contracted,
    delta_variance,
    device_bias,
    error_bound,
    shots_for,
    uncut_error,
    uncut_shots,
)
from tests.qdreamer.plans import chain

# One cut CX: six rows over five local operations of each side (I, Z, measure, and two quarter turns).
WEIGHTS = np.array([0.5, 0.5, -0.5, 0.5, -0.5, 0.5])
ROWS = [(0, 0), (1, 1), (2, 3), (2, 4), (3, 2), (4, 2)]


def shares(seed: int) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).uniform(-0.9, 0.9, (2, 5)))


def test_the_delta_method_is_the_variance_of_simulated_shots() -> None:
    values, shots, rng = shares(3), 4000, np.random.default_rng(5)
    draws = []
    for _ in range(4000):
        sampled = [2 * rng.binomial(shots, (1 + v) / 2) / shots - 1 for v in values]
        draws.append(contracted(WEIGHTS, sampled, ROWS))
    expected = delta_variance(WEIGHTS, values, ROWS, [np.full(5, shots)] * 2)
    assert np.var(draws) == pytest.approx(expected, rel=0.1)  # 4,000 draws know a variance to 2.2 %


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10**6), st.integers(10, 10_000))
def test_bounds_hold_whatever_the_values_are(seed: int, shots: int) -> None:
    values, plan = shares(seed), chain(8, 1)
    equal = delta_variance(WEIGHTS, values, ROWS, [np.full(5, shots)] * 2)
    assert equal <= error_bound("equal", plan, shots) ** 2 * (1 + 1e-9)
    load = np.array([0.5, 0.5, 1.0, 0.5, 0.5]) / 3.0
    weighted = delta_variance(WEIGHTS, values, ROWS, [5 * shots * load] * 2)
    assert weighted <= error_bound("distinct", plan, shots) ** 2 * (1 + 1e-9)


@pytest.mark.parametrize("executor", ["reference", "distinct", "equal"])
def test_the_shots_for_an_error_reach_it_and_one_less_would_not(executor: str) -> None:
    plan = chain(12, 2)
    shots = shots_for(executor, plan, 0.02, norm=1.5)
    assert error_bound(executor, plan, shots, 1.5) <= 0.02
    assert error_bound(executor, plan, shots - 1, 1.5) > 0.02


def test_more_cuts_need_more_shots() -> None:
    needed = [shots_for("reference", chain(36, k), 0.01) for k in range(1, 6)]
    assert needed == sorted(needed)


def test_without_cuts_it_is_the_binomial_bound() -> None:
    assert uncut_error(400) == pytest.approx(0.05)
    assert uncut_shots(0.05) == 400


def test_a_perfect_device_has_no_bias_and_a_bad_one_loses_the_value() -> None:
    assert device_bias({"gates": 1000, "measured": 5}, 0.0, 0.0) == 0.0
    assert device_bias({"gates": 10, "measured": 1}, 0.01, 0.02) == pytest.approx(1 - 0.99**10 * 0.96)
    assert device_bias({"gates": 10**6, "measured": 1}, 0.01, 0.02) == pytest.approx(1.0)


def test_a_target_that_is_not_positive_is_refused() -> None:
    with pytest.raises(ValueError, match=r"target_error = 0\.0: must be positive"):
        shots_for("distinct", chain(4, 1), 0.0)
