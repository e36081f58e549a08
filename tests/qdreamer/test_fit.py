"""Fitting: synthetic data gives the truth back, and the interval means what it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qdreamer import Law, Observation, TooFewObservations, fit, laws
from qdreamer.model import Array, Features

LAW = laws.load("batch_time")
TRUTH = np.array([0.02, 0.004, 0.001, 3e-6, 3e-10, 5e-7])


def cases(seed: int, count: int) -> list[Features]:
    rng = np.random.default_rng(seed)
    return [
        {
            "tasks": int(rng.integers(1, 100)),
            "circuits": int(rng.integers(100, 1000)),
            "workers": int(rng.integers(1, 17)),
            "cpus_per_task": 1,
            "memory_per_task": 16.0 * 2 ** int(rng.integers(2, 25)),
            "gates": int(rng.integers(10, 50_000)),
            "shots": int(rng.integers(0, 100_000)),
        }
        for _ in range(count)
    ]


def measured(features: list[Features], truth: Array, *, noise: float = 0.0, seed: int = 0) -> list[Observation]:
    factors = np.random.default_rng(seed).lognormal(0.0, noise, len(features)) if noise else np.ones(len(features))
    return [Observation(f, float(LAW.row(f) @ truth * x)) for f, x in zip(features, factors, strict=True)]


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), factors=st.lists(st.floats(0.1, 10.0), min_size=6, max_size=6))
def test_exact_data_gives_the_truth_back(seed: int, factors: list[float]) -> None:
    truth = TRUTH * factors
    model = fit(LAW, measured(cases(seed, 60), truth), members=5)
    assert model.coefficients == pytest.approx(truth, rel=1e-6)


def test_a_term_that_costs_nothing_stays_at_zero() -> None:
    truth = TRUTH * [1, 1, 1, 1, 1, 0]
    model = fit(LAW, measured(cases(1, 60), truth), members=5)
    assert model.coefficients == pytest.approx(truth, rel=1e-6, abs=1e-15)


def test_the_interval_holds_new_measurements_at_its_level() -> None:
    noise = 0.08
    held = []
    for seed in range(10):
        model = fit(LAW, measured(cases(seed, 60), TRUTH, noise=noise, seed=seed))
        fresh = measured(cases(1000 + seed, 40), TRUTH, noise=noise, seed=1000 + seed)
        bounds = [model.predict(o.features) for o in fresh]
        held += [b.low <= o.seconds <= b.high for b, o in zip(bounds, fresh, strict=True)]
    assert 0.90 < np.mean(held) < 0.995


def test_the_same_data_and_seed_give_the_same_model() -> None:
    data = measured(cases(3, 30), TRUTH, noise=0.1)
    assert (fit(LAW, data, seed=7).members == fit(LAW, data, seed=7).members).all()


def test_a_case_outside_the_observed_ranges_is_called_extrapolated() -> None:
    data = [o for o in measured(cases(4, 60), TRUTH) if o.features["memory_per_task"] <= 16 * 2**20]
    model = fit(LAW, data, members=5)
    inside = data[0].features
    assert not model.predict(inside).extrapolated
    assert model.predict({**inside, "memory_per_task": 16.0 * 2**30}).extrapolated


def test_too_few_observations_are_refused_with_both_numbers() -> None:
    with pytest.raises(TooFewObservations, match=r"has 6 terms .* 6 given"):
        fit(LAW, measured(cases(5, 6), TRUTH))


def test_a_law_from_elsewhere_needs_nothing_but_its_formula() -> None:
    law = Law("line", "a + b·x", ("x",), ("one", "x"), lambda f: (1.0, f["x"]))
    model = fit(law, [Observation({"x": x}, 2.0 + 3.0 * x) for x in range(1, 6)])
    assert model.predict({"x": 4.0}).value == pytest.approx(14.0)


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan")])
def test_a_time_that_is_not_positive_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="must be positive"):
        Observation({}, seconds)
