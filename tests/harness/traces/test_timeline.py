"""From traces to a timeline, and to a file and back: nothing is lost but what is said to be."""

from __future__ import annotations

import gzip
import json
import math
import os
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import traces
from harness.store import StoreError
from pilot_quantum import RunTrace
from tests.harness.traces.examples import START_S, busy_run, gang, lost_then_done, run, task

NAME = "0123456789abcdef-3-20261124T120000.000000Z.jsonl.gz"


def test_times_are_relative_to_the_start_of_the_run() -> None:
    timeline = traces.timeline_of(run(task(started_s=1.0, ended_s=2.5)), key="k")
    (one,) = timeline.slices
    assert (one.submitted_s, one.dispatched_s, one.started_s, one.ended_s) == (0.0, 0.5, 1.0, 2.5)
    assert (one.run_s, one.wait_s, timeline.end_s, timeline.origin) == (1.5, 1.0, 6.0, {"key": "k"})
    assert timeline.pilots[0].requested_s == -3.0
    assert timeline.stages[0].start_s == pytest.approx(0.2)


def test_attempts_and_ranks_have_slices_of_their_own() -> None:
    timeline = traces.timeline_of(run(lost_then_done(), gang()))
    found = [(s.task, s.attempt, s.worker, s.rank, s.state) for s in timeline.slices]
    assert found == [
        (7, 1, 0, None, "lost"),
        (9, 1, 0, 0, "done"),
        (7, 2, 1, None, "done"),
        (9, 1, 1, 1, "done"),
    ]
    assert timeline.tasks == 2


def test_a_worker_on_another_host_has_its_own_zero_and_no_wait() -> None:
    far = [task(n, host="node", started_s=9_000.0 + n, ended_s=9_000.5 + n) for n in range(3)]
    timeline = traces.timeline_of(run(*far))
    assert [(s.started_s, s.ended_s, s.wait_s) for s in timeline.slices] == [
        (0.0, 0.5, None),
        (1.0, 1.5, None),
        (2.0, 2.5, None),
    ]


