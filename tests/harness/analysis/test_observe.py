"""From records to predictions: the case's own history first, else a law of its group, else nothing."""

from __future__ import annotations

import pytest

from harness.cases import Case, Pool
from harness.observe import features_of, group_of, observations, predictor
from miniapps import load
from pilot_quantum import PilotDescription
from qdreamer import laws

APP = load("circuit_execution")
COST = (0.01, 0.002, 0.0005, 2e-6, 1e-9, 1e-7)
CPU = "Example 9000"


def case_of(*, engine: str = "processes", cores: int | None = 4, **params) -> Case:
    pool = Pool("here", (PilotDescription(name="here", engine=engine, cores_per_node=cores),))
    return Case(app=APP, params=APP.params(**params), pool=pool, seed=0)


def seconds_of(case: Case, cores: int = 4) -> float:
    features = features_of(APP, case.params, case.pool.as_record(), cores=cores)
    return float(laws.load("batch_time").row(features) @ COST)


@pytest.fixture(name="record_of")
def _record_of(make_record):
    def build(case: Case, seconds: float | None = None, *, cpu: str = CPU, **rest):
        record = make_record(
            seconds_of(case) if seconds is None else seconds,
            key=case.key,
            pool=case.pool.as_record(),
            app_version=APP.version,
            environment={"machine": {"cpu": cpu, "cores_usable": 4}},
            **rest,
        )
        return record.model_copy(update={"params": case.values})

    return build


def cases(**rest) -> list[Case]:
    return [case_of(n_qubits=n, depth=d, n_circuits=c, **rest) for n in (4, 8, 12) for d in (5, 20) for c in (8, 100)]


def test_the_case_s_own_history_answers_first_with_its_range(record_of) -> None:
    case = case_of()
    records = [record_of(case, seconds, repeat=r) for r, seconds in enumerate((3.0, 1.0, 2.0))]
    found = predictor(records, machine=CPU)(case)
    assert found is not None
    assert (found.model, found.low, found.value, found.high, found.unit) == ("history", 1.0, 2.0, 3.0, "s")


def test_a_new_case_is_predicted_by_the_law_of_its_group(record_of) -> None:
    predict = predictor([record_of(case) for case in cases()], machine=CPU)
    new = case_of(n_qubits=10, depth=10, n_circuits=50)
    found = predict(new)
    assert found is not None
    assert found.model == "batch_time"
    assert found.value == pytest.approx(seconds_of(new), rel=0.01)
    wide = predict(case_of(n_qubits=20, depth=10, n_circuits=50))
    assert wide is not None
    assert wide.model == "batch_time (extrapolated)"


def test_a_pilot_that_takes_all_cores_counts_those_of_the_machine(record_of) -> None:
    predict = predictor([record_of(case) for case in cases(cores=None)], machine=CPU)
    new = case_of(cores=None, n_qubits=10, depth=10, n_circuits=50)
    found = predict(new)
    assert found is not None
    assert found.value == pytest.approx(seconds_of(new), rel=0.01)


@pytest.mark.parametrize(
    "other",
    [case_of(engine="inline"), case_of(method="density_matrix"), case_of(family="ghz", n_qubits=9)],
    ids=["engine", "method", "family"],
)
def test_a_case_of_another_group_is_not_predicted(record_of, other: Case) -> None:
    assert predictor([record_of(case) for case in cases()], machine=CPU)(other) is None


def test_too_few_different_cases_give_no_prediction(record_of) -> None:
    records = [record_of(case, repeat=r) for case in cases()[:7] for r in range(5)]
    assert predictor(records, machine=CPU)(case_of(n_qubits=10, depth=10)) is None


def test_nothing_recorded_predicts_nothing() -> None:
    assert predictor([])(case_of()) is None


def test_this_machine_s_records_are_preferred_and_others_better_than_none(record_of) -> None:
    case = case_of()
    here, there = record_of(case, 1.0), record_of(case, 9.0, cpu="Example 1", repeat=1)
    values = {
        cpu: predictor([here, there], machine=cpu)(case).value  # type: ignore[union-attr]  # there is a history
        for cpu in (CPU, "Example 1", "Example 2")
    }
    assert values == {CPU: 1.0, "Example 1": 9.0, "Example 2": 5.0}


def test_only_measured_ok_times_of_known_apps_are_observed(record_of, failed_record) -> None:
    case = case_of()
    stranger = record_of(case, repeat=1).model_copy(update={"app": "not_installed", "key": "0"})
    older = record_of(case, repeat=2).model_copy(update={"app_version": APP.version + 1, "key": "1"})
    odd = record_of(case, repeat=3).model_copy(update={"params": {"n_qubits": -1}, "key": "2"})
    records = [
        record_of(case),
        stranger,
        older,
        odd,
        failed_record(repeat=4),
        record_of(case, repeat=5, kind="projected"),
    ]
    (one,) = observations(records)
    assert one.key == case.key
    assert one.features["workers"] == 4
    assert one.features["circuits"] == case.values["n_circuits"]


def test_cases_that_differ_in_numbers_only_share_a_group() -> None:
    few, many = case_of(n_qubits=2, shots=10), case_of(n_qubits=20, shots=1000, cores=8)
    groups = {group_of(APP.name, 1, case.values, case.pool.as_record()) for case in (few, many)}
    assert len(groups) == 1
