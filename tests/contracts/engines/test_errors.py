"""What goes wrong is told as it happened, and harms nobody else, on every engine."""

from __future__ import annotations

import asyncio
import concurrent.futures
import sys
import threading
import traceback
import types
from typing import Any

import pytest

from pilot_quantum import PilotManager, RemoteError, RemoteTraceback, Task, TaskState
from tests.contracts.engines import nasty
from tests.contracts.engines import tasks as work

pytestmark = pytest.mark.timeout(300)

WAIT_S = 60.0


def _error_of(task: Task) -> BaseException:
    error = task.exception(WAIT_S)
    assert error is not None
    return error


def test_an_exception_comes_back_as_it_was_raised(manager: PilotManager) -> None:
    task = manager.submit_task(work.fail, 7)
    with pytest.raises(work.Ask) as caught:
        task.result(WAIT_S)
    assert caught.value.args == (7, "as asked")
    assert caught.value.code == 7
    assert task.state is TaskState.FAILED


def test_the_worker_s_traceback_is_the_cause(manager: PilotManager) -> None:
    error = _error_of(manager.submit_task(work.fail))
    assert isinstance(error.__cause__, RemoteTraceback)
    printed = "".join(traceback.format_exception(error))
    assert "in fail\n" in printed
    assert 'raise Ask(code, "as asked")' in printed


@pytest.mark.parametrize(
    "error",
    [
        ValueError("bad", 3),
        KeyError("k"),
        OSError(2, "No such file", "/nowhere"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "why"),
        StopIteration(4),
        TimeoutError("mine"),
        asyncio.CancelledError("mine"),
        concurrent.futures.CancelledError("mine"),
        SystemExit(3),
        KeyboardInterrupt("mine"),
        GeneratorExit(),
        ExceptionGroup("both", [ValueError(1), work.Ask(2)]),
    ],
    ids=lambda error: type(error).__name__,
)
def test_any_exception_is_a_failure_and_keeps_type_and_arguments(manager: PilotManager, error: BaseException) -> None:
    task = manager.submit_task(work.fail_with, error)
    found = _error_of(task)
    assert type(found) is type(error)
    assert str(found) == str(error)
    assert task.state is TaskState.FAILED
    assert not task.cancelled()


def test_notes_travel_with_the_exception(manager: PilotManager) -> None:
    error = ValueError("x")
    error.add_note("look here")
    assert _error_of(manager.submit_task(work.fail_with, error)).__notes__ == ["look here"]


@pytest.mark.parametrize(
    ("name", "args", "text"),
    [
        ("Locked", ("the lock holds",), "the lock holds"),
        ("TwoPart", ("this", "that"), "this and that"),
        ("Impostor", ("real text",), "real text"),
        ("QuittingError", ("asked to quit",), "asked to quit"),
    ],
)
def test_an_exception_that_cannot_travel_is_told_as_text(
    manager: PilotManager, name: str, args: tuple[str, ...], text: str
) -> None:
    error = _error_of(manager.submit_task(nasty.throw, name, *args))
    assert isinstance(error, RemoteError)
    assert name in str(error)
    assert text in str(error)
    assert "in throw" in str(error.__cause__)


def test_an_exception_that_refuses_attributes_comes_back(manager: PilotManager) -> None:
    error = _error_of(manager.submit_task(nasty.throw, "Sealed", "shut"))
    assert isinstance(error, nasty.Sealed | RemoteError)
    assert "shut" in str(error)


def test_an_exception_that_cannot_even_say_what_it_is_comes_back(manager: PilotManager) -> None:
    error = _error_of(manager.submit_task(nasty.throw, "BrokenText"))
    assert isinstance(error, nasty.BrokenText | RemoteError)
    assert "BrokenText" in str(error.__cause__)


@pytest.mark.parametrize(("maker", "kind"), [(nasty.make_lock, "lock"), (nasty.make_generator, "generator")])
def test_a_result_that_cannot_be_pickled_is_an_error_that_names_it(
    manager: PilotManager, maker: Any, kind: str
) -> None:
    task = manager.submit_task(maker)
    error = _error_of(task)
    assert "result" in str(error)
    assert kind in str(error)
    assert task.state is TaskState.FAILED


