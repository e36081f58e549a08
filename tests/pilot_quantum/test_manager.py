"""The manager against engines and launchers that misbehave, and against itself being used from many threads."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from functools import partial

import psutil
import pytest

from pilot_quantum import (
    InvalidDescription,
    ManagerClosed,
    PilotDescription,
    PilotFailed,
    PilotManager,
    PilotState,
    Task,
    TaskDescription,
    TaskState,
    UnsatisfiableRequest,
    _keeper,
    engines,
    launchers,
)
from pilot_quantum._scheduler import Scheduler
from pilot_quantum.engines import WorkerSlot
from pilot_quantum.engines.inline import InlineEngine
from pilot_quantum.launchers import Allocation
from pilot_quantum.launchers.local import LocalLauncher
from tests.pilot_quantum.faults import alive, square, until

WAIT_S = 60.0


class NoStart(InlineEngine):
    def start(self, allocation: Allocation) -> None:
        raise LookupError("the engine's library is broken")


class NoWorker(InlineEngine):
    def start_worker(self, slot: WorkerSlot) -> None:
        raise LookupError("no worker today")


class SilentWorker(InlineEngine):
    def start_worker(self, slot: WorkerSlot) -> None:
        pass


class NoSend(InlineEngine):
    def send(self, index: int, payload: bytes) -> None:
        raise LookupError("the line is down")


class NoClose(InlineEngine):
    def close(self) -> None:
        super().close()
        raise LookupError("cannot close")


class Curious(InlineEngine):
    """Lets the test act while the scheduler compares pilots."""

    asked: Callable[[], None] | None = None

    @property
    def can_stop(self) -> bool:  # type: ignore[override]  # the point: it is looked at during the comparison
        if Curious.asked is not None and threading.current_thread().name == "pilot-scheduler":
            action, Curious.asked = Curious.asked, None
            action()
        return True


class SlowLauncher(LocalLauncher):
    """Waits for its resources, as in a batch system's queue, until they come or are given up."""

    waiting = threading.Event()
    granted = threading.Event()

    def acquire(self) -> Allocation:
        self.waiting.set()
        self.granted.wait(WAIT_S)
        return super().acquire()

    def release(self) -> None:
        self.granted.set()


