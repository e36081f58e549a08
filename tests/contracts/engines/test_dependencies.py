"""Tasks that wait for tasks, on every engine."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from pilot_quantum import ParentFailed, PilotManager, TaskDescription, TaskState, UnsatisfiableRequest
from tests.contracts.engines import nasty
from tests.contracts.engines import tasks as work
from tests.contracts.engines.conftest import Fresh, Gate, all_end, until

pytestmark = pytest.mark.timeout(300)

WAIT_S = 60.0


def test_a_diamond_computes(manager: PilotManager) -> None:
    top = manager.submit_task(work.add, 1, 1)
    left = manager.submit_task(work.add, top, 10)
    right = manager.submit_task(work.add, 100, top)
    bottom = manager.submit_task(work.many, left, "between", right, top)
    assert bottom.result(WAIT_S) == ((12, "between", 102, 2), {})


def test_a_parent_may_be_a_keyword_argument(manager: PilotManager) -> None:
    parent = manager.submit_task(work.add, 1, 1)
    assert manager.submit_task(work.add, 1, right=parent, scale=parent).result(WAIT_S) == 6
    described = TaskDescription(work.add, (parent,), {"right": parent})
    assert manager.submit_task(described).result(WAIT_S) == 4


def test_items_may_be_parents(manager: PilotManager) -> None:
    parents = manager.submit_tasks(work.add, range(20))
    assert [task.result(WAIT_S) for task in manager.submit_tasks(work.add, parents)] == list(range(20))


def test_a_parent_may_appear_twice_and_in_after(manager: PilotManager) -> None:
    parent = manager.submit_task(work.add, 2, 1)
    child = manager.submit_task(TaskDescription(work.add, (parent, parent), after=(parent,)))
    assert child.result(WAIT_S) == 6


def test_a_parent_that_has_ended_is_as_good(manager: PilotManager) -> None:
    parent = manager.submit_task(work.add, 2)
    parent.result(WAIT_S)
    assert manager.submit_task(work.add, parent, 1).result(WAIT_S) == 3


def test_after_only_orders(manager: PilotManager, gate: Gate) -> None:
    first = manager.submit_task(work.hold, gate.path)
    child = manager.submit_task(TaskDescription(work.add, (1, 1), after=(first,)))
    gate.wait_for()
    assert child.state is TaskState.WAITING
    assert not child.done()
    gate.open()
    assert child.result(WAIT_S) == 2
    ended, started = first.trace().ended_s, child.trace().started_s
    assert ended is not None
    assert started is not None
    assert ended <= started


def test_other_arguments_of_a_child_are_captured_when_it_is_submitted(manager: PilotManager, gate: Gate) -> None:
    held, named = [1], [2]
    parent = manager.submit_task(work.hold, gate.path, 0)
    child = manager.submit_task(work.many, parent, held, named=named)
    held.append(99)
    named.append(99)
    gate.open()
    assert child.result(WAIT_S) == ((0, [1]), {"named": [2]})


def test_children_get_copies_of_a_parent_s_result(manager: PilotManager) -> None:
    parent = manager.submit_task(work.cached)
    children = [manager.submit_task(work.grow, parent) for _ in range(8)]
    assert [child.result(WAIT_S) for child in children] == [[1, 2, 3, 3]] * 8
    assert parent.result(WAIT_S) == [1, 2, 3]


def test_many_parents_and_many_children(manager: PilotManager) -> None:
    parents = manager.submit_tasks(work.add, range(300))
    middle = manager.submit_task(work.total, *parents)
    children = [manager.submit_task(work.add, middle, number) for number in range(300)]
    assert [child.result(WAIT_S) for child in children] == [sum(range(300)) + number for number in range(300)]


def test_a_long_chain_computes(manager: PilotManager) -> None:
    task = manager.submit_task(work.add, 0)
    for _ in range(300):
        task = manager.submit_task(work.add, task, 1)
    assert task.result(WAIT_S) == 300


def test_failure_reaches_every_descendant_with_its_cause(manager: PilotManager) -> None:
    parent = manager.submit_task(work.fail, 5)
    child = manager.submit_task(work.add, parent, 1)
    grandchild = manager.submit_task(TaskDescription(work.add, (1,), after=(child,)))
    error = child.exception(WAIT_S)
    assert isinstance(error, ParentFailed)
    assert isinstance(error.__cause__, work.Ask)
    last = grandchild.exception(WAIT_S)
    assert isinstance(last, ParentFailed)
    assert isinstance(last.__cause__, ParentFailed)
    assert child.state is grandchild.state is TaskState.FAILED


def test_failure_runs_down_a_chain_of_any_length(manager: PilotManager, gate: Gate) -> None:
    chain = [manager.submit_task(work.hold, gate.path), manager.submit_task(work.fail)]
    chain.append(manager.submit_task(TaskDescription(work.fail, after=(chain[0],))))
    for _ in range(2000):
        chain.append(manager.submit_task(work.add, chain[-1], 1))
    gate.open()
    assert set(all_end(chain[2:])) == {TaskState.FAILED}


def test_cancelling_a_parent_fails_its_descendants(single: PilotManager, gate: Gate) -> None:
    held = single.submit_task(work.hold, gate.path)
    gate.wait_for()
    parent = single.submit_task(work.add, 1)
    child = single.submit_task(work.add, parent)
    assert parent.cancel()
    error = child.exception(WAIT_S)
    assert isinstance(error, ParentFailed)
    assert isinstance(error.__cause__, CancelledError)
    gate.open()
    held.result(WAIT_S)


def test_a_cancelled_child_does_not_run_and_ends_at_once(manager: PilotManager, gate: Gate) -> None:
    parent = manager.submit_task(work.hold, gate.path, 1)
    child = manager.submit_task(work.note, f"{gate.path}.child", parent)
    grandchild = manager.submit_task(work.echo, child)
    assert child.cancel()
    done, rest = manager.wait([child, grandchild], WAIT_S)
    assert (done, rest) == ({child, grandchild}, set())
    assert list(manager.as_completed([child], WAIT_S)) == [child]
    gate.open()
    assert parent.result(WAIT_S) == 1
    assert manager.submit_task(work.echo, 2).result(WAIT_S) == 2
    assert not Path(f"{gate.path}.child").exists()


def test_a_parent_s_result_that_cannot_travel_again_fails_the_child(manager: PilotManager) -> None:
    parent = manager.submit_task(nasty.make, "OneWay")
    child = manager.submit_task(work.echo, parent)
    assert "lock" in str(child.exception(WAIT_S))
    assert child.state is TaskState.FAILED
    assert parent.exception(WAIT_S) is None


def test_a_task_inside_an_argument_is_refused(manager: PilotManager) -> None:
    task = manager.submit_task(work.echo, 1)
    with pytest.raises(TypeError, match="argument"):
        manager.submit_task(sum, [task])
    with pytest.raises(TypeError, match="argument"):
        pickle.dumps(task)
    assert task.result(WAIT_S) == 1


def test_a_child_may_run_on_another_pilot_and_ends_with_it(fresh: Fresh, gates: Callable[[], Gate]) -> None:
    gate = gates()
    one, two = fresh.pilot("one", cores_per_node=1), fresh.pilot("two", cores_per_node=1)
    parent = fresh.manager.submit_task(work.hold, gate.path, 1, pilot="one")
    child = fresh.manager.submit_task(work.add, parent, 1, pilot="two")
    orphan = fresh.manager.submit_task(TaskDescription(work.add, (parent, 1), pilot="two"))
    gate.wait_for()
    assert orphan.state is TaskState.WAITING
    two.release()
    gate.open()
    assert parent.result(WAIT_S) == 1
    for task in (child, orphan):
        assert isinstance(task.exception(WAIT_S), UnsatisfiableRequest)
    one.release()


def test_closing_ends_children_that_wait_for_a_task_of_another_manager(
    manager: PilotManager, fresh: Fresh, gate: Gate
) -> None:
    fresh.pilot(cores_per_node=1)
    parent = manager.submit_task(work.hold, gate.path, 1)
    child = fresh.manager.submit_task(work.echo, parent)
    fresh.manager.close()
    until(child.done)
    assert child.state in (TaskState.CANCELLED, TaskState.FAILED)
    gate.open()
    assert parent.result(WAIT_S) == 1
