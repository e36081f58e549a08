"""C.4: the same energy without a barrier, with lost workers, stale and noisy gradients, and hopeless starts."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

import miniapps
from miniapps import Measurement, Unsupported
from miniapps._variational.reference import Optimum
from miniapps.vqa_asynchronous.params import VqaAsynchronous
from pilot_quantum import PilotDescription, PilotManager

APP = miniapps.load("vqa_asynchronous")
H2: dict[str, Any] = {"problem": "h2", "tolerance": 1e-4, "devices": 4, "circuit_s": 0.0005, "slow_devices": 1}
STARTS: dict[str, Any] = {"problem": "ring", "layers": 1, "mode": "starts", "starts": 6, "spread": 0.8, "margin": 0.05}


def _run(manager: PilotManager, params: VqaAsynchronous, pilot: str = "p") -> Measurement:
    with manager.runtime(pilots=[pilot], time_limit_s=60) as runtime:
        return APP.run(params, runtime)


def _metric(measurement: Measurement, name: str) -> float:
    value = measurement.metrics[name].value
    assert value is not None
    return float(value)


@pytest.mark.parametrize(
    "extra",
    [{}, {"staleness": 2}, {"worst_quality": 0.4}, {"worst_quality": 0.4, "weights": "equal"}, {"block": 2}],
    ids=str,
)
def test_the_known_energy_is_reached_without_a_barrier(manager: PilotManager, extra: dict[str, Any]) -> None:
    params = VqaAsynchronous(**H2, **extra)
    measurement = _run(manager, params)
    assert APP.check(params, measurement).verdict == "pass"
    assert _metric(measurement, "converged") == 1
    assert _metric(measurement, "time_to_target_s") <= _metric(measurement, "time_to_value_s")
    wrong = replace(measurement, answer=Optimum(measurement.answer.value + 1e-2, measurement.answer.theta))
    assert APP.check(params, wrong).verdict == "fail"


def test_a_search_survives_the_loss_of_a_worker(manager: PilotManager) -> None:
    params = VqaAsynchronous(**H2, kill_at=6)
    measurement = _run(manager, params)
    assert _metric(measurement, "workers_lost") == 1
    assert APP.check(params, measurement).verdict == "pass"


def test_a_start_survives_the_loss_of_its_worker(manager: PilotManager) -> None:
    params = VqaAsynchronous(**STARTS, kill_at=2)
    measurement = _run(manager, params)
    assert _metric(measurement, "workers_lost") == 1
    assert APP.check(params, measurement).verdict == "pass"


def test_gradients_that_are_too_stale_are_dropped(manager: PilotManager) -> None:
    measurement = _run(manager, VqaAsynchronous(**H2, staleness=0, max_updates=40, precision=1e-9))
    assert _metric(measurement, "dropped") > 0
    assert _metric(measurement, "staleness_max") > 0
    assert _metric(measurement, "updates") == 1 + 40 - _metric(measurement, "dropped")


def test_hopeless_searches_end_early(manager: PilotManager) -> None:
    given = {**STARTS, "spread": 1.2, "starts": 8, "chunk": 2, "margin": 0.0}
    measurement = _run(manager, VqaAsynchronous(**given, seed=1))
    assert _metric(measurement, "ended_early") > 0
    assert APP.check(VqaAsynchronous(**given, seed=1), measurement).verdict == "pass"


def test_a_fault_is_refused_where_it_would_kill_the_driver() -> None:
    with PilotManager() as manager:
        manager.submit_pilot(PilotDescription(name="inline", engine="inline", cores_per_node=1)).wait(30)
        with pytest.raises(Unsupported, match="no worker process"):
            _run(manager, VqaAsynchronous(problem="h2", kill_at=0), "inline")
