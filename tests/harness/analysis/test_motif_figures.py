"""Figures of the motifs beyond the paper's: which campaign they fit, and that their points are the records' numbers."""

from __future__ import annotations

from typing import Any

import pytest

from harness.report import barrier, coupling, generative, mitigation, staleness
from harness.report.motifs import motif_table
from harness.report.summary import CaseSummary, Statistics, statistics
from miniapps import load

from .conftest import make_record


def _case(app: str, metrics: dict[str, float], **params: Any) -> CaseSummary:
    found: dict[str, Statistics] = {name: statistics([[value]])[0] for name, value in metrics.items()}
    return CaseSummary(
        key=str(abs(hash((app, str(params))))),
        campaign="c",
        app=app,
        params={"problem": "h2", "slow_devices": 0, **params},
        pool=[{"name": "p", "engine": "processes"}],
        kind="measured",
        metric="time_to_value_s",
        unit="s",
        better="lower",
        main=found.get("time_to_value_s"),
        rate=None,
        rate_unit="",
        statuses={"ok": 1},
        checks={"pass": 1},
        digests=("d",),
        metrics=found,
    )


class _Origin:
    @staticmethod
    def sentence() -> str:
        return "Somewhere."


class _Request:
    def __init__(self, cases: list[CaseSummary]) -> None:
        self.cases, self.origin = cases, _Origin()


NEAR = _case(
    "vqa_sequential",
    {"throughput": 100.0, "coupling_per_evaluation_s": 0.002, "evaluations": 5},
    placement="colocated",
    queue_s=0.0,
)
FAR = _case(
    "vqa_sequential",
    {"throughput": 10.0, "coupling_per_evaluation_s": 0.03, "evaluations": 5},
    placement="queued",
    queue_s=0.05,
)
EVEN, LATE = (
    _case(
        "vqa_parallel",
        {"idle_share": idle, "time_to_value_s": 1.0, "iterations": 10, "time_to_target_s": 0.5},
        balance=balance,
    )
    for balance, idle in (("even", 0.6), ("late", 0.1))
)
SEARCHES = [
    _case(
        "generative",
        {
            "error": error / 8,
            "control_error": 0.04,
            **{f"circuits_at_{k}": 100 * k for k in range(1, 9)},
            **{f"error_at_{k}": error / k for k in range(1, 9)},
            **{f"control_error_at_{k}": 0.04 for k in range(1, 9)},
            **{f"{role}idle_share": 0.5 for role in ("", "trainer_", "evaluator_")},
        },
        model="gqe",
        exchange="synchronous",
        circuits=800,
        seed=seed,
    )
    for seed, error in enumerate((0.08, 0.16, 0.4))
]
FREE = _case("vqa_asynchronous", {"time_to_target_s": 0.2}, mode="gradient")

PLAIN, EXTRAPOLATED = (
    _case(
        "error_mitigation",
        {
            "error_before": 0.1,
            "error_after": after,
            "standard_error": 0.001,
            "sampling_overhead": cost,
            "throughput": 9,
        },
        technique=technique,
        device="simulator",
        shots=100,
    )
    for technique, after, cost in (("none", 0.1, 1.0), ("zne", 0.01, 12.0))
)


def test_an_evaluation_is_divided_without_rest() -> None:
    drawing = coupling.draw(_Request([NEAR, FAR]))  # type: ignore[arg-type]  # only what is read
    near, far = drawing.points.to_dict("records")
    assert [near[name] for name in ("quantum_ms", "coupling_ms", "queue_ms")] == pytest.approx([8, 2, 0])
    assert [far[name] for name in ("quantum_ms", "coupling_ms", "queue_ms")] == pytest.approx([20, 30, 50])
    assert near["label"] != far["label"]