@pytest.fixture(autouse=True)
def _members(monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (NoStart, NoWorker, SilentWorker, NoSend, NoClose, Curious):
        monkeypatch.setitem(engines._BUILT_IN, kind.__name__, f"{__name__}:{kind.__name__}")
    monkeypatch.setitem(launchers._BUILT_IN, "slow", f"{__name__}:SlowLauncher")
    monkeypatch.setitem(sys.modules, __name__, sys.modules[NoStart.__module__])
    SlowLauncher.waiting.clear()
    SlowLauncher.granted.clear()
    Curious.asked = None


@pytest.fixture
def manager() -> Iterator[PilotManager]:
    with PilotManager() as own:
        yield own


# Engines that misbehave.


@pytest.mark.parametrize(
    ("engine", "said"),
    [("NoStart", "library is broken"), ("NoWorker", "no worker today"), ("SilentWorker", "report in")],
)
def test_a_pilot_that_cannot_start_fails_and_so_do_its_tasks(
    manager: PilotManager, monkeypatch: pytest.MonkeyPatch, engine: str, said: str
) -> None:
    monkeypatch.setattr(_keeper, "START_TIMEOUT_S", 0.1)
    pilot = manager.submit_pilot(PilotDescription(name="lame", engine=engine, launcher="slow"))
    task = manager.submit_task(square, 1)
    SlowLauncher.granted.set()
    with pytest.raises(PilotFailed, match=said):
        pilot.wait(WAIT_S)
    assert pilot.state is PilotState.FAILED
    error = task.exception(WAIT_S)
    assert isinstance(error, UnsatisfiableRequest)
    assert isinstance(error.__cause__, PilotFailed)
    manager.submit_pilot(PilotDescription(engine="inline"))
    assert manager.submit_task(square, 3).result(WAIT_S) == 9


def test_a_line_that_is_down_loses_the_worker_not_the_manager(manager: PilotManager) -> None:
    manager.submit_pilot(PilotDescription(name="mute", engine="NoSend"))
    manager.submit_pilot(PilotDescription(name="well", engine="inline"))
    task = manager.submit_task(square, 3, pilot="mute")
    assert "line is down" in str(task.exception(WAIT_S))
    assert manager.submit_task(square, 4, pilot="well").result(WAIT_S) == 16


def test_an_engine_that_cannot_close_holds_nobody_up(caplog: pytest.LogCaptureFixture) -> None:
    with PilotManager() as own:
        pilot = own.submit_pilot(PilotDescription(engine="NoClose")).wait(WAIT_S)
        assert own.submit_task(square, 3).result(WAIT_S) == 9
        pilot.release()
        assert pilot.state is PilotState.DONE
        own.submit_pilot(PilotDescription(engine="NoClose")).wait(WAIT_S)
    until(lambda: caplog.text.count("LookupError: cannot close") == 2)


# Pilots that wait in a queue.


def test_tasks_wait_for_a_pilot_in_the_queue(manager: PilotManager) -> None:
    pilot = manager.submit_pilot(PilotDescription(engine="inline", launcher="slow"))
    task = manager.submit_task(square, 3)
    assert SlowLauncher.waiting.wait(WAIT_S)
    assert pilot.state is PilotState.PENDING
    assert task.state is TaskState.QUEUED
    with pytest.raises(TimeoutError, match="0 of 1 workers"):
        pilot.wait(0.05)
    SlowLauncher.granted.set()
    assert task.result(WAIT_S) == 9


@pytest.mark.parametrize("ending", ["release", "drain", "close"])
def test_a_pilot_in_the_queue_can_be_given_up(ending: str) -> None:
    manager = PilotManager()
    pilot = manager.submit_pilot(PilotDescription(engine="inline", launcher="slow"))
    task = manager.submit_task(square, 3)
    assert SlowLauncher.waiting.wait(WAIT_S)
    action = {"release": pilot.release, "drain": pilot.drain, "close": manager.close}[ending]
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    thread.join(10)
    assert not thread.is_alive(), "it waits for resources that nobody wants any more"
    until(task.done)
    until(lambda: pilot.state is PilotState.DONE)
    assert task.state in (TaskState.FAILED, TaskState.CANCELLED)
    manager.close()
    assert pilot.state is PilotState.DONE


# Threads.


def test_a_pilot_may_come_while_others_are_compared(manager: PilotManager) -> None:
    for _ in range(3):
        manager.submit_pilot(PilotDescription(engine="Curious")).wait(WAIT_S)

    def add_one() -> None:
        thread = threading.Thread(target=manager.submit_pilot, args=(PilotDescription(engine="inline"),))
        thread.start()
        thread.join(0.5)

    Curious.asked = add_one
    task = manager.submit_task(TaskDescription(square, (3,), timeout_s=100))
    assert task.result(WAIT_S) == 9
    assert len(manager.pilots()) == 4
    assert manager.submit_task(square, 4).result(WAIT_S) == 16


def test_tasks_that_come_while_orphans_are_told_are_not_forgotten(manager: PilotManager) -> None:
    """A pilot ends; the first orphan's callback lets a submission that was under way finish."""
    SlowLauncher.granted.clear()
    pilot = manager.submit_pilot(PilotDescription(engine="inline", launcher="slow"))
    first = [manager.submit_task(square, number) for number in range(5)]
    consumed, go_on = threading.Event(), threading.Event()
    late: list[Task] = []

    def items() -> Iterator[int]:
        yield 1
        consumed.set()
        go_on.wait(WAIT_S)
        yield 2

    thread = threading.Thread(target=lambda: late.extend(manager.submit_tasks(square, items())))
    thread.start()
    assert consumed.wait(WAIT_S)

    def orphaned(_: object) -> None:
        go_on.set()
        thread.join(0.5)

    first[0].add_done_callback(orphaned)
    pilot.release()
    thread.join(WAIT_S)
    assert len(late) == 2
    assert manager.wait([*first, *late], WAIT_S)[1] == set()
    assert {task.state for task in [*first, *late]} == {TaskState.FAILED}


def test_two_threads_cannot_take_one_name(manager: PilotManager) -> None:
    refused: list[Exception] = []
    start = threading.Barrier(8)

    def submit() -> None:
        start.wait(WAIT_S)
        try:
            manager.submit_pilot(PilotDescription(name="mine", engine="inline"))
        except InvalidDescription as error:
            refused.append(error)

    threads = [threading.Thread(target=submit) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(WAIT_S)
    assert len(refused) == 7
    assert [pilot.name for pilot in manager.pilots()] == ["mine"]


def test_many_threads_may_end_everything_at_once() -> None:
    for _ in range(10):
        manager = PilotManager()
        pilot = manager.submit_pilot(PilotDescription(engine="inline")).wait(WAIT_S)
        tasks = manager.submit_tasks(square, range(200))
        actions: list[Callable[[], object]] = [pilot.release, pilot.drain, manager.close, manager.close]
        actions += [partial(manager.cancel, task) for task in tasks[-4:]]
        threads = [threading.Thread(target=action, daemon=True) for action in actions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(WAIT_S)
            assert not thread.is_alive()
        assert manager.wait(tasks, WAIT_S)[1] == set()


# When the scheduler itself fails.


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # it is raised again, on purpose
def test_a_failed_scheduler_ends_everything_with_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    others = psutil.Process().children()
    with PilotManager() as own:
        pilot = own.submit_pilot(PilotDescription(engine="processes", cores_per_node=1)).wait(WAIT_S)
        workers = [child for child in psutil.Process().children() if child not in others]
        queued = own.submit_tasks(square, range(100), pilot=pilot.name)
        own.wait(queued, WAIT_S)

        def broken(*_: object) -> None:
            raise RuntimeError("a bug")

        monkeypatch.setattr(Scheduler, "message_answered", broken)
        tasks: list[Task] = []
        try:
            tasks = [own.submit_task(square, number) for number in range(50)]
        except ManagerClosed as error:
            assert "a bug" in str(error)  # noqa: PT017 - either is right, depending on who is faster
        for task in tasks:
            assert isinstance(task.exception(WAIT_S), ManagerClosed)
            assert "a bug" in str(task.exception())
        with pytest.raises(ManagerClosed):
            own.submit_task(square, 1)
        with pytest.raises(ManagerClosed):
            own.submit_pilot(PilotDescription(engine="inline"))
        assert not any(own.cancel(task) for task in tasks)
        pilot.release()
        assert pilot.state is PilotState.FAILED
    until(lambda: not alive(workers))
