"""Real processes, really killed: no task is lost, none runs to an end twice, nothing hangs."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from pilot_quantum import (
    InvalidDescription,
    MemoryExceeded,
    PilotFailed,
    PilotManager,
    PilotState,
    Retries,
    TaskDescription,
    TaskState,
    TaskTimeout,
    UnsatisfiableRequest,
    WorkerLost,
    engines,
)
from tests.pilot_quantum import faults
from tests.pilot_quantum.faults import CAN_BE_KILLED, alive, describe, until

pytestmark = pytest.mark.timeout(300)

WAIT_S = 60.0
ONCE = Retries(lost_worker=0)


@pytest.fixture(scope="module", params=[pytest.param(e, marks=pytest.mark.xdist_group(e)) for e in CAN_BE_KILLED])
def engine(request: pytest.FixtureRequest) -> str:
    """Name of an engine."""
    name: str = request.param
    try:
        engines.load(name)
    except InvalidDescription as error:
        pytest.skip(str(error))
    return name


@pytest.fixture(scope="module")
def manager(engine: str) -> Iterator[PilotManager]:
    """Return a manager with one pilot of two workers, which every test leaves as it was."""
    with PilotManager() as own:
        own.submit_pilot(describe(engine, name="p")).wait(180)
        yield own


@pytest.fixture(scope="module")
def single(engine: str) -> Iterator[PilotManager]:
    """Return a manager with one pilot of one worker, which every test leaves as it was."""
    with PilotManager() as own:
        own.submit_pilot(describe(engine, name="p", cores=1)).wait(180)
        yield own


@pytest.fixture
def fresh(engine: str, single: PilotManager) -> Iterator[PilotManager]:
    """Return a manager with one pilot of one worker, to be ended; another one keeps a Ray cluster up meanwhile."""
    with PilotManager() as own:
        own.submit_pilot(describe(engine, name="p", cores=1)).wait(180)
        yield own


def _learn(manager: PilotManager, function: object, item: object) -> None:
    """Let the manager learn that a function is quick, so that its tasks are packed."""
    manager.wait(manager.submit_tasks(function, [item] * 600), WAIT_S)  # type: ignore[arg-type]  # any function


def _pids(path: Path) -> list[int]:
    until(lambda: path.exists() and path.read_text().endswith("\n"))
    return [int(word) for word in path.read_text().split()]


# Workers.


def test_a_task_whose_worker_is_killed_is_done_by_another(single: PilotManager, tmp_path: Path) -> None:
    path = tmp_path / "attempts"
    task = single.submit_task(faults.sleep_once, str(path))
    (first,) = _pids(path)
    os.kill(first, signal.SIGKILL)
    assert task.result(WAIT_S) == 2
    assert len(set(_pids(path))) == 2
    assert task.trace().attempt == 2


def test_an_idle_worker_that_dies_is_replaced(single: PilotManager) -> None:
    first = single.submit_task(faults.my_pid).result(WAIT_S)
    os.kill(first, signal.SIGKILL)
    until(lambda: not psutil.pid_exists(first) or psutil.Process(first).status() == psutil.STATUS_ZOMBIE)
    assert single.submit_task(faults.my_pid).result(WAIT_S) != first


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("segfault", "SIGSEGV"),
        ("abort", "SIGABRT"),
        ("os._exit", "code 3"),
        ("nameless signal", "signal 37"),
        ("stopped interpreter", "code 0"),
        ("closed files", ""),
    ],
)
def test_a_crash_is_told_with_its_kind(engine: str, single: PilotManager, how: str, said: str) -> None:
    if engine != "processes" and how in ("closed files", "stopped interpreter"):
        pytest.skip("left to the engine's library")
    task = single.submit_task(TaskDescription(faults.die_by, (how,), retries=ONCE))
    error = task.exception(WAIT_S)
    assert isinstance(error, WorkerLost)
    assert "die_by" in str(error)
    assert "'p'" in str(error)
    if engine != "ray":  # which does not tell
        assert said in str(error)
    assert single.submit_task(faults.square, 3).result(WAIT_S) == 9


def test_a_deadly_task_fails_alone(single: PilotManager) -> None:
    """Packed with innocent tasks, it is tried three times; they are all done, each once."""
    _learn(single, faults.kill_if_chosen, (0, -1))
    tasks = single.submit_tasks(faults.kill_if_chosen, [(number, 20) for number in range(60)])
    ended: list[object] = []
    for task in tasks:
        task.add_done_callback(ended.append)
    error = tasks[20].exception(WAIT_S)
    assert isinstance(error, WorkerLost)
    assert "attempt 3" in str(error)
    assert [task.result(WAIT_S) for task in tasks[:20] + tasks[21:]] == [*range(20), *range(21, 60)]
    until(lambda: len(ended) >= 60)
    assert Counter(ended) == Counter(tasks)


def test_a_worker_killed_while_it_receives_is_replaced(single: PilotManager, tmp_path: Path) -> None:
    data = bytes(50_000_000)
    path = str(tmp_path / "attempts")
    tasks = [single.submit_task(faults.kill_first_time, path, data) for _ in range(4)]
    assert [task.result(WAIT_S) for task in tasks] == [len(data)] * 4


def test_a_death_is_noticed_though_a_child_lives_on(single: PilotManager, tmp_path: Path) -> None:
    """The forked child has inherited whatever connects the worker with the driver."""
    path = tmp_path / "child"
    task = single.submit_task(TaskDescription(faults.fork_and_die, (str(path),), retries=ONCE))
    assert isinstance(task.exception(WAIT_S), WorkerLost)
    assert single.submit_task(faults.square, 3).result(WAIT_S) == 9
    (child,) = _pids(path)
    until(lambda: not _runs(child))


def _runs(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("ending", ["timeout", "cancel", "release", "close"])
def test_what_a_stopped_task_has_started_is_stopped_too(fresh: PilotManager, tmp_path: Path, ending: str) -> None:
    path = tmp_path / "children"
    limit = 2.0 if ending == "timeout" else None
    task = fresh.submit_task(TaskDescription(faults.start_children, (str(path),), timeout_s=limit))
    pids = _pids(path)
    assert len(pids) == 3
    if ending == "timeout":
        assert isinstance(task.exception(WAIT_S), TaskTimeout)
    elif ending == "cancel":
        assert fresh.cancel(task)
    elif ending == "release":
        fresh.pilots()[0].release()
    else:
        fresh.close()
    until(lambda: not any(map(_runs, pids)))
    assert task.done()


@pytest.mark.parametrize("way", ["in C", "stopped"])
def test_hanging_workers_do_not_hold_up_the_end(engine: str, single: PilotManager, tmp_path: Path, way: str) -> None:
    path = tmp_path / "pids"
    with PilotManager() as own:
        own.submit_pilot(describe(engine)).wait(WAIT_S)
        function = faults.spin_in_c if way == "in C" else faults.say_and_sleep
        tasks = [own.submit_task(function, str(path)) for _ in range(2)]
        until(lambda: path.exists() and len(path.read_text().split()) == 2)
        pids = _pids(path)
        if way == "stopped":
            for pid in pids:
                os.kill(pid, signal.SIGSTOP)
    assert {task.state for task in tasks} == {TaskState.CANCELLED}
    until(lambda: not any(map(_runs, pids)))


def test_random_deaths_lose_no_task_and_double_none(manager: PilotManager) -> None:
    """Ten workers die at random while a thousand tasks run."""
    ended: list[object] = []
    lost: list[str] = []
    manager.on("worker_lost", lambda pilot, worker, reason: lost.append(reason))
    rule = Retries(lost_worker=12)  # enough that bad luck cannot use them up
    descriptions = [TaskDescription(faults.square_slowly, (number,), retries=rule) for number in range(1000)]
    tasks = [manager.submit_task(description) for description in descriptions]
    for task in tasks:
        task.add_done_callback(ended.append)
    chance = random.Random(7)
    for kill in range(10):
        until(lambda: len(ended) >= 80 * kill)  # noqa: B023 - called before the next round
        _kill_a_worker(manager, chance)
    assert [task.result(WAIT_S) for task in tasks] == [number * number for number in range(1000)]
    until(lambda: len(ended) >= 1000)
    assert Counter(ended) == Counter(tasks)
    until(lambda: len(lost) == 10)


def _kill_a_worker(manager: PilotManager, chance: random.Random) -> None:
    (pilot,) = manager.pilots()
    until(lambda: any(worker.ready for worker in pilot._workers))
    time.sleep(chance.uniform(0, 0.02))
    victim = chance.choice([worker for worker in pilot._workers if worker.ready])
    generation = victim.generation
    os.kill(victim.pid, signal.SIGKILL)
    until(lambda: victim.generation > generation)


def test_a_task_that_eats_the_memory_is_stopped(engine: str, single: PilotManager) -> None:
    with PilotManager() as own:
        own.submit_pilot(describe(engine, name="small", memory_per_node=1500 * 2**20)).wait(WAIT_S)
        hungry = own.submit_task(TaskDescription(faults.leak, (6000,), retries=ONCE))
        modest = own.submit_tasks(faults.square_slowly, range(200))
        error = hungry.exception(WAIT_S)
        assert isinstance(error, MemoryExceeded)
        assert "MiB" in str(error)
        assert [task.result(WAIT_S) for task in modest] == [number * number for number in range(200)]


# Pilots that cannot start.


@pytest.mark.parametrize(
    ("interpreter", "said"), [("/bin/false", "code 1"), ("/no/such/python", "/no/such/python")], ids=["dies", "missing"]
)
def test_a_pilot_whose_workers_cannot_start_fails_with_the_reason(
    monkeypatch: pytest.MonkeyPatch, interpreter: str, said: str
) -> None:
    with PilotManager() as own:
        monkeypatch.setattr(sys, "executable", interpreter)
        pilot = own.submit_pilot(describe("processes", name="lame"))
        task = own.submit_task(faults.square, 1)
        with pytest.raises(PilotFailed, match="lame") as caught:
            pilot.wait(WAIT_S)
        assert said in str(caught.value)
        assert pilot.state is PilotState.FAILED
        error = task.exception(WAIT_S)
        assert isinstance(error, UnsatisfiableRequest)
        assert isinstance(error.__cause__, PilotFailed)
        with pytest.raises(UnsatisfiableRequest):
            own.submit_task(faults.square, 1)


def test_the_tasks_of_a_failed_pilot_go_to_another(monkeypatch: pytest.MonkeyPatch) -> None:
    with PilotManager() as own:
        monkeypatch.setattr(sys, "executable", "/no/such/python")
        lame = own.submit_pilot(describe("processes", name="lame"))
        own.submit_pilot(describe("inline", name="well"))
        tasks = own.submit_tasks(faults.square, range(20), pilot=["lame", "well"])
        assert [task.result(WAIT_S) for task in tasks] == [number * number for number in range(20)]
        until(lambda: lame.state is PilotState.FAILED)
        assert own.submit_task(faults.square, 3, pilot=["lame", "well"]).result(WAIT_S) == 9


def test_nothing_is_left_of_all_this(manager: PilotManager) -> None:
    """Replaced workers are gone, and so are their threads' files."""
    before = len(psutil.Process().open_files()) + psutil.Process().num_fds()
    for _ in range(5):
        pid = manager.submit_task(faults.my_pid).result(WAIT_S)
        os.kill(pid, signal.SIGKILL)
        until(lambda pid=pid: not _runs(pid))  # type: ignore[misc]  # mypy wants no defaults in lambdas
        assert manager.submit_task(faults.square, 2).result(WAIT_S) == 4
    until(lambda: len(psutil.Process().open_files()) + psutil.Process().num_fds() <= before + 4)
    workers = {worker.pid for worker in manager.pilots()[0]._workers}
    mine = [p for p in psutil.Process().children() if "_process_worker" in " ".join(p.cmdline())]
    assert len(alive(mine)) <= len(workers) + 1
