"""The classifier: seven modes with one answer, trainings that agree however they are split, a check that notices."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from miniapps import Unsupported, load
from miniapps.qml_classifier import kernels
from miniapps.qml_classifier.flow import estimate, run, setting_of, trial_settings, wilson
from miniapps.qml_classifier.params import QmlClassifier
from pilot_quantum import PilotDescription, PilotManager

APP = load("qml_classifier")
STEP = QmlClassifier(image_size=16, batch_size=2, steps=1)
TRAIN = QmlClassifier(
    image_size=16, task="train", batch_size=8, n_train=24, n_test=20, epochs=7, learning_rate=0.05, seed=3
)


@pytest.fixture(scope="module")
def manager() -> Iterator[PilotManager]:
    with PilotManager() as manager:
        manager.submit_pilot(PilotDescription(name="p", engine="inline")).wait(30)
        yield manager


def _run(manager: PilotManager, params: QmlClassifier) -> Any:
    with manager.runtime(pilots=["p"]) as runtime:
        return APP.run(params, runtime)


# PennyLane 0.45 asks JAX 0.10 for names that JAX has deprecated.
@pytest.mark.filterwarnings("ignore:jax\\.core\\.:DeprecationWarning")
@pytest.mark.parametrize("mode", ["sequential", "vmap", "jit", "vmap_jit", "fused", "direct", "lightning"])
def test_every_mode_gives_the_same_loss_and_gradient(manager: PilotManager, mode: str) -> None:
    params = QmlClassifier(image_size=16, batch_size=2, steps=1, mode=mode)  # type: ignore[arg-type]  # one of them
    measurement = _run(manager, params)
    verdict = APP.check(params, measurement)
    assert (verdict.verdict, verdict.tolerance) == ("pass", 1e-10)
    assert measurement.answer.timed.gradient.shape == (1, 11, 3)
    assert measurement.metrics["step_s"].value <= measurement.metrics["time_to_value_s"].value


def test_single_precision_is_close_and_judged_as_such(manager: PilotManager) -> None:
    params = STEP.model_copy(update={"precision": "single"})
    verdict = APP.check(params, _run(manager, params))
    assert (verdict.verdict, verdict.tolerance) == ("pass", 1e-4)


@pytest.mark.parametrize("spoilt", ["loss", "gradient", "shape"])
def test_a_wrong_step_is_noticed(manager: PilotManager, spoilt: str) -> None:
    measurement = _run(manager, STEP)
    timed = measurement.answer.timed
    changed = {
        "loss": {"loss": timed.loss + 1e-8},
        "gradient": {"gradient": timed.gradient + np.eye(11, 3) * 1e-8},
        "shape": {"gradient": timed.gradient[:, 1:]},
    }[spoilt]
    answer = replace(measurement.answer, timed=replace(timed, **changed))
    assert APP.check(STEP, replace(measurement, answer=answer)).verdict == "fail"


def test_training_learns_and_its_predictions_are_checked(manager: PilotManager) -> None:
    measurement = _run(manager, TRAIN)
    assert APP.check(TRAIN, measurement).verdict == "pass"
    trained = measurement.answer.trials[0].trained
    assert trained.losses[-1] < trained.losses[0]
    assert measurement.metrics["loss_epoch_7"].value == trained.losses[-1]
    low, share, high = (measurement.metrics[f"test_accuracy{end}"].value for end in ("_low", "", "_high"))
    assert low <= share <= high
    spoilt = replace(trained, test=trained.test + 1e-6)
    trial = replace(measurement.answer.trials[0], trained=spoilt)
    answer = replace(measurement.answer, trials=(trial,))
    assert APP.check(TRAIN, replace(measurement, answer=answer)).verdict == "fail"


def test_a_loss_that_does_not_fall_is_a_failure(manager: PilotManager) -> None:
    measurement = _run(manager, TRAIN)
    trial = measurement.answer.trials[0]
    risen = replace(
        trial, trained=replace(trial.trained, losses=trial.trained.losses[::-1], weights=trial.trained.weights + 1)
    )
    verdict = APP.check(TRAIN, replace(measurement, answer=replace(measurement.answer, trials=(risen,))))
    assert verdict.verdict == "fail"


def test_shards_of_batches_train_to_the_same_weights(manager: PilotManager) -> None:
    whole = _run(manager, TRAIN)
    shared = _run(manager, TRAIN.model_copy(update={"shards": 2}))
    ours, theirs = (m.answer.trials[0].trained for m in (shared, whole))
    # The last RZ on each wire changes no probability: its gradient is rounding, which Adam scales up.
    assert np.abs(ours.weights - theirs.weights)[..., :2].max() < 1e-9
    assert np.abs(ours.losses - theirs.losses).max() < 1e-9
    assert np.abs(ours.test - theirs.test).max() < 1e-9
    assert APP.check(TRAIN.model_copy(update={"shards": 2}), shared).verdict == "pass"


def test_a_search_chooses_by_validation_and_not_by_test(manager: PilotManager) -> None:
    params = TRAIN.model_copy(update={"task": "search", "n_trials": 3, "n_validation": 20, "epochs": 3})
    measurement = _run(manager, params)
    assert APP.check(params, measurement).verdict == "pass"
    trials = measurement.answer.trials
    assert {trial.setting.learning_rate for trial in trials} == {s.learning_rate for s in trial_settings(params)}
    labels = kernels.data(setting_of(params).images, "train", 24, 44)[1]
    shares = [float(np.mean(trial.trained.validation.argmax(axis=1) == labels)) for trial in trials]
    assert shares[0] == max(shares) == measurement.metrics["validation_accuracy"].value


def test_batches_cover_an_epoch_once_and_change_with_it() -> None:
    first, second = (kernels.batches(24, 8, 3, epoch) for epoch in (0, 1))
    assert sorted(first.reshape(-1)) == list(range(24))
    assert (first != second).any()
    assert kernels.batches(23, 8, 3, 0).shape == (2, 8)


def test_the_interval_of_a_share_is_wilsons() -> None:
    """Values of Wilson (1927) for 8 of 10, as tabulated by Brown, Cai and DasGupta (2001)."""
    assert wilson(0.8, 10) == pytest.approx((0.4902, 0.9433), abs=2e-4)


def test_without_a_gpu_the_case_is_unsupported_and_says_why() -> None:
    runtime = SimpleNamespace(pilots=lambda: (SimpleNamespace(workers=2, gpus=0),), stage=lambda _name: nullcontext())
    with pytest.raises(Unsupported, match="no GPU is present: no pilot of this case holds one"):
        run(QmlClassifier(device="gpu"), runtime)  # type: ignore[arg-type]  # all that is used of a runtime


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"precision": "single", "mode": "fused"}, "needs mode 'direct'"),
        ({"device": "gpu", "mode": "lightning"}, "computes on CPUs"),
        ({"task": "train", "n_train": 8, "batch_size": 9}, "more than n_train = 8"),
        ({"shards": 2}, "needs task 'train' and mode 'direct'"),
        ({"task": "train", "shards": 3}, "must divide batch_size = 64"),
        ({"task": "search", "n_validation": 0}, "needs images to choose by"),
        ({"path": "x"}, "is embedded and takes no path"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        QmlClassifier(**given)


def test_estimates_count_tasks_and_steps() -> None:
    assert estimate(STEP).tasks == 1
    assert estimate(STEP).extra["steps"] == 2
    assert estimate(TRAIN).extra["steps"] == 21
    assert estimate(TRAIN.model_copy(update={"shards": 2})).tasks == 42
