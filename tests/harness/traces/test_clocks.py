"""Clocks of other hosts are bounded by what the driver knows, never subtracted for a duration."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import traces
from tests.harness.traces.examples import DRIVER, busy_run, gang, lost_then_done, run, task


@given(offset_s=st.floats(-1e5, 1e5), seed=st.integers(0, 100))
def test_the_true_offset_lies_within_the_uncertainty(offset_s: float, seed: int) -> None:
    made = busy_run(tasks=60, workers=2, pilots=2, offset_s=offset_s, seed=seed)
    timeline = traces.timeline_of(made)
    offsets = traces.clock_offsets(timeline)
    assert offsets[DRIVER] == traces.ClockOffset(0.0, 0.0)
    ran = [(one.started_s or 0.0) for one in made.tasks if one.host == "node-pilot-1"]
    if not ran:
        return
    # The timeline counts that host's time from its first start, which by the driver's clock is this moment:
    truth_s = min(ran) - offset_s - (made.start_s or 0.0)
    found = offsets["node-pilot-1"]
    assert not found.drifts
    assert found.seconds == pytest.approx(truth_s, abs=found.uncertainty_s + 1e-6)
    assert found.uncertainty_s < 2e-3


@given(offset_s=st.floats(-1e3, 1e3), seed=st.integers(0, 50))
def test_aligned_bars_lie_between_dispatch_and_return_and_never_overlap(offset_s: float, seed: int) -> None:
    placed = traces.bars(traces.timeline_of(busy_run(tasks=80, workers=2, pilots=2, offset_s=offset_s, seed=seed)))
    assert len(placed) == 80
    for bar in placed:
        assert bar.told
        assert (bar.slice.dispatched_s or 0) - 1e-6 <= bar.begin_s <= bar.end_s <= (bar.slice.returned_s or 0) + 1e-6
    for first, second in pairwise(placed):
        if (first.slice.pilot, first.slice.worker) == (second.slice.pilot, second.slice.worker):
            assert first.end_s <= second.begin_s + 1e-9


def test_clocks_that_run_apart_are_told() -> None:
    steady = task(0, host="node", started_s=1.0, ended_s=2.0)
    ahead = task(1, host="node", dispatched_s=3.0, started_s=9.0, ended_s=9.5, returned_s=4.0)
    found = traces.clock_offsets(traces.timeline_of(run(steady, ahead)))["node"]
    assert found.drifts
    assert found.uncertainty_s > 0


def test_an_attempt_without_an_answer_is_drawn_from_its_dispatch_to_its_end() -> None:
    placed = traces.bars(traces.timeline_of(run(lost_then_done(), gang())))
    lost = [bar for bar in placed if not bar.told]
    assert [(bar.slice.state, bar.begin_s, bar.end_s) for bar in lost] == [("lost", 0.5, 1.5)]


def test_it_is_shortened_to_when_its_worker_did_nothing_else() -> None:
    before = task(1, dispatched_s=0.1, started_s=0.2, ended_s=0.9)
    placed = traces.bars(traces.timeline_of(run(before, lost_then_done())))
    assert [(bar.begin_s, bar.end_s) for bar in placed if not bar.told] == [(pytest.approx(0.9), 1.5)]


def test_a_task_that_was_never_sent_has_no_bar() -> None:
    nowhere = {"pilot": None, "worker": None, "host": None, "bound_s": None, "dispatched_s": None, "started_s": None}
    queued = task(0, state="cancelled", ended_s=None, returned_s=None, stopped_s=1.0, **nowhere)
    assert traces.bars(traces.timeline_of(run(queued))) == []
