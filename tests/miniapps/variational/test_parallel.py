"""C.3: bit for bit the sequential path, whatever the devices and the dealing; what is idle is measured."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

import miniapps
from miniapps import Measurement, Unsupported
from miniapps._variational.reference import Optimum
from miniapps.vqa_parallel.params import VqaParallel
from miniapps.vqa_sequential.params import VqaSequential
from pilot_quantum import PilotManager

APP, SEQUENTIAL = miniapps.load("vqa_parallel"), miniapps.load("vqa_sequential")


def _run(app: miniapps.MiniApp, manager: PilotManager, params: miniapps.Params) -> Measurement:
    with manager.runtime(pilots=["p"], time_limit_s=60) as runtime:
        return app.run(params, runtime)


@pytest.mark.parametrize("optimiser", ["lbfgs", "adam"])
@pytest.mark.parametrize("problem", [{"problem": "h2"}, {"problem": "ring", "layers": 2, "parts": 3}], ids=str)
@pytest.mark.parametrize("gradient", ["adjoint", "parameter_shift"])
def test_the_path_is_the_sequential_one(
    manager: PilotManager, problem: dict[str, Any], gradient: Any, optimiser: Any
) -> None:
    common = {**problem, "gradient": gradient, "optimiser": optimiser, "max_iterations": 12, "seed": 4, "spread": 0.1}
    expected = _run(SEQUENTIAL, manager, VqaSequential(placement="colocated", **common)).digest
    for how in ({"balance": "even", "devices": 3}, {"balance": "late", "portion": 3}, {"balance": "measured"}):
        assert _run(APP, manager, VqaParallel(**common, **how)).digest == expected, how


@pytest.mark.parametrize("balance", ["even", "late", "measured"])
def test_a_straggler_changes_no_bit_and_the_answer_is_checked(manager: PilotManager, balance: Any) -> None:
    common: dict[str, Any] = {"problem": "ring", "layers": 1, "balance": balance, "portion": 2, "devices": 4}
    plain = _run(APP, manager, VqaParallel(**common))
    slowed = VqaParallel(**common, circuit_s=0.0005, slow_devices=1)
    measurement = _run(APP, manager, slowed)
    assert measurement.digest == plain.digest
    assert APP.check(slowed, measurement).verdict == "pass"
    wrong = replace(measurement, answer=Optimum(measurement.answer.value + 1, measurement.answer.theta))
    assert APP.check(slowed, wrong).verdict == "fail"
    assert 0 < measurement.metrics["idle_share"].value < 1
    assert 0 < measurement.metrics["time_to_target_s"].value <= measurement.metrics["time_to_value_s"].value


def test_searches_in_step_are_those_that_run_alone(manager: PilotManager) -> None:
    common: dict[str, Any] = {"problem": "ring", "layers": 2, "spread": 0.3, "gradient": "adjoint"}
    common |= {"optimiser": "adam", "max_iterations": 15}
    together = _run(APP, manager, VqaParallel(**common, starts=3, seed=7, portion=5))
    alone = [_run(SEQUENTIAL, manager, VqaSequential(**common, seed=7 + k, placement="colocated")) for k in range(3)]
    found = [run.metrics["value"].value for run in alone]
    assert together.metrics["value"].value == min(found)
    assert together.metrics["evaluations"].value == 45


def test_more_devices_than_workers_are_refused(manager: PilotManager) -> None:
    with pytest.raises(Unsupported, match="devices = 5: the pilots have 4"):
        _run(APP, manager, VqaParallel(devices=5))


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"starts": 2}, "take 'adam'"),
        ({"slow_devices": 1, "devices": 2}, "give circuit_s"),
        ({"slow_devices": 3, "devices": 2, "circuit_s": 0.1}, "there are 2 devices"),
    ],
)
def test_what_does_not_fit_is_refused_with_its_rule(given: dict[str, Any], named: str) -> None:
    with pytest.raises(ValidationError, match=named):
        VqaParallel(**given)