@given(tasks=st.integers(1, 400), workers=st.integers(1, 4), packed=st.integers(1, 9), limit=st.integers(8, 500))
def test_putting_tasks_together_keeps_every_sum(tasks: int, workers: int, packed: int, limit: int) -> None:
    made = busy_run(tasks=tasks, workers=workers, packed=packed)
    timeline = traces.timeline_of(made, max_slices=limit)
    assert sum(one.tasks for one in timeline.slices) == tasks == timeline.tasks
    several = any(part.function == "several" for part in timeline.slices)  # then only the sum of a worker is kept
    totals: dict[tuple[object, ...], float] = defaultdict(float)
    for one in made.tasks:
        totals[one.pilot, one.worker, "" if several else one.function] += one.run_s or 0.0
    kept: dict[tuple[object, ...], float] = defaultdict(float)
    for part in timeline.slices:
        kept[part.pilot, part.worker, "" if several else part.function] += part.run_s or 0.0
    assert kept == pytest.approx(totals)
    assert len(timeline.slices) <= 2 * limit + 4
    assert sum(one.messages for one in timeline.slices) == pytest.approx(-(-tasks // packed))
    assert timeline.tasks_per_slice <= -(-tasks // limit)


def test_what_went_wrong_stands_alone() -> None:
    well = [task(n, started_s=n * 0.1, ended_s=n * 0.1 + 0.05) for n in range(40)]
    ill = task(50, state="failed", error="ValueError", started_s=1.02, ended_s=1.03)
    timeline = traces.timeline_of(run(*well, ill, lost_then_done(), gang()), max_slices=15)
    assert {(s.state, s.tasks) for s in timeline.slices if s.state != "done"} == {("failed", 1), ("lost", 1)}
    assert max(one.tasks for one in timeline.slices) > 1


def test_the_number_of_slices_is_bounded_whatever_happens() -> None:
    turns = [
        task(n, function=f"f{n % 2}", state=("done", "failed")[n % 3 == 0], started_s=n * 1.0, ended_s=n + 0.5)
        for n in range(500)
    ]
    timeline = traces.timeline_of(run(*turns), max_slices=20)
    assert len(timeline.slices) <= 2 * 20
    assert sum(one.run_s or 0.0 for one in timeline.slices) == pytest.approx(250.0)
    assert {(one.function, one.state) for one in timeline.slices} == {("several", "several")}


def test_a_file_gives_back_the_timeline_to_the_nanosecond(tmp_path: Path) -> None:
    made = busy_run(tasks=300, workers=3, pilots=2, offset_s=77.0)
    timeline = traces.timeline_of(RunTrace((*made.tasks, lost_then_done(), gang()), made.pilots), params={"n": [1]})
    back = traces.read_timeline(traces.write_timeline(timeline, tmp_path / "traces" / NAME))
    assert (back.origin, back.tasks, back.pilots, back.end_s) == (
        {"params": {"n": [1]}},
        302,
        timeline.pilots,
        timeline.end_s,
    )
    for old, new in zip(timeline.slices, back.slices, strict=True):
        for name in old.__dataclass_fields__:
            a, b = getattr(old, name), getattr(new, name)
            assert a == b or math.isclose(a, b, abs_tol=1e-9), name


def test_a_file_is_lines_of_strict_json_with_named_columns(tmp_path: Path) -> None:
    """What results/README.md promises to whoever reads it without this package."""
    path = traces.write_timeline(traces.timeline_of(run(task(), lost_then_done())), tmp_path / "traces" / NAME)
    header, block, end = (json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines())
    assert (header["format"], header["tasks"], end) == (2, 2, {"slices": 3})
    assert [header["texts"][number] for number in block["state"]] == ["lost", "done", "done"]
    assert block["started_ns"] == [None, 1_000_000_000, 2_000_000_000]
    readme = (Path(__file__).parents[3] / "results" / "README.md").read_text("utf-8")
    assert [name for name in (*header, *block) if f"`{name}`" not in readme] == []


def test_equal_timelines_give_equal_bytes(tmp_path: Path) -> None:
    timeline = traces.timeline_of(busy_run(tasks=50, workers=2))
    first, second = (traces.write_timeline(timeline, tmp_path / name / NAME) for name in "ab")
    assert first.read_bytes() == second.read_bytes()


def test_a_name_appears_only_with_the_complete_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever kills the process before the rename leaves a scratch file, which no reader takes for a trace."""
    path, real, seen = tmp_path / "traces" / NAME, os.fsync, []

    def watched(handle: int) -> None:
        seen.append((path.exists(), traces.find_traces(tmp_path), len(list(path.parent.iterdir()))))
        real(handle)

    monkeypatch.setattr(os, "fsync", watched)
    traces.write_timeline(traces.timeline_of(run(task())), path)
    assert seen == [(False, [], 1)]
    assert [(file.key, file.repeat) for file in traces.find_traces(tmp_path)] == [("0123456789abcdef", 3)]


def test_a_full_disk_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        traces.write_timeline(traces.timeline_of(run(task())), tmp_path / "traces" / NAME)
    assert list((tmp_path / "traces").iterdir()) == []


def test_a_file_that_was_cut_anywhere_is_refused(tmp_path: Path) -> None:
    path = traces.write_timeline(traces.timeline_of(busy_run(tasks=30, workers=2)), tmp_path / "traces" / NAME)
    whole = path.read_bytes()
    for length in range(0, len(whole), 37):
        path.write_bytes(whole[:length])
        with pytest.raises(StoreError, match="not a complete trace file"):
            traces.read_timeline(path)
    lines = gzip.decompress(whole).splitlines(keepends=True)
    path.write_bytes(gzip.compress(b"".join(lines[:-1])))
    with pytest.raises(StoreError, match="no end"):
        traces.read_timeline(path)


def test_a_million_tasks_make_a_small_file(tmp_path: Path) -> None:
    """A tenth of them stands in for the million here: the bound on slices is what counts, and is lowered likewise."""
    timeline = traces.timeline_of(busy_run(tasks=100_000, workers=8, packed=50, mean_s=1e-5), max_slices=5_000)
    path = traces.write_timeline(timeline, tmp_path / "traces" / NAME)
    assert len(timeline.slices) <= 2 * 5_000
    assert path.stat().st_size < 60 * len(timeline.slices)
    assert traces.read_timeline(path).tasks == 100_000


def test_without_tasks_there_is_an_empty_timeline() -> None:
    timeline = traces.timeline_of(RunTrace((), (), (), START_S, START_S + 1.0))
    assert (timeline.slices, timeline.end_s, traces.usage(timeline)) == ((), 1.0, [])
