"""The pipeline: one answer whatever the schedule and the pilots, which are held no longer than asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from miniapps import Unsupported, load
from miniapps.qml_pipeline.flow import estimate
from miniapps.qml_pipeline.params import QmlPipeline
from pilot_quantum import PilotDescription, PilotManager

pytestmark = pytest.mark.xdist_group("qml_pipeline")  # the runs are made once
APP = load("qml_pipeline")
SMALL = QmlPipeline(
    image_size=16, layers=1, sweeps=3, iterations=3, n_train=12, n_test=20, shard_size=6, batch_size=3, final_epochs=3
)


@pytest.fixture(scope="module")
def manager() -> Iterator[PilotManager]:
    with PilotManager() as manager:
        manager.submit_pilot(PilotDescription(name="p", engine="inline", cores_per_node=1)).wait(30)
        yield manager


@pytest.fixture(scope="module")
def runs(manager: PilotManager) -> dict[tuple[str, str], tuple[QmlPipeline, Any, list[Any]]]:
    found = {}
    for schedule, allocation in product(("streaming", "staged"), ("adaptive", "static")):
        params = SMALL.model_copy(update={"schedule": schedule, "allocation": allocation})
        with manager.runtime(pilots=["p"], time_limit_s=100) as runtime:
            measurement = APP.run(params, runtime)
        found[schedule, allocation] = params, measurement, runtime.traces()
    return found


def test_schedule_and_pilots_do_not_change_the_answer(runs: dict[Any, Any]) -> None:
    assert len({measurement.digest for _, measurement, _ in runs.values()}) == 1
    assert {APP.check(params, measurement).verdict for params, measurement, _ in runs.values()} == {"pass"}


def test_every_stage_has_its_tasks_and_its_times(runs: dict[Any, Any]) -> None:
    for params, measurement, traces in runs.values():
        found = {name: metric.value for name, metric in measurement.metrics.items()}
        assert len(traces) == estimate(params).tasks
        assert [found[f"{stage}_tasks"] for stage in ("encode", "compress", "train", "evaluate")] == [6, 6, 3, 1]
        for stage in ("encode", "compress", "train", "evaluate"):
            assert 0 <= found[f"{stage}_start_s"] <= found[f"{stage}_end_s"] <= found["time_to_value_s"]
        assert found["test_accuracy_low"] <= found["test_accuracy"] <= found["test_accuracy_high"]
        assert found["baseline_parameters"] <= found["weights"]


def test_stages_overlap_only_when_they_stream(runs: dict[Any, Any]) -> None:
    for (schedule, _), (_, measurement, _) in runs.items():
        found = {name: metric.value for name, metric in measurement.metrics.items()}
        if schedule == "staged":
            assert found["encode_end_s"] <= found["compress_start_s"]
            assert found["compress_end_s"] <= found["train_start_s"]
        else:
            assert found["train_start_s"] < found["compress_end_s"]


def test_the_wide_pilot_is_held_for_its_stage_only_and_paid_for(runs: dict[Any, Any]) -> None:
    for (schedule, allocation), (_, measurement, _) in runs.items():
        found = {name: metric.value for name, metric in measurement.metrics.items()}
        held_s = found["wide_end_s"] - found["wide_start_s"]
        assert found["core_seconds"] == pytest.approx(found["time_to_value_s"] + held_s)
        assert found["core_seconds"] + found["core_seconds_saved"] == pytest.approx(2 * found["time_to_value_s"])
        if (schedule, allocation) == ("staged", "adaptive"):
            assert found["encode_end_s"] <= found["wide_start_s"] <= found["compress_start_s"]
            assert found["compress_end_s"] <= found["wide_end_s"] <= found["train_start_s"]
        if allocation == "static":
            assert found["wide_start_s"] <= found["encode_start_s"]
            assert found["wide_end_s"] >= found["evaluate_end_s"]


def test_training_stays_on_the_pilots_that_stay(runs: dict[Any, Any]) -> None:
    for _, _, traces in runs.values():
        assert {trace.pilot for trace in traces if trace.name in ("train", "evaluate")} == {"p"}
        assert {trace.state for trace in traces} == {"done"}


def test_pilots_are_given_back(manager: PilotManager, runs: dict[Any, Any]) -> None:
    assert runs
    assert [pilot.name for pilot in manager.pilots() if not pilot.state.final] == ["p"]


@pytest.mark.parametrize("spoilt", ["fidelity", "logits", "accuracy"])
def test_a_wrong_answer_is_noticed(runs: dict[Any, Any], spoilt: str) -> None:
    params, measurement, _ = runs["staged", "static"]
    answer = measurement.answer
    evaluation = answer.evaluation
    if spoilt == "fidelity":
        first = replace(answer.tests[0], fidelities=answer.tests[0].fidelities - 1e-6)
        answer = replace(answer, tests=(first, *answer.tests[1:]))
    elif spoilt == "logits":
        answer = replace(answer, evaluation=replace(evaluation, logits=evaluation.logits + np.eye(20, 10) * 1e-6))
    else:
        answer = replace(answer, evaluation=replace(evaluation, accuracy=evaluation.accuracy + 0.05))
    assert APP.check(params, replace(measurement, answer=answer)).verdict == "fail"


def test_without_a_gpu_the_case_is_unsupported_and_says_why(manager: PilotManager) -> None:
    params = SMALL.model_copy(update={"train_device": "gpu"})
    with manager.runtime(pilots=["p"]) as runtime, pytest.raises(Unsupported, match="no GPU is present"):
        APP.run(params, runtime)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"shard_size": 7}, "must divide n_train = 32"),
        ({"batch_size": 9}, "no smaller than batch_size = 9"),
        ({"epochs_per_shard": 0, "final_epochs": 0}, "nothing would be trained"),
        ({"source": "cifar10"}, "needs the path"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        QmlPipeline(**given)
