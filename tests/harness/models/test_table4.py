"""Table 4 from made-up records: who was right, at what price, and who had not seen the answer."""

from __future__ import annotations

import math
from hashlib import sha256

import pytest

from harness.provenance import provenance
from harness.record import CheckRecord, MetricRecord, PredictionRecord, Record
from harness.report import figures, table4
from harness.report.summary import summarize

CUTS = {"amplitude k=1": 1, "amplitude k=2": 2}


def seconds(family: str, n_qubits: int, choice: str) -> float:
    """A world in which dense circuits are cut, chains are matrix-product states, and small ones are left alone."""
    full = 0.004 + 1e-7 * 2.0**n_qubits
    if choice == "full":
        return full
    if choice == "mps":
        return {"clustered": 0.5, "efficient_su2": 0.006, "random": 0.05}[family]
    return 0.012 * CUTS[choice]


def record(family: str, n_qubits: int, choice: str, workers: int, repeat: int) -> Record:
    executor, _, cuts = choice.partition(" k=")
    params = {
        "family": family,
        "n_qubits": n_qubits,
        "depth": 4,
        "seed": 3,
        "shots": 0,
        "observable": "z_last",
        "executor": executor,
        "cuts": int(cuts or 0),
    }
    time_s = seconds(family, n_qubits, choice)
    said = PredictionRecord(
        model="qdreamer: here", metric="time_to_value_s", value=1.2 * time_s, low=time_s, high=2 * time_s, unit="s"
    )
    numbers = {"cuts": int(cuts or 0), "width": math.ceil(n_qubits / (1 + int(cuts or 0))), "published": 12}
    return Record(
        key=sha256(f"{family} {n_qubits} {choice} {workers}".encode()).hexdigest()[:16],
        campaign="table4",
        app="circuit_cutting",
        app_version=1,
        params=params,
        pool=[{"name": "p", "engine": "processes", "launcher": "local", "nodes": 1, "cores_per_node": workers}],
        seed=3,
        repeat=repeat,
        status="ok",
        check=CheckRecord(verdict="pass"),
        metrics={
            "time_to_value_s": MetricRecord(value=time_s * (1 + 0.01 * repeat), unit="s", better="lower"),
            **{name: MetricRecord(value=number, unit=name) for name, number in numbers.items()},
        },
        prediction=said,
    )


def records() -> list[Record]:
    return [
        record(family, n_qubits, choice, workers, repeat)
        for family in ("clustered", "efficient_su2", "random")
        for n_qubits in (6, 10, 14, 18, 20)
        for choice in ("full", "mps", *(CUTS if family != "random" else ()))
        for workers in (1, 2)
        for repeat in range(3)
    ]


@pytest.fixture(scope="module")
def drawing() -> figures.Drawing:
    made = records()
    request = figures.Request(summarize(made), provenance(made), made)
    assert table4.applies(request.cases)
    return table4.draw(request)


def test_a_decision_is_a_circuit_its_shots_and_its_workers() -> None:
    found = table4.decisions(records())
    assert len(found) == 30
    first = next(one for one in found if one.group.family == "clustered" and one.group.workers == 2)
    assert set(first.group.seconds) == {"full", "mps", *CUTS}
    assert first.group.seconds["mps"] == pytest.approx(0.5 * 1.01)  # the median of three repeats
    assert set(first.features) == set(CUTS)


def test_predictions_that_order_the_choices_are_always_right(drawing: figures.Drawing) -> None:
    rows = drawing.points.set_index("chooser")
    best = rows.loc["Q-Dreamer, micro-benchmarks only"]
    assert (best["groups"], best["circuits"], best["top1"], best["regret_max"]) == (30, 15, 1.0, 1.0)


def test_records_of_other_families_mend_an_executor_that_is_always_mispredicted() -> None:
    off = {"mps": 0.001}
    made = [
        r.model_copy(
            update={
                "prediction": r.prediction.model_copy(
                    update={"value": r.prediction.value * off.get(r.params["executor"], 1.0)}
                )
            }
        )
        for r in records()
        if r.prediction is not None
    ]
    rows = table4.draw(figures.Request(summarize(made), provenance(made), made)).points.set_index("chooser")
    assert rows.loc["Q-Dreamer, micro-benchmarks only", "top1"] < 0.5
    assert rows.loc["Q-Dreamer and records of all other families", "top1"] == 1.0
    assert rows.loc["Q-Dreamer and records of 50% of the circuits", "top1"] == 1.0


def test_no_constant_answer_is_right_more_often_than_the_best_one(drawing: figures.Drawing) -> None:
    rows = drawing.points.set_index("chooser")
    constants = [name for name in rows.index if name.startswith(("never", "always"))]
    best = next(name for name in rows.index if name.startswith("best constant"))
    assert all(rows.loc[name, "top1"] <= rows.loc[best, "top1"] < 1 for name in constants)
    assert rows.loc["always MPS", "regret_max"] > 5


def test_the_power_law_is_judged_on_circuits_it_has_not_seen(drawing: figures.Drawing) -> None:
    rows = drawing.points[drawing.points["chooser"].str.startswith("power law")]
    assert len(rows) == 8  # two task counts; three shares and all other families
    assert (rows["top1"] < 1).all()  # it knows no matrix-product states
    assert set(rows[rows["chooser"].str.contains("other families")]["groups"]) == {30}


def test_published_shares_stand_beside_and_say_so(drawing: figures.Drawing) -> None:
    published = drawing.points[drawing.points["kind"] == "published"]
    assert published["top1"].tolist() == pytest.approx([0.68, 0.773, 0.824])
    assert drawing.table is not None
    assert len(drawing.table.rows) == len(drawing.points)


def test_a_choice_that_ran_out_of_time_counts_with_its_limit() -> None:
    made = [r for r in records() if r.params["family"] == "clustered"]
    slow = [
        r.model_copy(update={"status": "timeout", "metrics": {}, "elapsed_s": 10.0})
        if r.params["executor"] == "mps"
        else r
        for r in made
    ]
    assert all(one.group.seconds["mps"] == 10.0 for one in table4.decisions(slow))


def test_the_papers_protocol_is_the_same_table() -> None:
    way = {"amplitude": "reference"}
    made = [
        r.model_copy(update={"params": {**r.params, "executor": way.get(r.params["executor"], r.params["executor"])}})
        for r in records()
        if r.params["family"] == "clustered" and r.params["executor"] != "mps"
    ]
    request = figures.Request(summarize(made), provenance(made), made)
    assert table4.applies(request.cases)
    rows = table4.draw(request).points.set_index("chooser")
    assert rows.loc["Q-Dreamer, micro-benchmarks only", "top1"] == 1.0
    assert rows.loc["always 2 cuts", "top1"] < 1.0
    assert "always MPS" not in rows.index


def test_a_campaign_of_one_family_is_no_table_4() -> None:
    made = [r for r in records() if r.params["family"] == "random"]
    assert not table4.applies(summarize(made))
