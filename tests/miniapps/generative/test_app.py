"""C.5: the search against its control, in turn and side by side; what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

import miniapps
from miniapps import Measurement, Unsupported
from miniapps.generative import pool
from miniapps.generative.flow import Answer
from miniapps.generative.params import Generative
from miniapps.generative.split import Split
from pilot_quantum import PilotDescription, PilotManager

APP = miniapps.load("generative")
SMALL: dict[str, Any] = {"batch": 16, "length": 4, "width": 8, "blocks": 1, "times": (0.1, 0.3)}
H2: dict[str, Any] = {"problem": "h2", "circuits": 96, **SMALL}
MACHINE: dict[str, Any] = {"model": "qcbm", "layers": 2, "circuits": 20 * 49}
APART: dict[str, Any] = {"exchange": "asynchronous"}


@pytest.fixture(scope="module")
def manager() -> Iterator[PilotManager]:
    with PilotManager() as manager:
        manager.submit_pilot(PilotDescription(name="one", engine="inline", cores_per_node=1)).wait(30)
        manager.submit_pilot(PilotDescription(name="two", engine="processes", cores_per_node=2)).wait(60)
        yield manager


def _run(manager: PilotManager, params: Generative, pilot: str = "one") -> Measurement:
    with manager.runtime(pilots=[pilot], time_limit_s=90) as runtime:
        return APP.run(params, runtime)


def _metric(measurement: Measurement, name: str) -> float:
    value = measurement.metrics[name].value
    assert value is not None
    return float(value)


def test_a_synchronous_search_is_the_same_in_any_portions(manager: PilotManager) -> None:
    params = Generative(**H2, portion=3)
    first, second = _run(manager, params), _run(manager, Generative(**H2, portion=16))
    assert first.digest == second.digest
    assert _run(manager, Generative(**H2, seed=1)).digest != first.digest
    assert APP.check(params, first).verdict == "pass"
    assert _metric(first, "circuits_at_8") == _metric(first, "circuits") == 96
    assert _metric(first, "error_at_8") == pytest.approx(_metric(first, "error"))
    assert _metric(first, "staleness_max") == 0


def test_a_wrong_answer_fails(manager: PilotManager) -> None:
    params = Generative(**H2)
    measurement = _run(manager, params)
    answer = measurement.answer
    for wrong in (
        replace(answer, score=answer.score - 1e-4),
        replace(answer, control_score=answer.control_score + 1e-4),
        replace(answer, circuit=answer.circuit[::-1].copy() * 0),
    ):
        assert APP.check(params, replace(measurement, answer=wrong)).verdict == "fail"
    assert APP.check(params.model_copy(update={"tolerance": 1e-9}), measurement).verdict == "fail"


def test_a_search_that_chance_beats_fails_unless_its_budget_is_small() -> None:
    recipe = pool.Recipe("h4", (0.3,))
    circuits = np.random.default_rng(1).integers(1, recipe.size, (2, 4), dtype=np.int32)
    (worse, high), (better, low) = sorted(
        zip(circuits, pool.energies(recipe, circuits).tolist(), strict=True), key=lambda pair: -pair[1]
    )
    answer = Answer(worse, high, better, low)
    verdicts = [
        APP.check(Generative(problem="h4", times=(0.3,), length=4, circuits=count), Measurement(answer, {}))
        for count in (4096, 1024)
    ]
    assert [verdict.verdict for verdict in verdicts] == ["fail", "pass"]
    assert "of random search at the same budget" in verdicts[0].detail


def test_the_transformer_learns_what_random_search_does_not_find(manager: PilotManager) -> None:
    params = Generative(**{**SMALL, "times": (0.05, 0.1, 0.2, 0.4), "length": 8}, problem="h4", circuits=1536)
    measurement = _run(manager, params)
    assert APP.check(params, measurement).verdict == "pass"
    assert _metric(measurement, "gain") > 1.2
    assert _metric(measurement, "error") >= -1e-7


def test_circuits_that_were_seen_are_not_evaluated_again(manager: PilotManager) -> None:
    params = Generative(**H2, coldness=(1e4, 1e4))  # hardly anything but the likeliest sequence
    measurement = _run(manager, params)
    assert _metric(measurement, "circuits") == 96
    assert 1 <= _metric(measurement, "evaluated") < 90


@pytest.mark.parametrize("extra", [{}, {"loss": "kl"}, {"problem": "gaussian", "n_qubits": 4}], ids=str)
def test_a_born_machine_learns_its_distribution(manager: PilotManager, extra: dict[str, Any]) -> None:
    params = Generative(**{**MACHINE, "circuits": 70 * 49, **extra})
    measurement = _run(manager, params)
    assert APP.check(params, measurement).verdict == "pass"
    assert _metric(measurement, "gain") > 1.5
    assert 0 <= _metric(measurement, "total_variation") <= 1


def test_side_by_side_proposals_are_behind_but_not_too_far(manager: PilotManager) -> None:
    params = Generative(**MACHINE, **APART, staleness=2, circuit_s=0.0005)
    measurement = _run(manager, params, "two")
    assert APP.check(params, measurement).verdict == "pass"
    assert _metric(measurement, "circuits") == 20 * 49
    assert 1 <= _metric(measurement, "staleness_max") <= 2 + _metric(measurement, "dropped")
    assert _metric(measurement, "trainers_mean") == 1
    for share in ("idle_share", "trainer_idle_share", "evaluator_idle_share"):
        assert 0 <= _metric(measurement, share) <= 1


def _split(trainers: int, learning_s: float, evaluating_s: float, **changes: Any) -> Split:
    """Return a split of four devices after a second in which the roles took so much device time."""
    split = Split(**({"devices": 4, "trainers": trainers, "most": 3, "moving": True, "since_s": 0.0} | changes))
    split.busy("trainer", learning_s)
    split.busy("evaluator", evaluating_s)
    for _ in range(4):
        split.batch_ended(1.0)
    return split


def test_a_device_changes_its_role_where_the_load_is() -> None:
    assert _split(1, 0.95, 0.6).trainers == 2
    assert _split(2, 0.5, 1.9).trainers == 1
    assert _split(2, 1.0, 1.0).trainers == 2
    assert _split(1, 0.95, 0.6, moving=False).trainers == 1
    assert _split(1, 0.95, 0.6, most=1).trainers == 1
    assert _split(1, 0.1, 2.9).limit("evaluator") == 3


def test_idle_shares_are_those_of_the_time_in_a_role() -> None:
    idle = _split(1, 0.5, 1.5, moving=False).idle(2.0)
    assert idle == pytest.approx({"trainer": 0.75, "evaluator": 0.75, "all": 0.75})


def test_what_the_pilot_cannot_do_is_said_before_anything_runs(manager: PilotManager) -> None:
    with pytest.raises(Unsupported, match="need 2 workers; there are 1"):
        _run(manager, Generative(**H2, **APART))
    with pytest.raises(Unsupported, match="no pilot of this case holds a GPU"):
        _run(manager, Generative(**H2, trainer="gpu"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"problem": "gaussian"}, "model 'gqe' takes one of h2, lih, h4, beh2"),
        ({"model": "qcbm", "problem": "h2"}, "model 'qcbm' takes one of bars_and_stripes, gaussian"),
        ({"model": "qcbm", "length": 3}, "length = 3: belongs to model = 'gqe'"),
        ({"loss": "kl"}, "loss = 'kl': belongs to model = 'qcbm'"),
        ({"staleness": 1}, "staleness = 1: belongs to exchange = 'asynchronous'"),
        ({"model": "qcbm", "n_qubits": 5}, "n_qubits = 5: bars_and_stripes takes 4, 6, 9"),
        ({"model": "qcbm", "batch": 10}, "batch = 10: a gradient of this circuit takes 73"),
        ({"heads": 5}, "heads = 5: must divide width = 48"),
        ({"shards": 3}, "shards = 3: must divide batch = 32"),
        ({"times": (0.1, -0.1)}, "distinct angles above 0"),
        ({"coldness": (2.0, 1.0)}, "positive and not falling"),
        ({"circuits": 8}, "must hold a batch of 32"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_bad_parameters_are_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        Generative(**given)


def test_the_estimate_counts_what_runs() -> None:
    params = Generative(**H2)
    features = APP.estimate(params)
    assert features.extra["circuits"] == 2 * 96
    assert features.tasks == 6 * (2 + 2 * 3 + 1)
