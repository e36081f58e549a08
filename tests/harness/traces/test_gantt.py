"""The picture: it can be drawn of anything, and what must be told in words is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness import traces
from harness.report import gantt
from pilot_quantum import RunTrace
from tests.harness.traces.examples import START_S, busy_run, gang, lost_then_done, pilot, run, task

RUNS = {
    "few": run(task(), gang(), lost_then_done()),
    "failed": run(task(state="failed", error="ValueError")),
    "many": busy_run(tasks=5_000, workers=2, packed=10, mean_s=1e-4),
    "wide": busy_run(tasks=900, workers=120, pilots=2, offset_s=50.0),
    "late": run(task(), pilots=(pilot(requested_s=START_S - 1.0, ended_s=START_S + 4.0), pilot("b", 1))),
    "nothing": RunTrace((), (pilot(),), (), START_S, START_S + 1.0),
    "nowhere": RunTrace((), (), ()),
}


def _words(timeline: traces.Timeline) -> str:
    with gantt.styled():
        figure = gantt._figure(timeline, title="", caption="said")
    legend = [text.get_text() for text in figure.legends[0].get_texts()]
    return "\n".join([*(text.get_text() for axes in [figure, *figure.axes] for text in axes.texts), *legend])


@pytest.mark.parametrize("name", RUNS)
def test_anything_can_be_drawn(name: str, tmp_path: Path) -> None:
    files = traces.draw(traces.timeline_of(RUNS[name]), tmp_path / name)
    assert [file.suffix for file in files] == [".png", ".svg", ".pdf"]
    assert 5_000 < files[0].stat().st_size < 500_000
    assert files[1].stat().st_size < 3_000_000


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("few", ["3 tasks on 2 workers of 1 pilot, 6 s", "lost or stopped (1)", "stage: execute", "gang", "said"]),
        ("failed", ["raised (1)"]),
        ("many", ["5,000 tasks", "the larger the busy share", "simulate"]),
        ("wide", ["Clock of node-pilot-1: aligned by dispatch and return to ±", "240 workers of 2 pilots"]),
        ("late", ["pilot not there"]),
    ],
)
def test_what_must_be_known_is_written(name: str, words: list[str]) -> None:
    written = _words(traces.timeline_of(RUNS[name]))
    assert [word for word in words if word not in written] == []


def test_tasks_that_were_put_together_are_told() -> None:
    timeline = traces.timeline_of(RUNS["many"], max_slices=500)
    assert f"Up to {timeline.tasks_per_slice} tasks in a row were put together" in _words(timeline)
