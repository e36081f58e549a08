"""Figures 8 and 9 and the pipeline's chart: right points, honest kinds, verdicts that can fall either way."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from harness.provenance import provenance
from harness.record import MetricRecord, Record
from harness.report import fig8, fig9, figures, pipeline, training
from harness.report.summary import summarize

_UNITS = {"throughput": "images/s", "fidelity_mean": "1"}


def _record(
    make_record: Callable[..., Record], app: str, params: Mapping[str, Any], values: Mapping[str, float], **rest: Any
) -> Record:
    metrics = {
        name: MetricRecord(value=value, unit=_UNITS.get(name, "s"), better="lower") for name, value in values.items()
    }
    key = sha256(f"{app} {sorted(params.items())} {rest.get('pool')}".encode()).hexdigest()[:16]
    record = make_record(app=app, campaign=app, metrics=metrics, key=key, digest="same", **rest)
    return record.model_copy(update={"params": dict(params)})


def _request(records: list[Record]) -> figures.Request:
    return figures.Request(summarize(records), provenance(records))


def _pool(cores: int) -> list[dict[str, Any]]:
    return [{"name": f"{cores}", "engine": "processes", "launcher": "local", "nodes": 1, "cores_per_node": cores}]


# ---------------------------------------------------------------- Figure 8


@pytest.fixture
def compression(make_record: Callable[..., Record]) -> figures.Drawing:
    records = [
        _record(
            make_record,
            "qml_compression",
            {"n_images": 32, "refinement": "lbfgs"},
            {
                "time_to_value_s": 32 / rate,
                "throughput": rate,
                "sweep_per_image_s": 0.15,
                "refine_per_image_s": 0.1,
                "image_max_s": 0.5,
            },
            pool=_pool(cores),
            repeat=repeat,
        )
        for cores, rate in ((1, 4.0), (2, 7.6))
        for repeat in range(3)
    ]
    request = _request(records)
    assert fig8.applies(request.cases)
    assert not fig8.applies([case for case in request.cases if case.pool[0]["cores_per_node"] == 1])
    return fig8.draw(request)


def test_efficiency_is_measured_against_one_worker(compression: figures.Drawing) -> None:
    points = compression.points
    measured = points[(points["kind"] == "measured") & (points["quantity"] == "efficiency")]
    assert dict(zip(measured["workers"], measured["value"], strict=True)) == pytest.approx({1: 1.0, 2: 0.95})


def test_more_workers_are_projected_by_list_scheduling_and_marked(compression: figures.Drawing) -> None:
    points = compression.points
    rates = points[(points["kind"] == "projected") & (points["quantity"] == "images_per_s")]
    assert set(rates["workers"]).isdisjoint({1, 2})
    row = rates[rates["workers"] == 1024].iloc[0]
    assert row["high"] == pytest.approx(1024 / 0.25)
    assert row["value"] == pytest.approx(60_000 / (60_000 * 0.25 / 1024 + 0.5 * 1023 / 1024))


def test_published_numbers_are_the_raw_ones(compression: figures.Drawing) -> None:
    points = compression.points
    paper = points[(points["kind"] == "published") & (points["quantity"] == "images_per_s")]
    nodes = paper[paper["series"] == "paper, by nodes"].set_index("workers")["value"]
    assert nodes[32 * 256] == pytest.approx(60_000 / ((1645.6 + 1674.3 + 1501.4) / 3))
    split = points[(points["kind"] == "published") & (points["workers"] == 128)].set_index("quantity")["value"]
    assert (split["sweep_s"], split["refine_s"]) == (15.66, 38.44)


# ---------------------------------------------------------------- Figure 9


def _steps(make_record: Callable[..., Record], times: Mapping[tuple[str, str], Mapping[int, float]]) -> figures.Drawing:
    records = [
        _record(
            make_record,
            "qml_classifier",
            {"task": "step", "mode": mode, "precision": precision, "batch_size": batch, "steps": 3},
            {"time_to_value_s": 1.0, "step_s": seconds},
        )
        for (mode, precision), batches in times.items()
        for batch, seconds in batches.items()
    ]
    request = _request(records)
    assert fig9.applies(request.cases)
    return fig9.draw(request)


def _verdicts(drawing: figures.Drawing) -> dict[str, str]:
    assert drawing.table is not None
    return {row[0]: row[3] for row in drawing.table.rows}


def test_the_claims_are_weighed_by_what_was_measured(make_record: Callable[..., Record]) -> None:
    drawing = _steps(
        make_record,
        {
            ("sequential", "double"): {2: 0.8, 16: 6.4},
            ("jit", "double"): {2: 0.006, 16: 0.05, 64: 0.2},
            ("vmap", "double"): {2: 0.9, 64: 1.0},
            ("vmap_jit", "double"): {2: 0.01, 64: 0.24},
            ("direct", "double"): {2: 0.002, 64: 0.04},
            ("direct", "single"): {2: 0.001, 64: 0.03},
        },
    )
    found = list(_verdicts(drawing).values())
    assert found == ["holds", "holds", "does not hold", "holds", "does not hold"]
    assert drawing.table is not None
    assert drawing.table.rows[0][2] == "128.0 x at batch 16"
    assert drawing.table.rows[0][1] == "126.6 x at batch 64"
    points = drawing.points
    assert len(points[points["kind"] == "published"]) == 24
    assert set(points[points["kind"] == "measured"]["series"]) >= {"direct", "direct (complex64)", "vmap_jit"}


def test_what_was_not_measured_gets_no_verdict(make_record: Callable[..., Record]) -> None:
    drawing = _steps(make_record, {("jit", "double"): {2: 0.1, 4: 0.2}, ("sequential", "double"): {2: 4.0}})
    assert list(_verdicts(drawing).values()) == ["roughly", *["not measured"] * 4]


# ---------------------------------------------------------------- the pipeline


def _pipeline(make_record: Callable[..., Record], digests: tuple[str, str]) -> figures.Drawing:
    ends = {
        "encode": (0.0, 1.0),
        "compress": (1.0, 8.0),
        "train": (8.0, 9.5),
        "evaluate": (9.5, 10.0),
        "wide": (1.0, 8.0),
    }
    values = {f"{row}_{end}_s": ends[row][place] for row in ends for place, end in enumerate(("start", "end"))}
    rest = {"time_to_value_s": 10.0, "core_seconds": 17.0, "core_seconds_saved": 3.0, "core_seconds_busy": 15.0}
    shares = {"test_accuracy": 0.5, "test_accuracy_low": 0.4, "test_accuracy_high": 0.6}
    baselines = {"baseline_colour_accuracy": 0.3, "baseline_pca_accuracy": 0.4}
    records = [
        _record(
            make_record,
            "qml_pipeline",
            {"n_train": 8, "n_test": 4, "schedule": schedule},
            {**values, **rest, **shares, **baselines},
        ).model_copy(update={"digest": digest})
        for schedule, digest in zip(("staged", "streaming"), digests, strict=True)
    ]
    request = _request(records)
    assert pipeline.applies(request.cases)
    return pipeline.draw(request)


def test_the_chart_shows_stages_and_the_pilot_of_each_case(make_record: Callable[..., Record]) -> None:
    drawing = _pipeline(make_record, ("a", "a"))
    assert len(drawing.points) == 10
    wide = drawing.points[drawing.points["row"] == "wide"]
    assert (wide["start_s"] == 1).all()
    assert (wide["end_s"] == 8).all()
    assert "the same answers, to the last bit" in drawing.caption
    assert drawing.table is not None
    assert drawing.table.rows[0][1:6] == ("10.0 s", "17.0", "3.0", "15.0", "0.500 (0.40 – 0.60)")


def test_the_chart_says_when_answers_differ(make_record: Callable[..., Record]) -> None:
    assert "Answers differ between cases" in _pipeline(make_record, ("a", "b")).caption


def test_all_three_are_written_with_points_and_origin(
    compression: figures.Drawing, make_record: Callable[..., Record], tmp_path: Path
) -> None:
    for drawing in (compression, _pipeline(make_record, ("a", "a"))):
        origin = provenance([make_record()])
        files = figures.write(drawing, tmp_path, origin)
        assert all(file.stat().st_size > 500 for file in files)
        assert {file.suffix for file in files} >= {".png", ".svg", ".pdf", ".csv", ".json"}


# ---------------------------------------------------------------- training


def test_curves_have_a_point_for_each_epoch_and_the_test_accuracy(make_record: Callable[..., Record]) -> None:
    curve = {
        f"{name}_epoch_{epoch}": value / epoch for name, value in (("loss", 2.0), ("accuracy", 0.5)) for epoch in (1, 2)
    }
    shares = {"time_to_value_s": 1.0, "test_accuracy": 0.4, "test_accuracy_low": 0.3, "test_accuracy_high": 0.5}
    params = {"task": "train", "epochs": 2}
    request = _request([_record(make_record, "qml_classifier", params, {**curve, **shares})])
    assert training.applies(request.cases)
    drawing = training.draw(request)
    losses = drawing.points[drawing.points["quantity"] == "loss"].set_index("epoch")["value"]
    assert dict(losses) == {1: 2.0, 2: 1.0}
    assert "0.400 (0.30 to 0.50)" in drawing.caption
