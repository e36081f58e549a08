"""C.2: the known answers, the same path at any distance, and a check that notices a wrong answer."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

import miniapps
from miniapps import Measurement
from miniapps._variational import MOLECULES
from miniapps._variational.reference import Optimum
from miniapps.vqa_sequential.params import VqaSequential
from pilot_quantum import PilotManager

APP = miniapps.load("vqa_sequential")


def _run(manager: PilotManager, params: VqaSequential) -> Measurement:
    with manager.runtime(pilots=["p"], time_limit_s=60) as runtime:
        return APP.run(params, runtime)


@pytest.mark.parametrize(
    "given",
    [
        {"problem": "h2"},
        {"problem": "h2", "optimiser": "cobyla", "gradient": "none", "tolerance": 1e-5},
        {"problem": "h2", "optimiser": "adam", "gradient": "parameter_shift"},
        {"problem": "lih"},
        {"problem": "h4", "parts": 3},
        {"problem": "ring", "layers": 1},
        {"problem": "ring", "layers": 2},
        {"problem": "ring", "layers": 3},
        {"problem": "regular3", "layers": 2, "seed": 1},
        {"problem": "regular3", "layers": 1, "seed": 2, "warm": True},
    ],
    ids=str,
)
def test_known_answers(manager: PilotManager, given: dict[str, Any]) -> None:
    params = VqaSequential(placement="colocated", **given)
    measurement = _run(manager, params)
    verdict = APP.check(params, measurement)
    assert verdict.verdict == "pass", verdict
    wrong = replace(measurement, answer=Optimum(measurement.answer.value + 0.1, measurement.answer.theta))
    assert APP.check(params, wrong).verdict == "fail"
    too_good = replace(measurement, answer=Optimum(measurement.answer.value - 0.1, measurement.answer.theta))
    assert APP.check(params, too_good).verdict == "fail"


def test_published_energies() -> None:
    """Lines of the record: H2 at 0.735 Å and LiH (2e, 5o) at 1.595 Å."""
    assert MOLECULES["h2"].exact == pytest.approx(-1.137306, abs=1e-6)
    assert MOLECULES["lih"].exact == pytest.approx(-7.882174, abs=1e-6)


@pytest.mark.parametrize("gradient", ["adjoint", "parameter_shift"])
def test_the_path_does_not_depend_on_the_distance(manager: PilotManager, gradient: Any) -> None:
    common: dict[str, Any] = {"problem": "ring", "layers": 2, "gradient": gradient, "spread": 0.1, "seed": 5}
    near = _run(manager, VqaSequential(placement="colocated", **common))
    session = _run(manager, VqaSequential(placement="session", **common))
    queued = _run(manager, VqaSequential(placement="queued", queue_s=0.001, **common))
    assert near.digest == session.digest == queued.digest
    evaluations = near.metrics["evaluations"].value
    assert near.metrics["tasks"].value == 1
    assert session.metrics["tasks"].value == evaluations
    other = _run(manager, VqaSequential(placement="colocated", **{**common, "seed": 6}))
    assert other.digest != near.digest


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"problem": "ring", "n_qubits": 7}, "even number"),
        ({"problem": "ring", "n_qubits": 6, "layers": 3}, "at least 8 nodes"),
        ({"problem": "h2", "layers": 2}, "belongs to graphs"),
        ({"problem": "h2", "n_qubits": 6}, "has 4"),
        ({"optimiser": "cobyla"}, "cobyla takes 'none'"),
        ({"queue_s": 1.0}, "placement = 'queued'"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_rule(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        VqaSequential(**given)


def test_an_estimate_bounds_what_runs(manager: PilotManager) -> None:
    params = VqaSequential(problem="ring", layers=2, max_iterations=5)
    measurement = _run(manager, params)
    assert measurement.metrics["tasks"].value <= 2 * APP.estimate(params).tasks
