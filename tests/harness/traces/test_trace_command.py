"""``qhpc run --traces`` and ``qhpc trace``, from end to end."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from harness import traces
from harness.store import read_records
from tests.harness.conftest import Qhpc
from tests.harness.traces.test_chrome import validate

Campaign = Callable[..., Path]


@pytest.fixture
def results(tmp_path: Path) -> Path:
    return tmp_path / "results" / "toys"


def test_a_record_points_to_its_trace(qhpc: Qhpc, campaign: Campaign, results: Path) -> None:
    path = campaign(engine="processes")
    assert qhpc("run", path, "--traces").code == 0
    records = read_records(results).records
    assert len(records) == 4
    for record in records:
        timeline = traces.read_timeline(results / record.trace["file"])
        assert timeline.tasks == record.trace["tasks"] == record.params["n_tasks"]
        assert (timeline.origin["key"], timeline.origin["repeat"]) == (record.key, record.repeat)
        assert [(stage.name, pytest.approx(stage.end_s - stage.start_s)) for stage in timeline.stages] == list(
            record.stages_s.items()
        )
        assert all(one.reason for one in timeline.slices)
        assert sum(one.run_s or 0.0 for one in timeline.slices) == pytest.approx(record.trace["run_s_sum"], abs=1e-6)
    assert len(traces.find_traces(results)) == 4


def test_without_the_option_nothing_is_kept(qhpc: Qhpc, campaign: Campaign, results: Path) -> None:
    assert qhpc("run", campaign()).code == 0
    assert not (results / "traces").exists()
    assert "file" not in read_records(results).records[0].trace
    failed = qhpc("trace", results)
    assert (failed.code, "--traces" in failed.err) == (2, True)


def test_failed_repeats_and_warm_ups(qhpc: Qhpc, campaign: Campaign, results: Path) -> None:
    path = campaign(n_tasks=2, repeats=1, warmups=1)
    path.write_text(path.read_text() + 'behaviour = "raise"\n')
    assert qhpc("run", path, "--traces").code == 6
    (file,) = traces.find_traces(results)
    states = {one.state for one in traces.read_timeline(file.path).slices}
    assert "failed" in states
    assert "done" not in states, "the other task may still be with its worker"
    assert qhpc("run", path, "--traces").code == 6
    assert len(traces.find_traces(results)) == 2, "another try has a file of its own"


def test_a_trace_that_cannot_be_written_costs_no_record(qhpc: Qhpc, campaign: Campaign, results: Path) -> None:
    results.mkdir(parents=True)
    (results / "traces").write_text("in the way")
    assert qhpc("run", campaign(), "--traces").code == 0
    for record in read_records(results).records:
        assert (record.status, record.trace["file"], bool(record.trace["file_error"])) == ("ok", None, True)


def test_what_a_killed_run_left_is_removed(qhpc: Qhpc, campaign: Campaign, results: Path) -> None:
    (results / "traces").mkdir(parents=True)
    scratch = results / "traces" / ".0123456789abcdef-0-20260101T000000.000000Z.jsonl.gz.1.tmp"
    scratch.write_bytes(b"half a")
    assert qhpc("run", campaign(), "--traces").code == 0
    assert not scratch.exists()


def test_the_last_trace_is_exported_drawn_and_counted(qhpc: Qhpc, campaign: Campaign, results: Path) -> None:
    assert qhpc("run", campaign(), "--traces").code == 0
    done = qhpc("trace", results.parent)
    assert done.code == 0
    assert "4 traces are there" in done.err
    names = sorted(file.name for file in (results / "figures").iterdir())
    assert [name.split(".", 1)[1] for name in names] == ["pdf", "perfetto.json", "png", "svg"]
    key = read_records(results).records[-1].key
    assert names[0] == f"trace-{key}-1.pdf"
    said = qhpc("trace", results, "--json").json
    (one,) = said["traces"]
    assert (one["key"], one["repeat"], one["tasks"], len(said["others"])) == (key, 1, 3, 3)
    assert one["pilots"][0]["workers"][0]["tasks"] == 3
    validate(traces.chrome_trace(traces.read_timeline(one["trace"])))


def test_traces_are_chosen_by_case_and_repeat(qhpc: Qhpc, campaign: Campaign, results: Path, tmp_path: Path) -> None:
    assert qhpc("run", campaign(), "--traces").code == 0
    key = read_records(results).records[0].key
    for words in (["--case", key[:6]], ["--case", "n_tasks=1"]):
        said = qhpc("trace", results, *words, "--repeat", 0, "--out", tmp_path / "out", "--json").json
        assert [(one["key"], one["repeat"]) for one in said["traces"]] == [(key, 0)]
        assert all(Path(file).parent == tmp_path / "out" for file in said["traces"][0]["files"].values())
    said = qhpc("trace", results, "--all", "--out", tmp_path / "out", "--json").json
    assert len(said["traces"]) == 4


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--case", "zzzz"], "no trace is meant"),
        (["--repeat", "9"], "repeat 0"),
        (["--case", "n_qubits=3"], "no record has it"),
    ],
)
def test_what_is_not_there_is_said_with_what_is(
    qhpc: Qhpc, campaign: Campaign, results: Path, words: list[str], said: str
) -> None:
    assert qhpc("run", campaign(repeats=1), "--traces").code == 0
    done = qhpc("trace", results, *words)
    assert (done.code, done.out) == (2, "")
    assert said in done.err


def test_a_place_that_does_not_exist_and_a_file_that_is_damaged(qhpc: Qhpc, tmp_path: Path) -> None:
    assert qhpc("trace", tmp_path / "nowhere").code == 2
    path = tmp_path / "traces" / "0123456789abcdef-0-20260101T000000.000000Z.jsonl.gz"
    path.parent.mkdir()
    path.write_bytes(b"no gzip")
    done = qhpc("trace", path)
    assert done.code == 2
    assert "not a complete trace file" in done.err