@pytest.mark.parametrize("name", ["BrokenAtHome", "Quitting"])
def test_a_result_that_cannot_be_rebuilt_is_an_error(manager: PilotManager, name: str) -> None:
    error = _error_of(manager.submit_task(nasty.make, name))
    assert isinstance(error, RemoteError)
    assert "result" in str(error)


def test_failures_spare_the_other_tasks_of_a_batch(manager: PilotManager) -> None:
    tasks = manager.submit_tasks(work.fail_if_odd, range(400))
    outcomes = [error.code if (error := task.exception(WAIT_S)) else task.result() for task in tasks]  # type: ignore[attr-defined]  # Ask's
    assert outcomes == list(range(400))
    assert [task.state for task in tasks] == [TaskState.DONE, TaskState.FAILED] * 200


def test_unpicklable_results_spare_the_other_tasks_of_a_batch(manager: PilotManager) -> None:
    tasks = manager.submit_tasks(lambda n: threading.Lock() if n % 3 == 0 else [n], range(60))
    done = [None if task.exception(WAIT_S) else task.result() for task in tasks]
    assert done == [None if n % 3 == 0 else [n] for n in range(60)]


def test_an_argument_that_cannot_be_pickled_is_refused_at_once(manager: PilotManager) -> None:
    for submit in (
        lambda: manager.submit_task(work.echo, threading.Lock()),
        lambda: manager.submit_task(work.many, lock=threading.Lock()),
        lambda: manager.submit_tasks(work.echo, [1, threading.Lock()]),
    ):
        with pytest.raises(TypeError, match="lock"):
            submit()


def test_a_function_that_cannot_be_pickled_is_refused_at_once(manager: PilotManager) -> None:
    lock = threading.Lock()
    with pytest.raises(TypeError, match="lock"):
        manager.submit_task(lambda: lock.locked())
    with pytest.raises(TypeError, match="lock"):
        manager.submit_task(lock.locked)


@pytest.mark.parametrize("name", ["BrokenAtHome", "Quitting"])
def test_an_argument_that_cannot_be_rebuilt_fails_its_task(manager: PilotManager, name: str) -> None:
    bad = manager.submit_task(nasty.no_rebuild_of_argument, nasty.make(name))
    good = manager.submit_task(nasty.no_rebuild_of_argument, 1)
    assert isinstance(_error_of(bad), ValueError | SystemExit)
    assert good.result(WAIT_S) is None


def test_a_function_the_worker_cannot_import_fails_every_task_alike(
    engine: str, manager: PilotManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    ghost = types.ModuleType("ghost_module")
    exec("def appear(n): return n", ghost.__dict__)  # noqa: S102 - a module that only the driver has
    monkeypatch.setitem(sys.modules, "ghost_module", ghost)
    tasks = [manager.submit_task(ghost.appear, number) for number in range(8)]
    for task in tasks:
        task.exception(WAIT_S)
    if engine == "inline":
        assert [task.result(WAIT_S) for task in tasks] == list(range(8))
        return
    assert {type(_error_of(task)) for task in tasks} == {ModuleNotFoundError}
    assert all("ghost_module" in str(_error_of(task)) for task in tasks)


def test_a_callback_that_fails_or_exits_harms_nobody(manager: PilotManager, caplog: pytest.LogCaptureFixture) -> None:
    called: list[object] = []

    def callback(ended: concurrent.futures.Future[Any]) -> None:
        called.append(ended)
        ended.result()  # raises SystemExit, as the task did

    task = manager.submit_task(work.exit_now)
    task.add_done_callback(callback)
    task.add_done_callback(called.append)
    assert isinstance(_error_of(task), SystemExit)
    assert manager.submit_task(work.echo, 1).result(WAIT_S) == 1
    assert called == [task, task]
