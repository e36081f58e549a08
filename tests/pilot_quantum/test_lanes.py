"""Packing and queues: how many tasks a message carries, and that none is lost between threads."""

from __future__ import annotations

import math
import threading
import time
import tracemalloc
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot_quantum import PilotDescription, PilotManager, Resources, Task, TaskDescription
from pilot_quantum._functions import FunctionTable, TaskFunction
from pilot_quantum._groups import Groups
from pilot_quantum._lanes import FLOOR_S, GROWTH, MAX_BYTES, MAX_TASKS, TARGET_S, Lane, LaneSpec, pack_call
from tests.pilot_quantum.faults import square, until

WAIT_S = 60.0


def _lane(tasks: int, *, mean_s: float | None = None, seen: int = 10**6, call: object = (1,), **spec: object) -> Lane:
    function = TaskFunction(square, "square")
    function.mean_s, function.seen = mean_s, seen
    lane = Lane(function, LaneSpec(**spec))  # type: ignore[arg-type]  # any fields
    lane.queue.extend(Task(lane, number, call, 0.0) for number in range(tasks))
    return lane


def _numbers(tasks: list[Task]) -> list[int]:
    return [task.number for task in tasks]


# The size of a message.


@given(
    tasks=st.integers(1, 20_000), mean_s=st.floats(1e-9, 1e4), workers=st.integers(1, 64), seen=st.integers(0, 10**6)
)
def test_a_message_is_bounded_from_all_sides(tasks: int, mean_s: float, workers: int, seen: int) -> None:
    lane = _lane(tasks, mean_s=mean_s, seen=seen)
    taken, estimate_s = lane.take(workers)
    assert _numbers(taken) == list(range(len(taken)))  # the oldest, in order, at least one
    assert len(taken) == 1 or len(taken) <= TARGET_S / max(mean_s, 1e-7) + 1
    assert 1 <= len(taken) <= min(MAX_TASKS, GROWTH * max(1, seen), tasks)
    assert math.isclose(estimate_s, mean_s * len(taken))
    assert len(lane) == tasks - len(taken)


