"""Which task runs where and when, on every engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from pilot_quantum import (
    DeviceRequest,
    PilotManager,
    Resources,
    Task,
    TaskDescription,
    TaskState,
    UnsatisfiableRequest,
)
from tests.contracts.engines import tasks as work
from tests.contracts.engines.conftest import Fresh, Gate, until

pytestmark = pytest.mark.timeout(300)

WAIT_S = 60.0
GIB = 2**30


def _started(tasks: Sequence[Task]) -> list[float]:
    for task in tasks:
        task.result(WAIT_S)
    times = [task.trace().started_s for task in tasks]
    assert None not in times
    return times  # type: ignore[return-value]  # checked one line above


def _intervals(tasks: Sequence[Task]) -> list[tuple[float, float, Task]]:
    starts = _started(tasks)
    return [(start, task.trace().ended_s or 0.0, task) for start, task in zip(starts, tasks, strict=True)]


def _most_at_once(tasks: Sequence[Task], amount: Callable[[Task], float]) -> float:
    """Return the largest total of ``amount`` over tasks that ran at the same moment."""
    intervals = _intervals(tasks)
    return max(sum(amount(other) for s, e, other in intervals if s <= start < e) for start, _, _ in intervals)


def test_higher_priority_starts_first_and_equals_in_order(single: PilotManager, gate: Gate) -> None:
    single.submit_task(work.hold, gate.path)
    gate.wait_for()
    priorities = [0, 5, -3, 5, 0, 10, 5]
    tasks = [single.submit_task(TaskDescription(work.echo, (p,), priority=p)) for p in priorities]
    gate.open()
    starts = _started(tasks)
    order = sorted(range(len(tasks)), key=lambda index: starts[index])
    assert order == sorted(range(len(tasks)), key=lambda index: -priorities[index])


def test_different_functions_start_in_order_of_submission(single: PilotManager, gate: Gate) -> None:
    single.submit_task(work.hold, gate.path)
    gate.wait_for()
    functions: list[Any] = [work.echo, work.add, work.nothing]
    tasks = [single.submit_task(functions[index % 3], index) for index in range(30)]
    gate.open()
    starts = _started(tasks)
    # Tasks of one function are packed, so only the first of each function has a definite place.
    assert starts[0] < starts[1] < starts[2]
    for kind in range(3):
        assert starts[kind::3] == sorted(starts[kind::3])


def test_a_task_runs_on_the_pilot_it_names(pair: PilotManager) -> None:
    for name in ("a", "b"):
        tasks = [
            pair.submit_task(work.echo, 1, pilot=name),
            pair.submit_task(TaskDescription(work.echo, (1,), pilot=name)),
            *pair.submit_tasks(work.echo, range(20), pilot=[name]),
        ]
        pair.wait(tasks, WAIT_S)
        assert {task.trace().pilot for task in tasks} == {name}
        assert all(task.trace().reason for task in tasks)
    group = pair.submit_tasks(work.echo, range(20), pilot=["a", "b"])
    pair.wait(group, WAIT_S)
    assert {task.trace().pilot for task in group} <= {"a", "b"}


@pytest.mark.parametrize("pilot", ["nobody", ["nobody", "nothing"], ""])
def test_an_unknown_pilot_is_refused_with_the_known_ones(manager: PilotManager, pilot: str | list[str]) -> None:
    for submit in (
        lambda: manager.submit_task(work.echo, 1, pilot=pilot),
        lambda: manager.submit_tasks(work.echo, [1], pilot=pilot),
        lambda: manager.submit_task(TaskDescription(work.echo, (1,), pilot=pilot)),
    ):
        with pytest.raises(UnsatisfiableRequest, match="'main'") as caught:
            submit()
        assert repr(pilot if isinstance(pilot, str) else pilot[0]) in str(caught.value)


def test_a_list_with_one_known_pilot_will_do(manager: PilotManager) -> None:
    assert manager.submit_task(work.echo, 1, pilot=["nobody", "main"]).result(WAIT_S) == 1


@pytest.mark.parametrize(
    ("resources", "why"),
    [
        (Resources(cpus=1000), "core"),
        (Resources(gpus=0.5), "GPU"),
        (Resources(memory=2**60), "bytes of memory"),
        (Resources(ranks=1000), "1000"),
        (Resources(device=DeviceRequest(min_qubits=4)), "device"),
    ],
    ids=["cpus", "gpus", "memory", "ranks", "device"],
)
def test_what_no_pilot_can_ever_run_is_refused_with_the_reason(
    manager: PilotManager, resources: Resources, why: str
) -> None:
    for submit in (
        lambda: manager.submit_task(TaskDescription(work.echo, (1,), resources=resources)),
        lambda: manager.submit_tasks(work.echo, [1], resources=resources),
    ):
        with pytest.raises(UnsatisfiableRequest, match="'main'") as caught:
            submit()
        assert why in str(caught.value)
        assert "echo" in str(caught.value)


def test_without_a_pilot_nothing_is_accepted(fresh: Fresh) -> None:
    with pytest.raises(UnsatisfiableRequest, match="no pilot"):
        fresh.manager.submit_task(work.echo, 1)


def test_wide_tasks_never_share_their_cores(fresh: Fresh) -> None:
    fresh.pilot()
    tasks = []
    for index in range(24):
        needs = Resources(cpus=2 if index % 4 == 0 else 1)
        tasks.append(fresh.manager.submit_task(TaskDescription(work.nap, (0.01,), resources=needs)))
    wide = {task for index, task in enumerate(tasks) if index % 4 == 0}
    assert _most_at_once(tasks, lambda task: 2 if task in wide else 1) <= 2


def test_memory_is_never_promised_twice(fresh: Fresh) -> None:
    fresh.pilot(memory_per_node=GIB)
    sizes = [600, 300, 600, 500, 500, 100, 900]
    tasks = [
        fresh.manager.submit_task(TaskDescription(work.nap, (0.03,), resources=Resources(memory=size * 2**20)))
        for size in sizes
    ]
    needs = dict(zip(tasks, sizes, strict=True))
    assert _most_at_once(tasks, lambda task: needs[task]) <= 1024


def test_a_wide_task_is_not_overtaken_for_ever(fresh: Fresh) -> None:
    fresh.pilot()
    before = fresh.manager.submit_tasks(work.nap, [0.05] * 4)
    wide = fresh.manager.submit_task(TaskDescription(work.echo, (1,), resources=Resources(cpus=2), priority=1))
    after = fresh.manager.submit_tasks(work.nap, [0.05] * 20)
    assert wide.result(WAIT_S) == 1
    assert sum(not task.done() for task in after) >= 15
    fresh.manager.wait([*before, *after], WAIT_S)


@pytest.mark.parametrize("field", ["name", "priority", "estimate_s"])
def test_tasks_that_all_differ_run(manager: PilotManager, field: str) -> None:
    values: dict[str, Callable[[int], Any]] = {
        "name": lambda number: f"task-{number}",
        "priority": lambda number: number,
        "estimate_s": lambda number: 0.001 + number * 1e-6,
    }
    fields = [{field: values[field](number)} for number in range(1000)]
    tasks = [manager.submit_task(TaskDescription(work.echo, (n,), **one)) for n, one in enumerate(fields)]
    assert [task.result(WAIT_S) for task in tasks] == list(range(1000))
    if field == "name":
        assert [task.trace().name for task in tasks[:3]] == ["task-0", "task-1", "task-2"]


def test_a_pilot_added_later_takes_waiting_tasks(fresh: Fresh, gate: Gate) -> None:
    fresh.pilot("first", cores_per_node=1)
    held = fresh.manager.submit_task(work.hold, gate.path)
    gate.wait_for()
    tasks = fresh.manager.submit_tasks(work.echo, range(30))
    child = fresh.manager.submit_task(work.add, tasks[0], 1)
    fresh.pilot("second", cores_per_node=1)
    assert [task.result(WAIT_S) for task in tasks] == list(range(30))
    assert child.result(WAIT_S) == 1
    assert {task.trace().pilot for task in tasks} == {"second"}
    assert held.state is TaskState.DISPATCHED
    gate.open()
    held.result(WAIT_S)


def test_tasks_may_be_submitted_while_the_pilot_starts(fresh: Fresh) -> None:
    fresh.pilot(wait=False)
    assert [task.result(60) for task in fresh.manager.submit_tasks(work.echo, range(50))] == list(range(50))


def test_the_work_of_two_pilots_is_shared(pair: PilotManager) -> None:
    tasks = pair.submit_tasks(work.nap, [0.02] * 30)
    pair.wait(tasks, WAIT_S)
    shares = [sum(task.trace().pilot == name for task in tasks) for name in ("a", "b")]
    assert min(shares) >= 5


def test_a_task_with_a_time_limit_travels_alone(manager: PilotManager, can_stop: bool) -> None:
    manager.wait(manager.submit_tasks(work.echo, range(200)), WAIT_S)
    description = TaskDescription(work.echo, (1,), timeout_s=30)
    if not can_stop:
        with pytest.raises(UnsatisfiableRequest, match="timeout_s"):
            manager.submit_task(description)
        return
    tasks = [manager.submit_task(description) for _ in range(20)]
    assert [task.result(WAIT_S) for task in tasks] == [1] * 20
    assert {task.trace().message_tasks for task in tasks} == {1}


def test_a_task_that_would_outlive_a_pilot_goes_elsewhere(fresh: Fresh) -> None:
    short = fresh.pilot("short", cores_per_node=1, walltime_s=20)
    long = fresh.pilot("long", cores_per_node=1)
    tasks = [fresh.manager.submit_task(TaskDescription(work.echo, (n,), estimate_s=1000)) for n in range(5)]
    assert [task.result(WAIT_S) for task in tasks] == list(range(5))
    assert {task.trace().pilot for task in tasks} == {"long"}
    short.release()
    until(lambda: short.state.final)
    long.release()
