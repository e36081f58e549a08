"""Thousands of tasks under random deaths, cancellations and changes of pilots: each ends exactly once, rightly."""

from __future__ import annotations

import json
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import CancelledError
from pathlib import Path

import pytest

from harness.environment import describe as environment
from pilot_quantum import (
    InvalidDescription,
    Pilot,
    PilotManager,
    PilotState,
    Retries,
    Task,
    TaskDescription,
    TaskState,
    engines,
    summarize,
)
from tests.pilot_quantum import faults
from tests.pilot_quantum.faults import CAN_BE_KILLED, describe, until

pytestmark = pytest.mark.timeout(3600)

WAIT_S = 300.0
PATIENT = Retries(lost_worker=50)


@pytest.fixture(params=[pytest.param(e, marks=pytest.mark.xdist_group(e)) for e in CAN_BE_KILLED])
def engine(request: pytest.FixtureRequest) -> str:
    """Name of an engine."""
    name: str = request.param
    try:
        engines.load(name)
    except InvalidDescription as error:
        pytest.skip(str(error))
    return name


@pytest.fixture
def kills(request: pytest.FixtureRequest) -> int:
    """Workers to kill."""
    return int(request.config.getoption("--kills"))


@pytest.fixture
def count(request: pytest.FixtureRequest) -> int:
    """Tasks to run."""
    return int(request.config.getoption("--tasks"))


@pytest.fixture
def manager(engine: str) -> Iterator[PilotManager]:
    """Return a manager with two pilots of two workers."""
    with PilotManager() as own:
        for name in ("a", "b"):
            own.submit_pilot(describe(engine, name=name)).wait(180)
        yield own


def _work(item: tuple[int, float]) -> int:
    number, seconds = item
    time.sleep(seconds)
    return number * number


def _describe(chance: random.Random, number: int) -> TaskDescription:
    seconds = chance.choice([0.0, 0.0, 0.0, 0.001, 0.003, 0.02])
    name = f"kind-{number % 5}"
    return TaskDescription(_work, ((number, seconds),), retries=PATIENT, name=name, priority=number % 3)


class Ends:
    """Counts how often each task says that it has ended."""

    def __init__(self) -> None:
        self.count: Counter[int] = Counter()
        self._lock = threading.Lock()

    def follow(self, task: Task) -> Task:
        """Count this task's end."""
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: object) -> None:
        assert isinstance(task, Task)
        with self._lock:
            self.count[task.number] += 1


def _kill_one(pilots: tuple[Pilot, ...], chance: random.Random) -> bool:
    ready = [worker for pilot in pilots if not pilot.state.final for worker in pilot._workers if worker.ready]
    if not ready:
        return False
    victim = chance.choice(ready)
    generation = victim.generation
    try:
        os.kill(victim.pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    until(lambda: victim.generation > generation or victim.pilot.state.final, 120)
    return True


@pytest.fixture
def record(request: pytest.FixtureRequest, engine: str) -> Callable[..., None]:
    """Appends what a run saw to the file that was asked for, if any."""
    start_s = time.monotonic()

    def append(**seen: object) -> None:
        wanted = request.config.getoption("--record")
        if wanted is not None:
            row = {"test": request.node.originalname, "engine": engine, "seconds": time.monotonic() - start_s, **seen}
            with Path(wanted).open("a", encoding="utf-8") as file:
                file.write(json.dumps({**row, "environment": environment()}) + "\n")

    return append


def test_random_deaths(manager: PilotManager, count: int, kills: int, record: Callable[..., None]) -> None:
    chance = random.Random(2026)
    ends = Ends()
    lost: list[str] = []
    manager.on("worker_lost", lambda pilot, worker, reason: lost.append(reason))
    tasks = [ends.follow(manager.submit_task(_describe(chance, number))) for number in range(count)]
    killed = 0
    while killed < kills:
        until(lambda: ends.count.total() >= min(count, 0.9 * count * killed / kills), WAIT_S)  # noqa: B023 - at once
        killed += _kill_one(manager.pilots(), chance)
    assert [task.result(WAIT_S) for task in tasks] == [number * number for number in range(count)]
    until(lambda: ends.count.total() >= count)
    assert ends.count == Counter({task.number: 1 for task in tasks})
    summary = summarize(task.trace() for task in tasks)
    assert summary["states"] == {"done": count}
    until(lambda: len(lost) >= killed)
    record(tasks=count, killed=killed, lost=0, ended_twice=0, attempts=summary["attempts"])


def test_everything_at_once(
    manager: PilotManager, engine: str, count: int, kills: int, record: Callable[..., None]
) -> None:
    """Deaths, cancellations, time limits, children, pilots that come, shrink, drain and go, from three threads."""
    chance = random.Random(7)
    ends = Ends()
    tasks: list[tuple[int, Task]] = []
    over = threading.Event()

    def submit() -> None:
        mine = random.Random(1)
        for number in range(count):
            description = _describe(mine, number)
            task = ends.follow(manager.submit_task(description))
            tasks.append((number, task))
            if number % 50 == 0:
                child = manager.submit_task(TaskDescription(faults.square, (task,), retries=PATIENT))
                tasks.append((number**2, ends.follow(child)))
            if number % 97 == 0:
                limited = TaskDescription(faults.square_slowly, (number,), timeout_s=60, retries=PATIENT)
                tasks.append((number, ends.follow(manager.submit_task(limited))))
            if number % 20 == 0:
                time.sleep(0.005)
        over.set()

    def cancel() -> None:
        mine = random.Random(2)
        while not over.wait(0.02):
            if tasks:
                manager.cancel(mine.choice(tasks)[1])

    def change_pilots() -> None:
        mine = random.Random(3)
        number = 0
        while not over.wait(mine.uniform(0.3, 1.0)):
            number += 1
            pilot = manager.submit_pilot(describe(engine, name=f"guest-{number}", cores=2))
            if mine.random() < 0.5:
                pilot.wait(180)
                pilot.resize(1)
                pilot.resize(2)
            (pilot.drain if mine.random() < 0.5 else pilot.release)()

    threads = [threading.Thread(target=function) for function in (submit, cancel, change_pilots)]
    for thread in threads:
        thread.start()
    stable = tuple(pilot for pilot in manager.pilots() if pilot.name in "ab")
    killed = 0
    while killed < kills and not over.is_set():
        killed += _kill_one(stable, chance)
        time.sleep(chance.uniform(0, 0.2))
    for thread in threads:
        thread.join(WAIT_S)
        assert not thread.is_alive()
    assert manager.wait([task for _, task in tasks], WAIT_S)[1] == set()
    for number, task in tasks:
        _check(number, task)
    until(lambda: ends.count.total() >= len(tasks))
    assert ends.count == Counter({task.number: 1 for _, task in tasks})
    assert {pilot.state for pilot in stable} == {PilotState.RUNNING}
    states = summarize(task.trace() for _, task in tasks)["states"]
    record(tasks=len(tasks), killed=killed, lost=0, ended_twice=0, states=states)


def _check(number: int, task: Task) -> None:
    try:
        assert task.result(0) == number * number
    except CancelledError:
        assert task.state is TaskState.CANCELLED
    except Exception as error:  # noqa: BLE001 - the assertion says what it may be
        assert isinstance(error.__cause__, CancelledError), repr(error)  # noqa: PT017 - a child of a cancelled task