@given(tasks=st.integers(1, 20_000), mean_s=st.floats(1e-7, 1e-2), workers=st.integers(1, 64))
def test_no_worker_takes_more_than_its_share(tasks: int, mean_s: float, workers: int) -> None:
    """The tail is packed down to the cost of a dispatch, not below it."""
    taken, _ = _lane(tasks, mean_s=mean_s).take(workers)
    assert len(taken) <= max(1, tasks // (2 * workers), FLOOR_S / mean_s)


def test_a_full_queue_of_tiny_tasks_makes_full_messages() -> None:
    taken, estimate_s = _lane(20_000, mean_s=TARGET_S / 1000).take(2)
    assert 990 <= len(taken) <= 1000
    assert estimate_s <= TARGET_S


def test_an_unknown_function_is_tried_with_one_task() -> None:
    taken, estimate_s = _lane(100, seen=0).take(2)
    assert len(taken) == 1
    assert estimate_s == math.inf


def test_messages_grow_with_what_was_observed() -> None:
    sizes = []
    seen = 0
    while seen < 2000:
        taken, _ = _lane(100_000, mean_s=1e-7, seen=seen).take(1)
        sizes.append(len(taken))
        seen += len(taken)
    assert sizes[0] == GROWTH
    assert sizes == sorted(sizes)
    assert len(sizes) < 8


@pytest.mark.parametrize(
    "spec", [{"timeout_s": 1.0}, {"resources": Resources(ranks=2)}], ids=["with a time limit", "a gang"]
)
def test_some_tasks_travel_alone(spec: dict[str, Any]) -> None:
    lane = _lane(100, mean_s=1e-6, **spec)
    assert len(lane.take(1)[0]) == 1


def test_tasks_tried_again_come_first_and_alone() -> None:
    lane = _lane(100, mean_s=1e-6)
    again = [Task(lane, number, (1,), 0.0) for number in (200, 201)]
    lane.again.extend(again)
    assert lane.take(1)[0] == [again[0]]
    assert lane.take(1)[0] == [again[1]]
    assert len(lane.take(1)[0]) > 1


def test_an_estimate_of_the_user_counts() -> None:
    assert _lane(100, mean_s=1e-6, estimate_s=1000.0).take(1)[1] == 1000.0
    assert len(_lane(100, mean_s=None, estimate_s=1e-6).take(1)[0]) > 1


@given(size=st.integers(0, 3 * MAX_BYTES), kind=st.sampled_from([bytes, bytearray, str, list]))
def test_arguments_bound_a_message_by_their_bytes(size: int, kind: type) -> None:
    value = "x" * size if kind is str else [0] * (size // 2) if kind is list else kind(size)
    call = pack_call((value,), {})
    taken, _ = _lane(500, mean_s=1e-7, call=call).take(1)
    assert len(taken) == 1 or len(taken) * size / 2 <= 2 * MAX_BYTES


def test_arguments_are_captured() -> None:
    held = [1]
    call = pack_call((held,), {})
    held.append(2)
    assert isinstance(call, bytes)
    assert pack_call((1, 2.0, None, True, "short"), {}) == (1, 2.0, None, True, "short")
    assert isinstance(pack_call((1,), {"x": 1}), bytes)


# Lanes among each other.


def test_lanes_are_ordered_by_priority_then_age() -> None:
    lanes = [_lane(1, priority=priority) for priority in (0, 5, 0, -1)]
    for number, lane in enumerate(lanes):
        lane.queue[0].number = number
    assert sorted(range(4), key=lambda index: lanes[index].order) == [1, 0, 2, 3]


@given(actions=st.lists(st.tuples(st.sampled_from(["add", "take", "back", "drop"]), st.integers(0, 4)), max_size=60))
def test_the_first_lane_of_a_group_has_the_oldest_head(actions: list[tuple[str, int]]) -> None:
    """Against a plain search, for any sequence of appends, takes, hand-backs and drops."""
    groups = Groups()
    lanes = [_lane(0) for _ in range(5)]
    number = 0
    for action, index in actions:
        lane = lanes[index]
        if action == "add":
            lane.queue.append(Task(lane, number, (1,), 0.0))
            number += 1
        elif action == "back":
            lane.queue.appendleft(Task(lane, -number, (1,), 0.0))
            number += 1
        elif len(lane):
            lane.queue.popleft()
        if action == "drop" and lane in groups:
            groups.drop(lane)
            lane.queue.clear()
        elif len(lane):
            groups.add(lane)
        elif lane in groups:
            groups.drop(lane)
        active = [lane for lane in lanes if len(lane)]
        assert set(map(id, groups)) == set(map(id, active))
        for group in groups.all():
            assert group.first() is min(active, key=lambda lane: lane.order)


def test_equal_functions_and_needs_share_a_lane() -> None:
    with PilotManager() as manager:
        manager.submit_pilot(PilotDescription(engine="inline"))
        same = [manager.submit_task(TaskDescription(square, (n,), priority=1)) for n in range(5)]
        other = manager.submit_task(TaskDescription(square, (1,), priority=2))
        assert len({id(task.lane) for task in same}) == 1
        assert other.lane is not same[0].lane
        manager.wait([*same, other], WAIT_S)


def test_a_function_is_known_by_what_it_is() -> None:
    table = FunctionTable()
    scale = 1

    def by_value(number: int) -> int:
        return number * scale

    first = table.find(by_value)[0]
    assert table.find(by_value)[0] is first
    scale = 2
    assert table.find(by_value)[0] is not first
    assert table.find(square)[0] is table.find(square)[0]
    assert table.find("x".count)[1]  # travels with each call


# Threads.


def test_tasks_of_many_threads_all_run_once() -> None:
    """Lanes fall empty and wake up all the time while eight threads append to them."""
    ended: list[object] = []
    tasks: list[list[Task]] = [[] for _ in range(8)]
    with PilotManager() as manager:
        manager.submit_pilot(PilotDescription(engine="inline")).wait(WAIT_S)

        def submit(mine: list[Task], seed: int) -> None:
            for number in range(400):
                description = TaskDescription(square, (number,), priority=(seed + number) % 3)
                mine.append(
                    manager.submit_task(description if number % 2 else square, *([] if number % 2 else [number]))
                )
                mine[-1].add_done_callback(ended.append)
                if number % 7 == seed % 7:
                    time.sleep(0.0005)

        threads = [threading.Thread(target=submit, args=(mine, seed)) for seed, mine in enumerate(tasks)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_S)
        results = [[task.result(WAIT_S) for task in mine] for mine in tasks]
        until(lambda: len(ended) >= 3200)
    assert results == [[number * number for number in range(400)]] * 8
    assert Counter(ended) == Counter(task for mine in tasks for task in mine)
    numbers = [task.number for mine in tasks for task in mine]
    assert sorted(numbers) == list(range(3200))


def test_a_queued_task_costs_less_than_a_kibibyte() -> None:
    with PilotManager() as manager:
        manager.submit_pilot(PilotDescription(engine="inline")).wait(WAIT_S)
        gate = threading.Event()
        _GATES.append(gate)
        manager.submit_task(_stand_at_gate, len(_GATES) - 1)
        manager.submit_tasks(square, range(100))
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        tasks = manager.submit_tasks(square, range(1_000_000, 1_020_000))
        one_by_one = [manager.submit_task(square, number) for number in range(2_000_000, 2_020_000)]
        cost = (tracemalloc.get_traced_memory()[0] - before) / (len(tasks) + len(one_by_one))
        tracemalloc.stop()
        gate.set()
        assert tasks[-1].result(WAIT_S) == 1_019_999**2
        manager.wait(one_by_one, WAIT_S)
    assert cost < 1024


_GATES: list[threading.Event] = []


def _stand_at_gate(number: int) -> bool:
    return _GATES[number].wait(WAIT_S)
