from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot_quantum.devices._queue import Queue

_TIMES = st.lists(st.tuples(st.floats(0, 50), st.floats(0.1, 20)), max_size=12)


@given(_TIMES, st.floats(0, 60), st.floats(0.1, 20))
def test_a_job_starts_when_the_work_before_it_is_done(
    others: list[tuple[float, float]], at: float, seconds: float
) -> None:
    """Lindley's recursion of the first-come-first-served queue."""
    arrivals = sorted(others)
    queue = Queue(arrivals)
    queue.advance(at)
    queue.add("ours", seconds)
    free = 0.0
    for arrival, work in arrivals:
        if arrival <= at:
            free = max(free, arrival) + work
    ends = queue.ends_s("ours")
    assert ends == pytest.approx(max(free, at) + seconds)
    queue.advance(ends + 1e-6)
    span = queue.span("ours")
    assert span is not None
    assert span == pytest.approx((max(free, at), ends), abs=1e-6)


def test_nothing_is_served_in_an_outage_and_the_end_is_known_to_the_emulation_alone() -> None:
    queue = Queue(outages=[(10.0, 110.0)])
    queue.add("ours", 20.0)
    assert queue.waiting() == (20.0, 1)
    assert queue.ends_s("ours") == pytest.approx(120.0)
    queue.advance(50.0)
    assert queue.outage(50.0) == (10.0, 110.0)
    assert queue.started("ours")
    queue.advance(120.1)
    assert queue.span("ours") == pytest.approx((0.0, 120.0))


def test_a_job_can_be_taken_out_until_it_starts_and_go_first() -> None:
    queue = Queue([(0.0, 10.0), (0.0, 10.0)])
    queue.advance(1.0)
    queue.add("late", 5.0)
    queue.add("first", 5.0, first=True)
    assert queue.ahead_s("first") == pytest.approx(9.0)
    assert queue.ahead_s("late") == pytest.approx(24.0)
    assert queue.remove("late")
    assert not queue.remove("late")
    queue.advance(11.0)
    assert not queue.remove("first")
