""" "auto" in a campaign: settled before it runs, told in the record, and counted."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from harness.cases import Case
from harness.cutting_costs import CutPredictor, demand_of, fingerprint, model_file, observations
from harness.plan import Plan, make_plan
from harness.progress import Quiet
from harness.run import Runner
from harness.settle import Settler, wants
from harness.spec import parse_campaign
from harness.store import read_records
from miniapps import load as load_app
from miniapps.circuit_cutting.finders import interval
from miniapps.circuit_cutting.flow import planned
from qdreamer import Workers, detect
from qdreamer.calibration import calibrate, load, save
from qdreamer.defaults import typed_in

TEXT = """
name = "settling"
[[pilots]]
engine = "inline"
[[apps]]
name = "circuit_cutting"
repeats = 1
warmups = 0
[apps.params]
family = "efficient_su2"
n_qubits = 8
executor = "amplitude"
cuts = CUTS
"""


def plan(cuts: str) -> Plan:
    campaign = parse_campaign(tomllib.loads(TEXT.replace("CUTS", cuts)))
    return make_plan(campaign, [], predict=CutPredictor(typed_in()), settle=Settler(None))


def case(cuts: str) -> Case:
    return plan(cuts).cases[0].case


def test_a_case_keeps_auto_and_runs_with_a_number() -> None:
    planned = plan('"auto"').cases[0]
    assert planned.case.values["cuts"] == "auto"
    chosen = planned.runs.values["cuts"]
    assert isinstance(chosen, int)
    assert planned.prediction is not None
    assert planned.prediction.model == f"qdreamer: typed in; amplitude, cuts = {chosen}"


@pytest.mark.parametrize(
    ("family", "n_qubits", "executors"), [("qft", 6, {"full", "mps"}), ("efficient_su2", 22, {"mps", "amplitude"})]
)
def test_an_executor_that_is_left_open_is_chosen_by_predicted_time(
    family: str, n_qubits: int, executors: set[str], tmp_path: Path
) -> None:
    text = TEXT.replace("efficient_su2", family).replace("n_qubits = 8", f"n_qubits = {n_qubits}")
    text = text.replace('"amplitude"', '"auto"').replace("CUTS", '"auto"')
    made = make_plan(parse_campaign(tomllib.loads(text)), [], predict=CutPredictor(typed_in()), settle=Settler(None))
    planned = made.cases[0]
    assert planned.case.values["executor"] == "auto"
    assert planned.runs.values["executor"] in executors
    Runner(made, tmp_path / "settling", observer=Quiet()).run()
    record = read_records(tmp_path / "settling").records[0]
    assert (record.status, record.params["executor"]) == ("ok", "auto")
    assert record.prediction is not None


def test_the_case_is_the_same_whatever_the_model_says() -> None:
    assert plan('"auto"').cases[0].case.key == case('"auto"').key
    assert case('"auto"').key != case("1").key


def test_only_what_is_left_open_is_settled() -> None:
    assert wants(case('"auto"'))
    planned = plan("2").cases[0]
    assert planned.settled is None
    assert planned.runs is planned.case
    assert planned.prediction is not None  # predicted all the same, before it runs


def test_the_record_tells_the_choice_and_counts_the_deciding(tmp_path: Path) -> None:
    made = plan('"auto"')
    settled = made.cases[0].settled
    assert settled is not None
    Runner(made, tmp_path / "settling", observer=Quiet()).run()
    record = read_records(tmp_path / "settling").records[0]
    assert record.status == "ok"
    assert record.params["cuts"] == "auto"
    assert record.prediction == settled.prediction
    assert record.stages_s["decide"] == settled.seconds
    total = record.metrics["time_to_value_s"].value
    assert total is not None
    assert total >= sum(record.stages_s.values())


def test_records_become_observations_of_the_models_of_their_stages(tmp_path: Path) -> None:
    Runner(plan("[1, 2]"), tmp_path / "settling", observer=Quiet()).run()
    found = observations(read_records(tmp_path / "settling").records)
    assert {role: len(rows) for role, rows in found.items()} == {
        "amplitude": 2,
        "contract": 2,
        "dispatch": 2,
    }
    assert all(one.features["fragments"] >= 2 for one in found["amplitude"])


def test_a_demand_counts_the_fragments_of_the_very_case() -> None:
    demand = demand_of(case("1").params, workers=1)  # type: ignore[arg-type]  # parameters of this app
    assert (demand.executor, demand.cuts, demand.tasks) == ("amplitude", 1, 2)
    assert demand.planning_s > 0


def test_the_seconds_of_planning_are_those_of_a_search_that_remembers_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    original, calls = interval._row, []
    monkeypatch.setattr(interval, "_row", lambda *given: calls.append(1) or original(*given))
    params = load_app("circuit_cutting").params(family="efficient_su2", n_qubits=9, cuts=2, seed=77)
    demand_of(params, workers=1)  # type: ignore[arg-type]  # parameters of this app
    searches = len(calls)
    planned(params)  # type: ignore[arg-type]  # parameters of this app
    assert searches == 4  # one that imports and fills caches, three that are timed
    assert len(calls) == searches  # the last search is remembered


def test_large_results_of_deep_cuts_take_their_time() -> None:
    params = load_app("circuit_cutting").params(family="efficient_su2", n_qubits=6, reps=4, cuts=4, seed=1)
    demand = demand_of(params, workers=1)  # type: ignore[arg-type]  # parameters of this app
    assert demand.bytes == 16 * 2 * 4**4  # two fragments, a number for each pair of states of four ends
    here, one = detect(), Workers(cpu=1)
    small = replace(demand, jobs=tuple(replace(job, bytes=0.0) for job in demand.jobs))
    model = typed_in()
    assert model.cost(demand, one, here).seconds.value > model.cost(small, one, here).seconds.value


def test_a_model_is_kept_with_this_machines_fingerprint(tmp_path: Path) -> None:
    save(calibrate({}, name="here", fingerprint=fingerprint()), model_file(tmp_path))
    assert load(model_file(tmp_path), fingerprint=fingerprint()).name == "here"


@pytest.mark.parametrize("executor", ["full", "mps"])
def test_uncut_cases_are_predicted_and_never_settled(executor: str) -> None:
    text = TEXT.replace('"amplitude"', f'"{executor}"').replace("CUTS", "0")
    made = make_plan(parse_campaign(tomllib.loads(text)), [], predict=CutPredictor(typed_in()), settle=Settler(None))
    planned = made.cases[0]
    assert planned.settled is None
    assert planned.prediction is not None
    assert planned.prediction.low <= planned.prediction.value <= planned.prediction.high
