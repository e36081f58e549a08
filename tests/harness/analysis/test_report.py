"""Reports: every number reaches a file with its kind, and the same records give the same bytes."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pandas as pd
import pytest
from matplotlib.collections import LineCollection

from harness.cli import main
from harness.record import MetricRecord
from harness.report import read_campaigns, series, write_report
from harness.report.summary import statistics, summarize
from harness.report.tables import campaign_table, latex, markdown
from qdreamer.models import qpu_duration

FILES = {"fig6.png", "fig6.svg", "fig6.pdf", "fig6.csv", "fig6.json", "cases.md", "cases.tex"}


def reported(store, out):
    (report,) = write_report(read_campaigns(store)[0], out=out)
    return report


def points_of(report, name="fig6") -> pd.DataFrame:
    return pd.read_csv(report.figures[name][3])


@pytest.fixture(name="store", scope="module")
def _store(tmp_path_factory, make_campaign, failed_record, write_store):
    """Figure 6 on three engines in batches of 64, and one case that ran out of time."""
    lost = failed_record("timeout", n_qubits=26)
    return write_store(tmp_path_factory.mktemp("results"), [*make_campaign(widths=(2, 8, 14)), lost])


@pytest.fixture(name="report", scope="module")
def _report(store, tmp_path_factory):
    return reported(store, tmp_path_factory.mktemp("out"))


# ---------------------------------------------------------------- figure 6


def test_every_file_is_written_and_drawn(report) -> None:
    directory = report.figures["fig6"][0].parent
    assert {file.name for file in directory.iterdir()} == FILES
    assert (directory / "fig6.png").read_bytes().startswith(b"\x89PNG")
    assert (directory / "fig6.pdf").read_bytes().startswith(b"%PDF")
    assert ET.parse(directory / "fig6.svg").getroot().tag.endswith("svg")


def test_the_same_records_give_the_same_bytes_whatever_their_order(store, report, tmp_path, write_store) -> None:
    (stored,), _ = read_campaigns(store)
    shuffled = write_store(tmp_path / "shuffled", sorted(stored.records, key=lambda r: (-r.repeat, r.key)))
    again = reported(shuffled, tmp_path / "again")
    first = report.figures["fig6"][0].parent
    second = again.figures["fig6"][0].parent
    assert {f.name: f.read_bytes() for f in second.iterdir()} == {f.name: f.read_bytes() for f in first.iterdir()}


def test_the_points_carry_their_kind_and_the_measured_ones_the_medians(store, report) -> None:
    points = points_of(report)
    assert points["kind"].value_counts().to_dict() == {"measured": 9, "published": 4, "projected": 4}
    (stored,), _ = read_campaigns(store)
    ray = [r for r in stored.records if r.pool[0]["engine"] == "ray" and r.params["n_qubits"] == 14]
    row = points.query("series == 'ray' and n_qubits == 14").iloc[0]
    times = sorted(r.metrics["time_to_value_s"].value for r in ray)
    found = (row["batch_low_s"], row["batch_s"], row["batch_high_s"])
    assert found == pytest.approx((times[0], times[3], times[6]), rel=1e-15)
    assert row["circuit_s"] == pytest.approx(times[3] / 64)
    assert row["repeats"] == 7


def test_the_published_points_are_those_of_the_paper(report) -> None:
    points = points_of(report).query("kind == 'published'")
    assert sorted(points["batch_s"]) == [49, 175.8, 469.7, 4260]
    assert set(points["n_circuits"]) == {1024}


def test_the_projected_line_is_the_duration_law_at_the_campaigns_depth_and_shots(report) -> None:
    points = points_of(report).query("kind == 'projected'")
    expected = qpu_duration.model().predict({"circuits": 1024, "qpus": 256, "shots": 1024, "depth": 20})
    assert list(points["n_qubits"]) == [2, 8, 14, 28]
    assert points["batch_s"].to_list() == pytest.approx([expected.value] * 4)
    assert points["batch_high_s"].to_list() == pytest.approx([expected.high] * 4)


def test_the_caption_says_what_was_measured_where_and_what_was_not(report) -> None:
    sidecar = json.loads(report.figures["fig6"][4].read_text())
    caption = sidecar["caption"]
    for words in (
        "batches of 64 circuits",
        "multiplies them by 1,024",
        "Projected: 1,024 circuits on 256 QPUs",
        "Campaign fig6: 10 cases, 7 repeats each; commit 1a2b3c4d5e; node1",
        "Without a value: 1 timeout",
    ):
        assert words in caption
    assert sidecar["origin"]["statuses"] == {"ok": 63, "timeout": 1}
    assert sidecar["points"] == {"measured": 9, "published": 4, "projected": 4}


def drawn_axes(records):
    from harness.provenance import provenance
    from harness.report import figures

    request = figures.Request(summarize(records), provenance(records))
    (drawing,) = figures.draw(request)
    axes = drawing.figure.axes[0]
    return drawing, [text.get_text() for text in axes.texts], axes


def test_batches_of_the_published_size_are_drawn_as_they_are(make_campaign) -> None:
    drawing, texts, axes = drawn_axes(make_campaign(widths=(2, 8), circuits=lambda _: 1024))
    assert "time for the batch of 1,024 circuits" in texts
    assert not axes.child_axes
    assert "multiplies" not in drawing.caption


def test_other_batches_are_drawn_per_circuit_with_an_axis_marked_projected(make_campaign) -> None:
    drawing, texts, axes = drawn_axes(make_campaign(widths=(2, 8), circuits=lambda n: 1024 if n < 4 else 64))
    assert "time per circuit (batch ÷ circuits)" in texts
    assert "× 1,024 (projected)" in texts
    assert len(axes.child_axes) == 1
    assert "batches of 64 to 1,024 circuits" in drawing.caption


def test_what_differs_at_one_width_makes_series_and_what_follows_the_width_does_not(make_campaign) -> None:
    small, large = (make_campaign(widths=(w,), engines=("ray",), threads=t) for w, t in ((4, 1), (20, 2)))
    drawing, *_ = drawn_axes([*small, *large])
    assert set(drawing.points.query("kind == 'measured'")["series"]) == {"ray"}
    assert "with the width change threads 1 to 2" in drawing.caption
    both = [make_campaign(widths=(4, 8), engines=("ray",), method=m) for m in ("statevector", "stabilizer")]
    drawing, *_ = drawn_axes(sum(both, []))
    assert set(drawing.points.query("kind == 'measured'")["series"]) == {"statevector", "stabilizer"}


def test_more_series_than_can_be_told_apart_are_drawn_as_crowds_and_named_in_the_points(make_campaign) -> None:
    methods = [f"method-{number:02}" for number in range(series.MANY)]
    few = {"widths": (2, 8), "engines": ("ray", "inline"), "repeats": 1}
    drawing, _, axes = drawn_axes([r for name in methods for r in make_campaign(method=name, **few)])
    assert [len(lines.get_paths()) for lines in axes.collections if isinstance(lines, LineCollection)] == [16, 16]
    assert "32 series without their intervals" in drawing.caption
    assert drawing.points.query("kind == 'measured'")["series"].nunique() == 32


def test_a_parameter_that_only_one_family_has_names_no_series(make_campaign) -> None:
    few = {"widths": (2, 8), "engines": ("ray",)}
    drawing, *_ = drawn_axes([*make_campaign(family="ghz", depth=None, **few), *make_campaign(**few)])
    assert set(drawing.points.query("kind == 'measured'")["series"]) == {"ghz", "random"}
    assert "with the width" not in drawing.caption


def test_exact_values_on_the_qpu_are_said_to_be_assumed_shots(make_campaign) -> None:
    drawing, *_ = drawn_axes(make_campaign(widths=(2, 8), shots=0))
    assert "4,096 shots, assumed" in drawing.caption


def test_circuits_without_a_depth_get_no_projected_line(make_campaign) -> None:
    drawing, *_ = drawn_axes(make_campaign(widths=(2, 8), family="ghz", depth=None))
    assert set(drawing.points["kind"]) == {"measured", "published"}


# ---------------------------------------------------------------- the general figure


def rates(make_record, **params):
    metrics = {"throughput": MetricRecord(value=100.0 * params.get("n_tasks", 1), unit="tasks/s", better="higher")}
    return [make_record(app="dispatch", campaign="table3", repeat=r, metrics=metrics, **params) for r in range(7)]


def test_any_campaign_gets_a_figure_over_its_longest_numeric_axis(make_record) -> None:
    records = [r for n in (256, 512, 1024) for e in ("ray", "inline") for r in rates(make_record, n_tasks=n, engine=e)]
    drawing, texts, axes = drawn_axes(records)
    assert drawing.name == "dispatch"
    assert axes.get_xlabel() == "n_tasks"
    assert "throughput / tasks/s (higher is better)" in texts
    assert sorted(drawing.points["median"]) == [25600.0] * 2 + [51200.0] * 2 + [102400.0] * 2


def test_projected_cases_of_any_campaign_do_not_look_measured(make_record) -> None:
    def timed(kind: str) -> list:
        return [make_record(1.0 * n, app="other", n_tasks=n, kind=kind, repeat=r) for n in (1, 2) for r in range(7)]

    drawing, _, axes = drawn_axes([*timed("measured"), *timed("projected")])
    assert drawing.points["kind"].value_counts().to_dict() == {"measured": 2, "projected": 2}
    lines = {(line.get_linestyle(), line.get_marker()) for line in axes.lines if line.get_marker() != "_"}
    assert lines == {("-", "o"), ("--", "None")}  # matplotlib calls any pattern of dots and dashes "--"
    assert [bool(band.get_hatch()) for band in axes.collections if band.get_hatch() is not None] == [True]


def test_cases_without_a_numeric_axis_stand_one_below_the_other(make_record) -> None:
    records = [r for family in ("ghz", "qft") for r in rates(make_record, family=family)]
    _, _, axes = drawn_axes(records)
    assert [label.get_text() for label in axes.get_yticklabels()] == ["ghz", "qft"]


# ---------------------------------------------------------------- tables and numbers


def test_the_table_has_a_row_for_every_case_also_for_the_one_without_a_value(store) -> None:
    (stored,), _ = read_campaigns(store)
    table = campaign_table("fig6", summarize(stored.records), "Origin_1 & 2 %.")
    assert table.columns[:3] == ("n_qubits", "pilots", "n")
    assert len(table.rows) == 10
    assert table.rows[-1] == ("26", "processes", "0", "–", "–", "–", "–", "1 unchecked", "1 timeout")
    text = markdown(table)
    assert len({line.count("|") for line in text.splitlines() if line.startswith("|")}) == 1
    assert r"n\_qubits & pilots & n & median" in latex(table)
    assert r"Origin\_1 \& 2 \%." in latex(table)


def test_a_time_with_a_wrong_answer_is_no_number(make_record) -> None:
    wrong = make_record(99.0, repeat=7, status="check_failed")
    (case,) = summarize([*(make_record(1.0, repeat=r) for r in range(7)), wrong])
    assert (case.main.n, case.main.high, case.statuses) == (7, 1.0, {"check_failed": 1, "ok": 7})


def test_repeats_that_disagree_are_said_in_the_table(make_record) -> None:
    records = [make_record(repeat=r, digest=str(r % 2)) for r in range(7)]
    assert "7 pass (answers differ)" in campaign_table("x", summarize(records)).rows[0]


@pytest.mark.parametrize(("n", "low", "high"), [(1, 0, 0), (5, 0, 4), (8, 0, 7), (9, 1, 7), (20, 5, 14)])
def test_the_interval_of_the_median_is_the_shortest_that_holds_95_percent(n: int, low: int, high: int) -> None:
    found = statistics([range(n)])[0]
    assert (found.low, found.high) == (low, high)


# ---------------------------------------------------------------- the command


def qhpc(capsys, *arguments) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main([str(a) for a in arguments])
    captured = capsys.readouterr()
    return int(ended.value.code or 0), captured.out, captured.err


def test_the_command_prints_the_table_and_where_the_figure_is(store, tmp_path, capsys) -> None:
    code, out, err = qhpc(capsys, "report", store, "--out", tmp_path)
    assert (code, err) == (0, "")
    assert "n_qubits" in out
    assert f"figure: {tmp_path / 'fig6' / 'fig6.png'}" in out


def test_json_lists_files_and_cases_and_nothing_else_is_printed(store, tmp_path, capsys) -> None:
    code, out, err = qhpc(capsys, "report", store, "--out", tmp_path, "--json")
    (campaign,) = json.loads(out)["campaigns"]
    assert (code, err) == (0, "")
    assert [file.rpartition(".")[2] for file in campaign["figures"]["fig6"]] == ["png", "svg", "pdf", "csv", "json"]
    assert len(campaign["cases"]) == 10


def test_an_empty_store_is_one_clear_line_and_6(tmp_path, capsys) -> None:
    code, out, err = qhpc(capsys, "report", tmp_path)
    assert (code, out) == (6, "")
    assert err == f"error: {tmp_path}: no records there; `qhpc run` writes them\n"


def test_a_figure_that_fits_no_campaign_is_6_and_an_unknown_one_2(make_record, write_store, tmp_path, capsys) -> None:
    store = write_store(tmp_path / "results", rates(make_record))
    assert qhpc(capsys, "report", store, "--figure", "fig6")[0] == 6
    code, _, err = qhpc(capsys, "report", store, "--figure", "fig66")
    assert code == 2
    assert "there are: " in err
    assert "fig6" in err.partition("there are: ")[2]


def test_a_campaign_that_only_failed_has_a_table_and_no_figure(failed_record, write_store, tmp_path, capsys) -> None:
    store = write_store(tmp_path / "results", [failed_record(repeat=r) for r in range(3)])
    code, out, _ = qhpc(capsys, "report", store)
    assert code == 0
    assert "3 failed" in out
    assert "figure:" not in out
