"""Table 3: rates from medians, beside the published row, as points, table and picture."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from harness.provenance import provenance
from harness.record import MetricRecord, Record
from harness.report import figures, table3
from harness.report.published import published
from harness.report.summary import summarize

SECONDS = {256: 0.2, 1024: 0.5, 100_000: 0.25}


def _records(make_record: Callable[..., Record], **params: Any) -> list[Record]:
    return [
        make_record(
            app="dispatch",
            campaign="table3",
            params={"task": task, "n_tasks": n, "measure": "throughput", "seed": 3, **params},
            key=sha256(f"{task} {engine} {n} {params}".encode()).hexdigest()[:16],
            engine=engine,
            repeat=repeat,
            metrics={
                "time_to_value_s": MetricRecord(value=seconds * (1 + 0.1 * repeat), unit="s", better="lower"),
                "throughput": MetricRecord(value=n / seconds, unit="tasks/s", better="higher"),
            },
        )
        for engine in ("processes", "ray")
        for task in ("noop", "sleep")
        for n, seconds in SECONDS.items()
        if task == "noop" or n < 10_000
        for repeat in range(3)
    ]


@pytest.fixture
def drawing(make_record: Callable[..., Record]) -> figures.Drawing:
    records = _records(make_record)
    request = figures.Request(summarize(records), provenance(records))
    assert table3.applies(request.cases)
    return table3.draw(request)


def test_rates_are_tasks_over_the_median_and_their_range_is_that_of_the_times(drawing: figures.Drawing) -> None:
    points = drawing.points[drawing.points["kind"] == "measured"]
    assert len(points) == 10
    for row in points.itertuples():
        seconds = SECONDS[int(row.n_tasks)]
        assert row.runtime_s == pytest.approx(1.1 * seconds)
        assert row.tasks_per_s == pytest.approx(row.n_tasks / row.runtime_s)
        assert row.low_tasks_per_s == pytest.approx(row.n_tasks / (1.2 * seconds))
        assert row.high_tasks_per_s == pytest.approx(row.n_tasks / seconds)
    assert set(points["series"]) == {
        f"{engine}, {task}" for engine in ("processes", "ray") for task in ("noop", "sleep")
    }


def test_the_published_row_is_the_paper_s(drawing: figures.Drawing) -> None:
    rows = drawing.points[drawing.points["kind"] == "published"]
    paper = published("table3")
    assert list(zip(rows["n_tasks"], rows["runtime_s"], rows["tasks_per_s"], strict=True)) == [
        tuple(row) for row in paper.itertuples(index=False)
    ]


def test_the_table_has_a_row_for_each_number_and_compares_only_sleeps(drawing: figures.Drawing) -> None:
    assert drawing.table is not None
    rows = {row[0]: dict(zip(drawing.table.columns, row, strict=True)) for row in drawing.table.rows}
    assert list(rows) == ["256", "512", "1,024", "2,048", "4,096", "8,192", "100,000"]
    factor = "slowest sleep ÷ published"
    assert float(rows["256"][factor]) == pytest.approx(256 / 0.22 / 418.1, abs=0.05)
    assert rows["512"][factor] == rows["100,000"][factor] == "–"
    assert rows["100,000"]["ray, noop"] == f"{100_000 / 0.275:,.0f}"
    assert rows["512"]["ray, noop"] == "–"


def test_without_sleeps_nothing_is_compared(drawing: figures.Drawing) -> None:
    noops = drawing.points[drawing.points["task"] == "noop"]
    assert "slowest sleep ÷ published" not in table3.table(noops, "").columns


def test_all_files_are_written(drawing: figures.Drawing, make_record: Callable[..., Record], tmp_path: Path) -> None:
    files = figures.write(drawing, tmp_path, provenance(_records(make_record)))
    assert {file.name for file in files} == {
        f"table3.{end}" for end in ("png", "svg", "pdf", "csv", "json", "md", "tex")
    }
    assert len(pd.read_csv(tmp_path / "table3.csv")) == len(drawing.points)
    assert "|     256 |" in (tmp_path / "table3.md").read_text("utf-8")
    assert r"\toprule" in (tmp_path / "table3.tex").read_text("utf-8")


def test_round_trips_and_other_apps_are_no_table_3(make_record: Callable[..., Record]) -> None:
    assert not table3.applies(summarize(_records(make_record, measure="round_trip")))
    assert not table3.applies(summarize([make_record()]))