def test_an_iteration_is_busy_and_idle() -> None:
    drawing = barrier.draw(_Request([EVEN, LATE]))  # type: ignore[arg-type]  # only what is read
    even, late = drawing.points.to_dict("records")
    assert (even["busy_ms"], even["idle_ms"]) == pytest.approx((40, 60))
    assert (late["busy_ms"], late["idle_ms"]) == pytest.approx((90, 10))


def test_time_to_target_stands_beside_the_barrier() -> None:
    drawing = staleness.draw(_Request([FREE, EVEN, LATE]))  # type: ignore[arg-type]  # only what is read
    assert sorted(drawing.points["target_s"]) == pytest.approx([0.2, 0.5, 0.5])
    assert set(drawing.points["series"]) == {"no barrier (C.4)", "barrier (C.3)"}


def test_an_error_is_shown_before_and_after_with_its_cost() -> None:
    drawing = mitigation.draw(_Request([EXTRAPOLATED, PLAIN]))  # type: ignore[arg-type]  # only what is read
    plain, extrapolated = drawing.points.to_dict("records")
    assert (plain["label"], extrapolated["label"]) == ("none (1.0 × shots)", "zne (12.0 × shots)")
    assert (extrapolated["before"], extrapolated["after"], extrapolated["standard_error"]) == (0.1, 0.01, 0.001)


def test_searches_are_shown_over_their_seeds_beside_the_control() -> None:
    drawing = generative.draw(_Request(SEARCHES))  # type: ignore[arg-type]  # only what is read
    curve = drawing.points[drawing.points["panel"] == "curve"]
    learnt = curve[curve["series"] == "learnt"]
    assert list(learnt["x"]) == [100 * k for k in range(1, 9)]
    assert learnt.iloc[-1][["value", "low", "high", "seeds"]].tolist() == pytest.approx([20, 10, 50, 3])
    assert set(curve[curve["series"] != "learnt"]["value"]) == {40.0}
    assert set(drawing.points[drawing.points["panel"] == "idle"]["value"]) == {0.5}
    assert "better for 2 of 3" in drawing.caption


def test_each_figure_fits_its_own_campaign_only() -> None:
    assert coupling.applies([NEAR, FAR])
    assert barrier.applies([EVEN, LATE])
    assert staleness.applies([FREE, EVEN])
    assert not coupling.applies([NEAR, EVEN])
    assert not barrier.applies([FREE, EVEN])
    assert not staleness.applies([EVEN, LATE])
    assert not staleness.applies([])
    assert mitigation.applies([PLAIN])
    assert not mitigation.applies([PLAIN, EVEN])
    assert generative.applies(SEARCHES)
    assert not generative.applies([*SEARCHES, FREE])


def test_what_motifs_asked_of_the_runtime_stands_beside_what_their_cards_declare() -> None:
    trace = {"tasks": 4, "messages": 2.0, "workers": {"p/0": 3, "p/1": 1}, "run_s_sum": 3.0, "run_s_median": 0.5}
    records = [
        make_record(2.0, repeat=repeat, trace=trace | {"wait_s_median": 0.001}, **about)
        for repeat in range(3)
        for about in ({}, {"app": "vqa_sequential", "key": "0" * 16})
    ]
    apps = {"circuit_execution": load("circuit_execution")}
    found = motif_table("c", records, apps, "Somewhere.")
    assert found is not None
    rows = {row[1]: dict(zip(found.columns, row, strict=True)) for row in found.rows}
    here = rows["circuit_execution"]
    assert here["motif"] == "B.1 Circuit Execution"
    assert here["interaction (declared)"] == apps["circuit_execution"].card.interaction
    assert [here[name] for name in ("tasks", "messages", "task", "all tasks", "queued", "workers used", "idle")] == [
        *("4", "2", "500 ms", "3.00 s", "1.00 ms", "2", "25%")
    ]
    assert rows["vqa_sequential"]["motif"] == "–"
    assert motif_table("c", [record for record in records if record.app != "vqa_sequential"], apps, "") is None
