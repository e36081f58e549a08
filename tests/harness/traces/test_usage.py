"""Use, idle time and waits as numbers, against sums done by hand or in another way."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import traces
from harness.report.gantt import busy_share
from harness.traces.counts import above_zero, overlap_s, queued, running
from pilot_quantum import RunTrace
from tests.harness.traces.examples import START_S, busy_run, gang, lost_then_done, pilot, run, task


def _one(run_trace: RunTrace) -> traces.PilotUsage:
    (found,) = traces.usage(traces.timeline_of(run_trace))
    return found


def test_busy_idle_and_first_task_by_hand() -> None:
    """One task of a second on worker 0, sent 0.5 s into a run of 6 s; the pilot was asked for 3 s before the run."""
    found = _one(run(task()))
    first, second = found.workers
    assert (first.tasks, first.busy_s, first.idle_s, first.window_s) == (1, 1.0, 5.0, 6.0)
    assert (second.tasks, second.busy_s, second.idle_s, second.first_task_s) == (0, 0.0, 6.0, None)
    assert first.first_task_s == found.first_task_s == 3.5
    assert first.wait_median_s == first.wait_high_s == 1.0
    assert first.idle_queued_s == pytest.approx(0.5)
    assert found.used == pytest.approx(1 / 12)


def test_a_pilot_counts_from_its_first_worker_to_its_end() -> None:
    late = pilot(requested_s=START_S + 1.0, ended_s=START_S + 5.0)  # takes tasks from 3.0 s on
    times = {"dispatched_s": 3.2, "bound_s": 3.2, "started_s": 3.3, "ended_s": 4.3, "returned_s": 4.4}
    found = _one(run(task(**times), pilots=(late,)))
    assert found.window_s == pytest.approx(2.0)
    assert found.first_task_s == pytest.approx(2.2)
    assert found.workers[0].idle_s == pytest.approx(1.0)
    never = pilot(startup_s={"launcher": 0.1}, state="failed", ended_s=START_S + 5.0)
    assert _one(run(pilots=(never,))).window_s == 0.0


def test_a_wide_task_holds_its_cores_and_a_gang_all_its_workers() -> None:
    assert _one(run(task(cpus=2))).core_s == pytest.approx(2.0)
    found = _one(run(gang()))
    assert (found.tasks, found.busy_s) == (1, pytest.approx(2.5))
    assert [worker.tasks for worker in found.workers] == [1, 0]


def test_a_lost_attempt_is_no_task_and_not_idle() -> None:
    found = _one(run(lost_then_done()))
    assert (found.tasks, found.lost, found.busy_s) == (1, 1, pytest.approx(2.0))


def test_waits_on_another_host_end_with_the_dispatch() -> None:
    found = _one(run(task(host="node", started_s=900.0, ended_s=901.0)))
    assert (found.wait_median_s, found.busy_s) == (0.5, pytest.approx(1.0))


@given(tasks=st.integers(1, 200), workers=st.integers(1, 4), pilots=st.integers(1, 3))
def test_every_second_of_a_worker_is_busy_or_idle(tasks: int, workers: int, pilots: int) -> None:
    made = busy_run(tasks=tasks, workers=workers, pilots=pilots, offset_s=123.0)
    found = traces.usage(traces.timeline_of(made))
    for worker in (worker for one in found for worker in one.workers):
        assert worker.busy_s + worker.idle_s == pytest.approx(worker.window_s)
        assert 0 <= worker.idle_queued_s <= worker.idle_s + 1e-9
    assert sum(one.tasks for one in found) == tasks
    assert sum(one.busy_s for one in found) == pytest.approx(sum(one.run_s or 0.0 for one in made.tasks))


@given(tasks=st.integers(1, 100), seed=st.integers(0, 50))
def test_counts_agree_with_a_count_at_any_moment(tasks: int, seed: int) -> None:
    timeline = traces.timeline_of(busy_run(tasks=tasks, workers=3, seed=seed))
    placed = traces.bars(timeline)
    moments = np.linspace(-0.1, timeline.end_s + 0.1, 101)
    for steps, spans in (
        (running(placed), [(bar.begin_s, bar.end_s) for bar in placed]),
        (queued(timeline), [(one.submitted_s, one.dispatched_s or 0.0) for one in timeline.slices]),
    ):
        for moment in moments:
            level = next((count for at_s, count in reversed(steps) if at_s <= moment), 0)
            assert level == sum(a <= moment < b for a, b in spans)


@given(tasks=st.integers(1, 60), seed=st.integers(0, 50), columns=st.integers(1, 40))
def test_busy_shares_of_a_picture_add_up(tasks: int, seed: int, columns: int) -> None:
    timeline = traces.timeline_of(busy_run(tasks=tasks, workers=1, seed=seed))
    placed = traces.bars(timeline)
    edges = np.linspace(0, timeline.end_s, columns + 1)
    share = busy_share(placed, edges)
    assert ((share >= 0) & (share <= 1)).all()
    assert math.isclose((share * np.diff(edges)).sum(), sum(bar.end_s - bar.begin_s for bar in placed), rel_tol=1e-9)


def test_overlap_of_gaps_and_counts_by_hand() -> None:
    steps = above_zero([(1.0, 2), (1.5, 1), (2.0, 0), (4.0, 1), (5.0, 0)])
    assert steps == [(1.0, 2.0), (4.0, 5.0)]
    assert above_zero([(1.0, 2), (2.0, 0), (3.0, 1)])[-1] == (3.0, math.inf)
    assert overlap_s([(0.0, 1.5), (1.75, 4.25), (6.0, 7.0)], steps) == pytest.approx(0.5 + 0.25 + 0.25)
    assert overlap_s([(0.0, 9.0)], []) == 0.0
