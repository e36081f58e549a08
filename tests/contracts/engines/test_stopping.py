"""Cancelling, time limits and retries, on every engine."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from pilot_quantum import (
    PilotManager,
    Retries,
    Task,
    TaskDescription,
    TaskState,
    TaskTimeout,
    UnsatisfiableRequest,
    WorkerLost,
)
from tests.contracts.engines import tasks as work
from tests.contracts.engines.conftest import Fresh, Gate, all_end, until

pytestmark = pytest.mark.timeout(300)

WAIT_S = 60.0
ALONE: dict[str, Any] = {"cores_per_node": 1}


@pytest.fixture
def _stops(can_stop: bool, engine: str) -> None:
    if not can_stop:
        pytest.skip(f"engine {engine!r} cannot stop running work")


def _is_quiet(path: Path) -> bool:
    """Say whether nobody writes to a file any more."""
    before = path.stat().st_size
    time.sleep(0.3)
    return path.stat().st_size == before


def _running(manager: PilotManager, path: Path, **limits: float) -> Task:
    task = manager.submit_task(TaskDescription(work.tick_for_ever, (str(path),), **limits))  # type: ignore[arg-type]  # timeout_s only
    until(path.exists)
    return task


def test_a_queued_task_is_cancelled_at_once_for_everybody(single: PilotManager, gate: Gate) -> None:
    held = single.submit_task(work.hold, gate.path)
    gate.wait_for()
    tasks = single.submit_tasks(work.note, [f"{gate.path}.ran"] * 0) + [
        single.submit_task(work.note, f"{gate.path}.ran", "x") for _ in range(4)
    ]
    called: list[object] = []
    tasks[0].add_done_callback(called.append)
    assert tasks[0].cancel()
    assert single.cancel(tasks[1])
    assert tasks[0].cancel()  # again: still cancelled, not called back twice
    assert single.cancel(tasks[0])
    assert single.wait(tasks[:2], WAIT_S)[0] == set(tasks[:2])
    assert set(single.as_completed(tasks[:2], WAIT_S)) == set(tasks[:2])
    assert held.state is TaskState.DISPATCHED
    gate.open()
    assert [task.result(WAIT_S) for task in tasks[2:]] == ["x", "x"]
    assert Path(f"{gate.path}.ran").read_text() == "x\nx\n"
    assert called == [tasks[0]]
    assert {task.state for task in tasks[:2]} == {TaskState.CANCELLED}


def test_wait_notices_a_cancellation_while_it_waits(single: PilotManager, gate: Gate) -> None:
    single.submit_task(work.hold, gate.path)
    gate.wait_for()
    task = single.submit_task(work.echo, 1)
    ended = single.as_completed([task], WAIT_S)
    task.cancel()
    assert next(ended) is task
    gate.open()


def test_a_task_that_has_ended_cannot_be_cancelled(manager: PilotManager) -> None:
    task = manager.submit_task(work.echo, 1)
    task.result(WAIT_S)
    assert not task.cancel()
    assert not manager.cancel(task)
    assert task.result() == 1


@pytest.mark.usefixtures("_stops")
def test_a_running_task_is_cancelled_by_stopping_it(single: PilotManager, tmp_path: Path) -> None:
    path = tmp_path / "ticks"
    task = _running(single, path)
    assert not task.cancel()  # as the standard library has it: running
    assert single.cancel(task)
    assert task.state is TaskState.CANCELLED
    assert single.wait([task], WAIT_S)[0] == {task}
    replacement = single.submit_task(work.pid).result(WAIT_S)
    assert str(replacement) != path.read_text().splitlines()[0]
    assert _is_quiet(path)


def test_a_running_task_goes_on_where_it_cannot_be_stopped(single: PilotManager, gate: Gate, can_stop: bool) -> None:
    if can_stop:
        pytest.skip("this engine can stop running work")
    task = single.submit_task(work.hold, gate.path, 5)
    gate.wait_for()
    assert not single.cancel(task)
    gate.open()
    assert task.result(WAIT_S) == 5


@pytest.mark.usefixtures("_stops")
def test_others_of_a_stopped_worker_run_elsewhere(single: PilotManager, gate: Gate) -> None:
    """Tasks packed into one message: the first holds the worker, the others wait behind it."""
    single.wait(single.submit_tasks(work.hold_if, [("", n) for n in range(500)]), WAIT_S)
    items = [(gate.path if n == 0 else "", n) for n in range(60)]
    tasks = single.submit_tasks(work.hold_if, items)
    gate.wait_for()
    assert single.cancel(tasks[0])
    assert [task.result(WAIT_S) for task in tasks[1:]] == list(range(1, 60))
    assert {task.trace().attempt for task in tasks[1:]} == {1}


@pytest.mark.usefixtures("_stops")
def test_a_task_of_a_message_that_has_not_started_can_be_cancelled(single: PilotManager, gate: Gate) -> None:
    single.wait(single.submit_tasks(work.hold_if, [("", n) for n in range(500)]), WAIT_S)
    tasks = single.submit_tasks(work.hold_if, [(gate.path if n == 0 else "", n) for n in range(60)])
    gate.wait_for()
    assert all(single.cancel(task) for task in tasks[1:30])
    gate.open()
    assert [task.result(WAIT_S) for task in tasks[30:]] == list(range(30, 60))
    assert tasks[0].result(WAIT_S) == 0


@pytest.mark.usefixtures("_stops")
def test_a_task_that_exceeds_its_time_is_stopped(single: PilotManager, tmp_path: Path) -> None:
    path = tmp_path / "ticks"
    task = _running(single, path, timeout_s=0.5)
    error = task.exception(WAIT_S)
    assert isinstance(error, TaskTimeout)
    assert isinstance(error, TimeoutError)
    assert "timeout_s = 0.5" in str(error)
    assert task.state is TaskState.TIMEOUT
    replacement = single.submit_task(work.pid).result(WAIT_S)
    assert str(replacement) != path.read_text().splitlines()[0]
    assert len(set(path.read_text().splitlines())) == 1  # not tried again
    assert _is_quiet(path)
    assert single.pilots()[0].view.workers == 1


@pytest.mark.usefixtures("_stops")
def test_waiting_for_a_worker_does_not_count_as_running(single: PilotManager, gate: Gate) -> None:
    held = single.submit_task(work.hold, gate.path)
    gate.wait_for()
    task = single.submit_task(TaskDescription(work.echo, (1,), timeout_s=1.0))
    time.sleep(1.2)
    gate.open()
    assert task.result(WAIT_S) == 1
    held.result(WAIT_S)


@pytest.mark.usefixtures("_stops")
def test_a_time_limit_without_end_is_none(single: PilotManager) -> None:
    task = single.submit_task(TaskDescription(work.nap, (0.2,), timeout_s=float("inf")))
    assert task.result(WAIT_S) > 0


def test_an_engine_that_cannot_stop_refuses_time_limits(manager: PilotManager, can_stop: bool) -> None:
    if can_stop:
        pytest.skip("this engine can stop running work")
    with pytest.raises(UnsatisfiableRequest, match="timeout_s"):
        manager.submit_task(TaskDescription(work.echo, (1,), timeout_s=1.0))


def test_exceptions_worth_another_attempt_get_it(manager: PilotManager, tmp_path: Path) -> None:
    rule = Retries(exceptions=3, on=(work.Ask,))
    task = manager.submit_task(TaskDescription(work.fail_until, (str(tmp_path / "calls"), 3), retries=rule))
    assert task.result(WAIT_S) == 3
    assert task.trace().attempt == 3


def test_attempts_end(manager: PilotManager, tmp_path: Path) -> None:
    rule = Retries(exceptions=2, on=(work.Ask,))
    task = manager.submit_task(TaskDescription(work.fail_until, (str(tmp_path / "calls"), 99), retries=rule))
    error = task.exception(WAIT_S)
    assert isinstance(error, work.Ask)
    assert error.code == 3
    assert task.trace().attempt == 3


def test_other_exceptions_are_not_retried(manager: PilotManager, tmp_path: Path) -> None:
    rule = Retries(exceptions=5, on=(KeyError, OSError))
    path = tmp_path / "calls"
    task = manager.submit_task(TaskDescription(work.fail_until, (str(path), 99), retries=rule))
    assert isinstance(task.exception(WAIT_S), work.Ask)
    assert path.read_text().splitlines() == ["called"]


def test_by_default_exceptions_are_not_retried(manager: PilotManager, tmp_path: Path) -> None:
    path = tmp_path / "calls"
    assert isinstance(manager.submit_task(work.fail_until, str(path), 2).exception(WAIT_S), work.Ask)
    assert path.read_text().splitlines() == ["called"]


def test_a_retry_concerns_its_task_alone(manager: PilotManager, tmp_path: Path) -> None:
    rule = Retries(exceptions=1, on=(work.Ask,), backoff_s=0.05)
    descriptions = [TaskDescription(work.fail_if_odd, (n,), retries=rule) for n in range(40)]
    tasks = [manager.submit_task(description) for description in descriptions]
    all_end(tasks)
    assert [task.result() for task in tasks[::2]] == list(range(0, 40, 2))
    assert {task.trace().attempt for task in tasks[::2]} == {1}
    assert {task.trace().attempt for task in tasks[1::2]} == {2}


@pytest.mark.parametrize("ending", ["cancel", "close", "release"])
def test_a_task_that_waits_for_its_next_attempt_can_be_ended(fresh: Fresh, tmp_path: Path, ending: str) -> None:
    pilot = fresh.pilot(**ALONE)
    path = tmp_path / "calls"
    rule = Retries(exceptions=5, on=(work.Ask,), backoff_s=50)
    task = fresh.manager.submit_task(TaskDescription(work.fail_until, (str(path), 99), retries=rule))
    until(path.exists)
    time.sleep(0.3)
    if ending == "cancel":
        assert fresh.manager.cancel(task)
    else:
        (fresh.manager.close if ending == "close" else pilot.release)()
    assert fresh.manager.wait([task], 10)[0] == {task}
    assert task.state is (TaskState.FAILED if ending == "release" else TaskState.CANCELLED)


@pytest.mark.usefixtures("_stops")
def test_a_lost_worker_s_task_is_tried_on_a_new_one(single: PilotManager, tmp_path: Path) -> None:
    task = single.submit_task(work.kill_worker_until, str(tmp_path / "calls"), 3)
    assert task.result(WAIT_S) == 3
    assert task.trace().attempt == 3


@pytest.mark.usefixtures("_stops")
def test_a_task_that_always_kills_its_worker_fails_as_such(single: PilotManager, tmp_path: Path) -> None:
    path = tmp_path / "calls"
    task = single.submit_task(work.kill_worker_until, str(path), 99)
    error = task.exception(WAIT_S)
    assert isinstance(error, WorkerLost)
    assert len(path.read_text().splitlines()) == 3
    assert single.submit_task(work.echo, 1).result(WAIT_S) == 1
