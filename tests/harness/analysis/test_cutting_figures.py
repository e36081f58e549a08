"""Figures 10 and 11: medians at their cuts and workers, speedups over the uncut circuit, projections that say so."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.provenance import provenance
from harness.record import MetricRecord, PredictionRecord, Record
from harness.report import fig10, fig11, figures
from harness.report.summary import summarize

FULL_S = 80.0
SECONDS = {("reference", 1): 16.0, ("reference", 2): 8.0, ("amplitude", 1): 0.02, ("amplitude", 2): 0.01}


def _record(make_record: Callable[..., Record], executor: str, cuts: int, **case: Any) -> Record:
    seconds, workers = case["seconds"], case.get("workers", 1)
    params = {
        "executor": executor,
        "n_qubits": 28,
        "family": "efficient_su2",
        "statistics": "rows" if executor == "amplitude" else "distinct",
        "shots": 4096,
        "threads": 1,
    }
    numbers = {"cuts": cuts, "published": 12.0, "distinct": 10.0, "standard_error": 0.01}
    times = {"time_to_value_s": seconds, "task_s_sum": 0.75 * seconds, "task_s_longest": seconds / 8}
    record = make_record(
        app="circuit_cutting",
        campaign="figure",
        params={**params, "asked": cuts},
        key=sha256(f"{executor} {cuts} {workers}".encode()).hexdigest()[:16],
        engine="processes",
        repeat=0,
        metrics={
            **{name: MetricRecord(value=value, unit="s", better="lower") for name, value in times.items()},
            **{name: MetricRecord(value=value, unit="1", better="none") for name, value in numbers.items()},
        },
    )
    pool = [{**pilot, "cores_per_node": workers, "nodes": 1} for pilot in record.pool]
    return record.model_copy(update={"pool": pool})


def _request(records: list[Record]) -> figures.Request:
    return figures.Request(summarize(records), provenance(records))


def test_figure_11_divides_the_uncut_time_by_each(make_record: Callable[..., Record], tmp_path: Path) -> None:
    records = [_record(make_record, *case, seconds=seconds) for case, seconds in SECONDS.items()]
    request = _request([*records, _record(make_record, "full", 0, seconds=FULL_S)])
    assert fig11.applies(request.cases)
    assert not fig10.applies(request.cases)
    drawing = fig11.draw(request)
    found = {(row.series, row.cuts): (row.time_s, row.speedup) for row in drawing.points.itertuples()}
    published, ours = "published way (addon, in order)", "amplitudes, drawn as published"
    assert found[published, 2] == (8.0, 10.0)
    assert found[ours, 1] == (0.02, pytest.approx(4000))
    assert found["uncut, state vector", 0] == (80.0, 1.0)
    assert "ran once at 1, 2 cuts" in drawing.caption
    drawing.figure.canvas.draw()
    axes = drawing.figure.axes[0]
    (second,) = axes.child_axes
    here = {s: axes.transData.transform((0, s))[1] for s in (8.0, FULL_S)}
    there = {speedup: second.transData.transform((0, speedup))[1] for speedup in (10.0, 1.0)}
    assert (there[10.0], there[1.0]) == pytest.approx((here[8.0], here[FULL_S]))
    files = figures.write(drawing, tmp_path, request.origin)
    assert {file.suffix for file in files} >= {".png", ".svg", ".pdf", ".csv", ".md", ".tex"}
    assert len(pd.read_csv(tmp_path / "fig11.csv")) == len(drawing.points)


def test_figure_11_shows_what_the_model_said_before_the_runs(make_record: Callable[..., Record]) -> None:
    said = PredictionRecord(model="qdreamer: here", metric="time_to_value_s", value=10.0, low=8.0, high=13.0, unit="s")
    records = [_record(make_record, *case, seconds=seconds) for case, seconds in SECONDS.items()]
    records[0] = records[0].model_copy(update={"prediction": said})
    records.append(_record(make_record, "full", 0, seconds=FULL_S))
    drawing = fig11.draw(figures.Request(summarize(records), provenance(records), records))
    (row,) = drawing.points[drawing.points["kind"] == "projected"].to_dict("records")
    assert (row["cuts"], row["time_s"], row["low_s"], row["high_s"], row["speedup"]) == (1, 10.0, 8.0, 13.0, 8.0)
    assert drawing.table is not None
    assert "published way (addon, in order), model" in drawing.table.columns


def test_figure_10_projects_from_one_worker(make_record: Callable[..., Record]) -> None:
    records = [
        _record(make_record, "reference", 2, seconds=seconds, workers=workers)
        for workers, seconds in ((1, 8.0), (2, 5.0))
    ]
    request = _request(records)
    assert fig10.applies(request.cases)
    points = fig10.draw(request).points
    measured = points[points["kind"] == "measured"].set_index("workers")
    assert (measured.loc[2, "time_s"], measured.loc[2, "speedup"]) == (5.0, 1.6)
    projected = points[points["kind"] == "projected"].set_index("workers")["time_s"]
    assert projected[1] == 8.0
    assert projected[4] == pytest.approx(2.0 + 6.0 / 4)
    assert projected[224] == pytest.approx(2.0 + 1.0)  # the longest task bounds it
