"""List scheduling: against a task-by-task scheduler, and its bounds."""

from __future__ import annotations

import heapq

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from qdreamer.schedule import NoWorker, TaskGroup, WorkerGroup, makespan

COUNTS = st.lists(st.tuples(st.integers(1, 40), st.floats(0.01, 10.0)), min_size=1, max_size=5)


def one_by_one(tasks: list[tuple[int, float]], workers: int) -> float:
    free = [0.0] * workers
    for count, seconds in sorted(tasks, key=lambda task: -task[1]):
        for _ in range(count):
            heapq.heappush(free, heapq.heappop(free) + seconds)
    return max(free)


@settings(max_examples=200, deadline=None)
@given(COUNTS, st.integers(1, 12))
def test_equal_workers_end_when_the_plain_scheduler_says(tasks: list[tuple[int, float]], workers: int) -> None:
    groups = [TaskGroup(count, {"cpu": seconds}) for count, seconds in tasks]
    assert makespan(groups, [WorkerGroup("cpu", workers)]) == pytest.approx(one_by_one(tasks, workers), rel=1e-9)


@settings(max_examples=100, deadline=None)
@given(COUNTS, st.integers(1, 6), st.integers(1, 4), st.floats(1.5, 20.0))
def test_unequal_workers_stay_within_the_bounds(
    tasks: list[tuple[int, float]], cpus: int, gpus: int, faster: float
) -> None:
    groups = [TaskGroup(count, {"cpu": seconds, "gpu": seconds / faster}) for count, seconds in tasks]
    both = makespan(groups, [WorkerGroup("cpu", cpus), WorkerGroup("gpu", gpus)])
    work = sum(count * seconds for count, seconds in tasks)
    longest = max(seconds for _, seconds in tasks)
    assert both >= work / (cpus + gpus * faster) * (1 - 1e-9)
    assert both >= longest / faster * (1 - 1e-9)
    assert both <= work / faster + longest  # one GPU alone could do it all


def test_a_million_tasks_are_placed_at_once() -> None:
    assert makespan([TaskGroup(10**6, {"cpu": 0.5})], [WorkerGroup("cpu", 8)]) == pytest.approx(62_500.0)


def test_tasks_go_only_where_they_can_run() -> None:
    tasks = [TaskGroup(4, {"qpu": 2.0}), TaskGroup(2, {"cpu": 1.0})]
    assert makespan(tasks, [WorkerGroup("cpu", 1), WorkerGroup("qpu", 2)]) == pytest.approx(4.0)
    with pytest.raises(NoWorker, match=r"4 task.* run on qpu; there are: cpu"):
        makespan(tasks, [WorkerGroup("cpu", 1)])


def test_one_dispatcher_bounds_the_rate_of_starts() -> None:
    assert makespan([TaskGroup(100, {"cpu": 0.001})], [WorkerGroup("cpu", 64)], dispatch_s=0.01) == pytest.approx(1.001)


def test_workers_that_come_later_start_later() -> None:
    workers = [WorkerGroup("cpu", 1), WorkerGroup("cpu", 1, ready_s=10.0)]
    assert makespan([TaskGroup(3, {"cpu": 2.0})], workers) == pytest.approx(6.0)


def test_nothing_to_do_takes_no_time() -> None:
    assert makespan([], [WorkerGroup("cpu", 2, ready_s=5.0)]) == 0.0
