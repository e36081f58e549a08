"""Traces and their summary as values."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot_quantum import TaskState, TaskTrace, summarize


def _trace(number: int = 0, **fields: object) -> TaskTrace:
    return TaskTrace(number, "f", TaskState.DONE, 0.0, **fields)  # type: ignore[arg-type]  # any fields


def test_times_that_were_never_reached_are_none() -> None:
    trace = _trace()
    assert trace.run_s is None
    assert trace.wait_s is None
    assert _trace(started_s=1.0).run_s is None
    assert _trace(started_s=1.0, host="a", driver_host="b").wait_s is None
    assert _trace(started_s=1.5, host="a", driver_host="a").wait_s == 1.5
    assert _trace(started_s=1.0, ended_s=3.0, host="a", driver_host="b").run_s == 2.0


_traces = st.builds(
    TaskTrace,
    task=st.integers(0, 10**6),
    name=st.text(max_size=5),
    state=st.sampled_from(list(TaskState)),
    submitted_s=st.floats(0, 1e6),
    started_s=st.none() | st.floats(0, 1e6),
    ended_s=st.none() | st.floats(0, 1e6),
    pilot=st.none() | st.sampled_from("ab"),
    worker=st.none() | st.integers(0, 3),
    host=st.sampled_from(["x", "y", None]),
    driver_host=st.just("x"),
    attempt=st.integers(1, 5),
    message_tasks=st.integers(1, 100),
    cpu_s=st.none() | st.floats(0, 1e3),
    peak_rss=st.none() | st.integers(0, 2**40),
)


@given(traces=st.lists(_traces, max_size=20))
def test_the_summary_adds_up(traces: list[TaskTrace]) -> None:
    summary = summarize(iter(traces))
    assert summary["tasks"] == len(traces) == sum(summary["states"].values())
    assert summary["attempts"] == sum(trace.attempt for trace in traces)
    assert sum(summary["pilots"].values()) == sum(trace.pilot is not None for trace in traces)
    assert sum(summary["workers"].values()) == sum(trace.worker is not None for trace in traces)
    runs = [trace.run_s for trace in traces if trace.run_s is not None]
    assert math.isclose(summary["run_s_sum"], sum(runs), abs_tol=1e-9)
    assert (summary["run_s_median"] is None) == (not runs)
    if runs:
        assert min(runs) <= summary["run_s_median"] <= max(runs)
    peaks = [trace.peak_rss for trace in traces if trace.peak_rss is not None]
    assert summary["peak_rss_max"] == max(peaks, default=None)
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_messages_are_counted_by_their_tasks() -> None:
    traces = [_trace(number, message_tasks=size) for size in (1, 2, 3, 7) for number in range(size)]
    assert summarize(traces)["messages"] == 4


def test_nothing_is_summarized_to_nothing() -> None:
    summary = summarize([])
    assert (summary["tasks"], summary["messages"], summary["run_s_sum"]) == (0, 0, 0)
    assert summary["run_s_median"] is summary["wait_s_median"] is summary["peak_rss_max"] is None


@given(trace=_traces)
def test_a_trace_is_a_plain_dictionary_for_json(trace: TaskTrace) -> None:
    assert TaskTrace.from_dict(json.loads(json.dumps(trace.as_dict()))) == trace


@pytest.mark.parametrize("state", list(TaskState))
def test_final_states_are_final(state: TaskState) -> None:
    assert state.final == (state not in (TaskState.WAITING, TaskState.QUEUED, TaskState.DISPATCHED))
