"""Pilots and managers come and go, on every engine; nothing hangs, nothing is left behind."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from typing import Any

import psutil
import pytest

from pilot_quantum import (
    InvalidDescription,
    ManagerClosed,
    Pilot,
    PilotDescription,
    PilotFailed,
    PilotManager,
    PilotState,
    Resources,
    Task,
    TaskDescription,
    TaskState,
    UnsatisfiableRequest,
)
from tests.contracts.engines import tasks as work
from tests.contracts.engines.conftest import Fresh, Gate, all_end, describe, until

pytestmark = pytest.mark.timeout(300)

WAIT_S = 60.0
ALONE: dict[str, Any] = {"cores_per_node": 1}


def test_a_pilot_says_what_it_is(manager: PilotManager, engine: str) -> None:
    (pilot,) = manager.pilots()
    assert (pilot.name, pilot.state) == ("main", PilotState.RUNNING)
    assert pilot.view.cores == 2
    assert pilot.view.workers >= 1
    assert pilot.view.memory > 0
    assert {"launcher", "engine", "first_worker", "workers"} <= pilot.startup_s.keys()
    assert all(seconds >= 0 for seconds in pilot.startup_s.values())
    assert engine in repr(pilot)


def test_a_name_is_taken_once(fresh: Fresh) -> None:
    fresh.pilot("mine", **ALONE)
    with pytest.raises(InvalidDescription, match="'mine'"):
        fresh.manager.submit_pilot(describe(fresh.engine, name="mine"))


def test_unknown_options_are_refused_before_anything_starts(engine: str) -> None:
    with PilotManager() as manager, pytest.raises(InvalidDescription, match="no_such_option"):
        manager.submit_pilot(PilotDescription(engine=engine, engine_options={"no_such_option": 1}))


def test_a_released_pilot_s_tasks_go_on_elsewhere(fresh: Fresh, gates: Callable[[], Gate], can_stop: bool) -> None:
    gate = gates()
    first = fresh.pilot("first", **ALONE)
    tasks = [fresh.manager.submit_task(work.hold, gate.path, n) for n in range(5)]
    gate.wait_for()
    fresh.pilot("second", **ALONE)
    first.release()
    assert first.state is PilotState.DONE
    gate.wait_for(2)
    gate.open()
    assert [task.result(WAIT_S) for task in tasks] == list(range(5))
    assert {task.trace().pilot for task in tasks} == {"second"}
    assert {task.trace().attempt for task in tasks} == {1}


def test_releasing_the_only_pilot_fails_waiting_tasks_with_the_reason(fresh: Fresh, gate: Gate) -> None:
    pilot = fresh.pilot("only", **ALONE)
    tasks = [fresh.manager.submit_task(work.hold, gate.path) for _ in range(5)]
    gate.wait_for()
    child = fresh.manager.submit_task(work.echo, tasks[4])
    pilot.release()
    for task in tasks:
        assert isinstance(task.exception(WAIT_S), UnsatisfiableRequest)
    assert child.exception(WAIT_S) is not None
    with pytest.raises(UnsatisfiableRequest):
        fresh.manager.submit_task(work.echo, 1)
    with pytest.raises(PilotFailed, match="only"):
        pilot.wait(5)
    pilot.release()  # harmless
    pilot.drain()


def test_a_pilot_ends_with_its_walltime_and_its_tasks_go_on(fresh: Fresh, gate: Gate) -> None:
    walltime_s = 4.0 if fresh.engine in ("inline", "processes") else 12.0  # others may take that long to start
    short = fresh.pilot("short", walltime_s=walltime_s, wait=False, **ALONE)
    lost = fresh.manager.submit_task(work.hold, gate.path, pilot="short")
    moved = fresh.manager.submit_task(work.hold, gate.path, 1, pilot=["short", "long"])
    fresh.pilot("long", **ALONE)
    until(lambda: short.state.final)
    assert short.state is PilotState.DONE
    assert isinstance(lost.exception(WAIT_S), UnsatisfiableRequest)
    gate.open()
    assert moved.result(WAIT_S) == 1
    assert moved.trace().pilot == "long"


def test_a_draining_pilot_finishes_what_it_has_begun(fresh: Fresh, gates: Callable[[], Gate]) -> None:
    gate, other = gates(), gates()
    first = fresh.pilot("first", **ALONE)
    fresh.pilot("second", **ALONE)
    begun = fresh.manager.submit_task(work.hold, gate.path, 1, pilot="first")
    fresh.manager.submit_task(work.hold, other.path, 1, pilot="second")
    gate.wait_for()
    other.wait_for()
    waiting = [fresh.manager.submit_task(work.add, n) for n in range(5)]
    first.drain()
    until(lambda: first.state is PilotState.DRAINING)
    other.open()
    assert [task.result(WAIT_S) for task in waiting] == list(range(5))
    assert {task.trace().pilot for task in waiting} == {"second"}
    assert not begun.done()
    gate.open()
    assert begun.result(WAIT_S) == 1
    until(lambda: first.state is PilotState.DONE)


def test_draining_the_only_pilot_fails_what_waits(fresh: Fresh, gate: Gate) -> None:
    pilot = fresh.pilot(**ALONE)
    begun = fresh.manager.submit_task(work.hold, gate.path, 1)
    gate.wait_for()
    waiting = fresh.manager.submit_task(work.add, 1)
    pilot.drain()
    gate.open()
    assert begun.result(WAIT_S) == 1
    assert isinstance(waiting.exception(WAIT_S), UnsatisfiableRequest)


def test_an_idle_pilot_drains_at_once(fresh: Fresh) -> None:
    pilot = fresh.pilot(**ALONE)
    pilot.drain()
    until(lambda: pilot.state is PilotState.DONE)


@pytest.mark.parametrize("ending", ["timeout", "cancel", "lost"])
def test_a_draining_pilot_ends_however_its_last_task_ends(
    fresh: Fresh, gate: Gate, can_stop: bool, ending: str
) -> None:
    if not can_stop:
        pytest.skip("this engine cannot stop running work")
    pilot = fresh.pilot(**ALONE)
    if ending == "lost":
        task = fresh.manager.submit_task(work.hold_and_kill, gate.path)
    else:
        limit = 1.0 if ending == "timeout" else None
        task = fresh.manager.submit_task(TaskDescription(work.hold, (gate.path,), timeout_s=limit))
    gate.wait_for()
    pilot.drain()
    if ending == "cancel":
        assert fresh.manager.cancel(task)
    if ending == "lost":
        gate.open()
    assert all_end([task])[0] is not TaskState.DONE
    until(lambda: pilot.state.final)


def test_a_pilot_released_before_it_is_up_never_comes_up(fresh: Fresh) -> None:
    pilots = []
    for _ in range(5):
        pilots.append(fresh.pilot(wait=False, **ALONE))
        pilots[-1].release()
    last = fresh.pilot(**ALONE)
    assert [pilot.state for pilot in pilots] == [PilotState.DONE] * 5
    assert fresh.manager.submit_task(work.echo, 1).result(WAIT_S) == 1
    assert last.state is PilotState.RUNNING
    assert [pilot.state for pilot in pilots] == [PilotState.DONE] * 5


def test_closing_at_once_leaves_nothing(engine: str, manager: PilotManager) -> None:
    before = set(psutil.Process().children(recursive=True))
    for _ in range(3):
        with PilotManager() as own:
            own.submit_pilot(describe(engine))
    until(lambda: not _living(set(psutil.Process().children(recursive=True)) - before))


def _living(processes: set[psutil.Process]) -> list[psutil.Process]:
    # Ray keeps a pool of idle workers, which belong to the shared cluster.
    return [p for p in processes if p.is_running() and p.status() != psutil.STATUS_ZOMBIE and "IDLE" not in p.name()]


def test_closing_cancels_what_has_not_ended(engine: str, manager: PilotManager, gate: Gate) -> None:
    with PilotManager() as own:
        pilot = own.submit_pilot(describe(engine, cores_per_node=1)).wait(WAIT_S)
        tasks = [own.submit_task(work.hold, gate.path) for _ in range(20)]
        child = own.submit_task(work.echo, tasks[-1])
        gate.wait_for()
    assert {task.state for task in tasks} == {TaskState.CANCELLED}
    assert child.done()
    assert own.wait([*tasks, child], 5)[1] == set()
    with pytest.raises(CancelledError):
        tasks[0].result(5)
    assert pilot.state is PilotState.DONE


def test_a_closed_manager_takes_nothing(engine: str, manager: PilotManager) -> None:
    own = PilotManager()
    pilot = own.submit_pilot(describe(engine, cores_per_node=1)).wait(WAIT_S)
    task = own.submit_task(work.echo, 1)
    assert task.result(WAIT_S) == 1
    own.close()
    own.close()
    for submit in (
        lambda: own.submit_task(work.echo, 1),
        lambda: own.submit_task(work.echo, task),
        lambda: own.submit_tasks(work.echo, [1]),
        lambda: own.executor().submit(work.echo, 1),
        lambda: own.runtime().submit(work.echo, 1),
        lambda: own.submit_pilot(describe(engine)),
    ):
        with pytest.raises(ManagerClosed):
            submit()
    assert not own.cancel(task)
    pilot.release()
    assert task.trace().state is TaskState.DONE


def test_items_that_close_the_manager_do_not_leave_tasks_behind(engine: str, manager: PilotManager) -> None:
    own = PilotManager()
    own.submit_pilot(describe(engine, cores_per_node=1))
    tasks: list[Task] = []

    def items() -> Iterator[int]:
        yield 1
        own.close()
        yield 2

    try:
        tasks = own.submit_tasks(work.echo, items())
    except ManagerClosed:
        return
    assert own.wait(tasks, 5)[1] == set()


def test_submitting_and_closing_at_once_loses_no_task(engine: str, manager: PilotManager) -> None:
    for _ in range(10):
        own = PilotManager()
        own.submit_pilot(describe(engine, cores_per_node=1))
        tasks: list[Task] = []
        go = threading.Event()

        def submit(own: PilotManager = own, tasks: list[Task] = tasks, go: threading.Event = go) -> None:
            try:
                while True:
                    tasks.append(own.submit_task(work.echo, len(tasks)))
                    if len(tasks) == 50:
                        go.set()
            except ManagerClosed:
                go.set()

        thread = threading.Thread(target=submit)
        thread.start()
        go.wait(WAIT_S)
        own.close()
        thread.join(WAIT_S)
        assert not thread.is_alive()
        assert own.wait(tasks, 10)[1] == set()


def test_callbacks_may_call_the_manager(fresh: Fresh, gates: Callable[[], Gate], can_stop: bool) -> None:
    """Convergence of one task ends others and their pilot: the natural place to say so is the callback."""
    gate, other = gates(), gates()
    one, two = fresh.pilot("one", **ALONE), fresh.pilot("two", **ALONE)
    task = fresh.manager.submit_task(work.hold, gate.path, pilot="one")
    victim = fresh.manager.submit_task(work.hold, other.path, pilot="two")
    new: list[Task] = []
    gate.wait_for()
    other.wait_for()
    task.add_done_callback(lambda _: fresh.manager.cancel(victim))
    task.add_done_callback(lambda _: two.release())
    task.add_done_callback(lambda _: new.append(fresh.manager.submit_task(work.echo, 5)))
    gate.open()
    until(lambda: bool(new))
    assert new[0].result(WAIT_S) == 5
    until(lambda: two.state.final)
    assert all_end([victim])
    fresh_pilot_works(fresh, one)


def fresh_pilot_works(fresh: Fresh, pilot: Pilot) -> None:
    assert pilot.state is PilotState.RUNNING
    assert fresh.manager.submit_task(work.echo, 6, pilot=pilot.name).result(WAIT_S) == 6


def test_a_callback_may_close_the_manager(engine: str, manager: PilotManager, gate: Gate) -> None:
    own = PilotManager()
    own.submit_pilot(describe(engine, cores_per_node=1)).wait(WAIT_S)
    first = own.submit_task(work.hold, gate.path)
    gate.wait_for()
    rest = [own.submit_task(work.hold, gate.path) for _ in range(3)]
    first.add_done_callback(lambda _: own.close())
    gate.open()
    all_end([first, *rest])
    own.close()


def test_a_shrunken_pilot_runs_less_at_once_and_can_grow_again(
    fresh: Fresh, gates: Callable[[], Gate], can_stop: bool
) -> None:
    gate = gates()
    pilot = fresh.pilot()
    full = pilot.view.workers
    held = [fresh.manager.submit_task(work.hold, gate.path, n) for n in range(full)]
    gate.wait_for(full)
    pilot.resize(1)
    pilot.resize(2)  # before the workers that were too many have finished
    gate.open()
    assert [task.result(WAIT_S) for task in held] == list(range(full))
    assert [task.result(WAIT_S) for task in fresh.manager.submit_tasks(work.nap, [0.01] * 20)]
    pilot.wait(WAIT_S)
    assert pilot.view.workers == full
    pilot.resize(1)
    until(lambda: pilot.view.workers == 1)
    tasks = fresh.manager.submit_tasks(work.nap, [0.01] * 10)
    fresh.manager.wait(tasks, WAIT_S)
    assert len({task.trace().worker for task in tasks}) == 1


def test_shrinking_fails_what_no_longer_fits(fresh: Fresh, gate: Gate) -> None:
    pilot = fresh.pilot()
    fresh.manager.submit_task(work.hold, gate.path)
    gate.wait_for()
    wide = fresh.manager.submit_task(TaskDescription(work.echo, (1,), resources=Resources(cpus=2)))
    pilot.resize(1)
    assert isinstance(wide.exception(WAIT_S), UnsatisfiableRequest)
    gate.open()
