"""Every law: synthetic data gives the truth back through the formula that predicts; the power law is the paper's."""

from __future__ import annotations

from math import ceil, log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qdreamer import Law, Observation, fit, laws
from qdreamer.model import Features
from qdreamer.models.power_law import efficiency

COST_LAWS = (
    "amplitude",
    "branching",
    "contraction",
    "dispatch",
    "mps",
    "reconstruction",
    "statevector",
    "subexperiments",
)
LARGEST = {"threads": 8.0, "shots": 1e4, "circuits": 100.0, "fragments": 10.0, "tasks": 1000.0, "rows": 1000.0}


def cases(law: Law, count: int, seed: int) -> list[Features]:
    rng = np.random.default_rng(seed)
    return [{name: float(rng.uniform(1, LARGEST.get(name, 1e6))) for name in law.features} for _ in range(count)]


def truth_of(law: Law, features: list[Features], seed: int) -> np.ndarray:
    """Return coefficients that make every term matter."""
    sizes = law.matrix(features).mean(axis=0)
    return np.random.default_rng(seed).uniform(0.5, 2.0, len(law.terms)) / sizes


@pytest.mark.parametrize("name", COST_LAWS)
def test_exact_data_gives_the_truth_back(name: str) -> None:
    law = laws.load(name)
    features = cases(law, 80, seed=4)
    truth = truth_of(law, features, seed=5)
    model = fit(law, [Observation(f, float(law.row(f) @ truth)) for f in features], members=5)
    assert model.coefficients == pytest.approx(truth, rel=1e-5)


@pytest.mark.parametrize("name", COST_LAWS)
def test_terms_are_never_negative_and_grow_with_the_work(name: str) -> None:
    law = laws.load(name)
    for features in cases(law, 20, seed=6):
        more = {key: value if key == "threads" else 2 * value for key, value in features.items()}
        assert (law.row(features) >= 0).all()
        assert (law.row(more) >= law.row(features)).all()


POINTS = st.tuples(st.integers(20, 36), st.integers(1, 5), st.sampled_from([1, 2, 8, 56, 224]))


@settings(max_examples=30, deadline=None)
@given(st.lists(POINTS, min_size=8, max_size=20, unique=True), st.floats(0.05, 1.0), st.floats(0.0, 0.6))
def test_the_power_law_gives_efficiency_and_exponent_back(
    points: list[tuple[int, int, int]], peak: float, decay: float
) -> None:
    law = laws.load("power_law")
    features = [_point(n, k, w) for n, k, w in points]
    if np.linalg.matrix_rank(law.matrix(features)) < 2:
        return
    observed = [Observation(f, _published(f, peak, decay)) for f in features]
    found = efficiency(fit(law, observed, members=5))
    assert found == pytest.approx((peak, decay), rel=1e-5, abs=1e-6)


def _point(n: int, cuts: int, workers: int) -> Features:
    return {"n_qubits": n, "subcircuit_qubits": ceil(n / (cuts + 1)), "cuts": cuts, "workers": workers, "full_s": 50.0}


def _published(f: Features, peak: float, decay: float) -> float:
    """Return seconds as equations 1 and 2 of the paper write them."""
    rounds = ceil(9 ** f["cuts"] / f["workers"])
    efficiency_ = peak / rounds**decay
    speedup = 2 ** (f["n_qubits"] - f["subcircuit_qubits"]) * efficiency_ / rounds
    return float(f["full_s"] / speedup)


def test_the_power_law_keeps_the_papers_bounds() -> None:
    """Efficiencies above 1 and rising with the rounds are measured here; the law may not follow."""
    observed = [Observation(_point(30, k, 1), _published(_point(30, k, 1), 3.0, -0.4)) for k in range(1, 6)]
    peak, decay = efficiency(fit(laws.load("power_law"), observed, members=5))
    assert peak <= 1.0
    assert decay >= 0.0


def test_the_power_law_takes_the_count_it_was_fitted_with() -> None:
    published, counted = laws.load("power_law"), laws.load("power_law_counts")
    features = {**_point(36, 3, 4), "tasks": 864.0}
    assert published.row(features)[1] == pytest.approx(log(ceil(729 / 4)))
    assert counted.row(features)[1] == pytest.approx(log(216))
    assert counted.shift({**features, "cuts": 0}) == pytest.approx(log(50.0))


def test_an_uncut_circuit_takes_the_full_time_under_the_power_law() -> None:
    law = laws.load("power_law")
    observed = [Observation(_point(30, k, 2), _published(_point(30, k, 2), 0.5, 0.1)) for k in range(1, 6)]
    model = fit(law, observed, members=5)
    assert model.predict({**_point(30, 1, 2), "cuts": 0}).value == pytest.approx(50.0)


def test_the_interval_of_a_logarithmic_law_holds_new_measurements() -> None:
    rng, law, held = np.random.default_rng(8), laws.load("power_law"), []
    points = [_point(n, k, w) for n in (24, 28, 32) for k in range(1, 5) for w in (1, 4)]
    for seed in range(10):
        noisy = [Observation(f, _published(f, 0.4, 0.2) * rng.lognormal(0, 0.3)) for f in points]
        model = fit(law, noisy, seed=seed)
        fresh = [(f, _published(f, 0.4, 0.2) * rng.lognormal(0, 0.3)) for f in points]
        held += [(p := model.predict(f)).low <= seconds <= p.high for f, seconds in fresh]
    assert 0.88 < np.mean(held) < 0.995
