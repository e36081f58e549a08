"""The engine contract: one suite, run for every registered engine; a new engine is covered without an edit here.

Each engine's pilot is started once. The group mark keeps all tests of one engine in one process of a parallel run, so
that there is one Ray cluster at a time.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pilot_quantum import InvalidDescription, Pilot, PilotDescription, PilotManager, TaskState, engines
from pilot_quantum._functions import FunctionTable

START_S = 180.0


@pytest.fixture(
    scope="session",
    params=[pytest.param(name, marks=pytest.mark.xdist_group(name)) for name in engines.names()],
)
def engine(request: pytest.FixtureRequest) -> str:
    """Name of an engine; skipped with the reason if what it needs is not installed."""
    name: str = request.param
    try:
        engines.load(name)
    except InvalidDescription as error:
        pytest.skip(str(error))
    return name


@pytest.fixture(scope="session")
def can_stop(engine: str) -> bool:
    """Whether the engine can stop a task in the middle of its work."""
    return engines.load(engine).can_stop


class Shared:
    """A manager with its pilots that tests share; replaced after a test that broke it."""

    def __init__(self, engine: str, **cores: int) -> None:
        self._engine = engine
        self._cores = cores
        self._manager: PilotManager | None = None

    def get(self) -> PilotManager:
        """Return the manager, with its pilots up, and nothing learned about any function."""
        if self._manager is None:
            self._manager = PilotManager()
            for name, cores in self._cores.items():
                self._manager.submit_pilot(describe(self._engine, name=name, cores_per_node=cores))
            for pilot in self._manager.pilots():
                pilot.wait(START_S)
        self._manager._functions = FunctionTable()
        self._manager._lanes.clear()
        return self._manager

    def check(self) -> None:
        """Fail, and forget the manager, if it does not work any more."""
        manager = self.get()
        try:
            tasks = [task for name in self._cores for task in manager.submit_tasks(abs, range(-3, 0), pilot=name)]
            assert [task.result(20) for task in tasks] == [3, 2, 1] * len(self._cores)
        except BaseException:
            self._manager = None
            threading.Thread(target=manager.close, daemon=True).start()  # might hang
            raise

    def close(self) -> None:
        """Close the manager."""
        if self._manager is not None:
            self._manager.close()


def _shared(engine: str, **cores: int) -> Iterator[Shared]:
    shared = Shared(engine, **cores)
    yield shared
    shared.close()


@pytest.fixture(scope="session")
def _main(engine: str) -> Iterator[Shared]:
    yield from _shared(engine, main=2)


@pytest.fixture(scope="session")
def _single(engine: str, _main: Shared) -> Iterator[Shared]:
    yield from _shared(engine, single=1)


@pytest.fixture(scope="session")
def _pair(engine: str, _main: Shared) -> Iterator[Shared]:
    yield from _shared(engine, a=1, b=1)


def _lent(shared: Shared) -> Iterator[PilotManager]:
    yield shared.get()
    shared.check()


@pytest.fixture
def manager(_main: Shared) -> Iterator[PilotManager]:
    """Return a manager with one pilot ``main`` of two cores; afterwards it must be as well as before."""
    yield from _lent(_main)


@pytest.fixture
def single(_single: Shared) -> Iterator[PilotManager]:
    """Return a manager with one pilot of one core; afterwards it must be as well as before."""
    yield from _lent(_single)


@pytest.fixture
def pair(_pair: Shared) -> Iterator[PilotManager]:
    """Return a manager with pilots ``a`` and ``b`` of one core each; afterwards it must be as well as before."""
    yield from _lent(_pair)


@dataclass
class Fresh:
    """A manager of the test's own, and how to add pilots of the tested engine to it."""

    manager: PilotManager
    engine: str
    _names: Iterator[int] = field(default_factory=itertools.count)

    def pilot(self, name: str = "", *, wait: bool = True, **wanted: Any) -> Pilot:
        """Add a pilot of two cores, or as described, and wait until it is up."""
        pilot = self.manager.submit_pilot(describe(self.engine, name=name, **wanted))
        return pilot.wait(START_S) if wait else pilot


@pytest.fixture
def fresh(engine: str, _main: Shared) -> Iterator[Fresh]:
    """Return a manager without pilots; the shared one stays up, and with it what the engine's pilots have in common."""
    _main.get()
    with PilotManager() as own:
        yield Fresh(own, engine)


@dataclass(frozen=True)
class Gate:
    """Holds tasks until the test opens it: pass ``path`` to `tasks.hold`."""

    path: str

    def open(self) -> None:
        """Let the tasks go on."""
        Path(self.path).touch()

    def wait_for(self, count: int = 1) -> None:
        """Wait until so many tasks stand at the gate."""
        started = Path(f"{self.path}.started")
        until(lambda: started.exists() and len(started.read_text().splitlines()) >= count)


@pytest.fixture
def gates(tmp_path: Path) -> Iterator[Callable[[], Gate]]:
    """Return a maker of gates; all of them open at the end, lest a failed test leaves a held task behind."""
    made: list[Gate] = []

    def make() -> Gate:
        made.append(Gate(str(tmp_path / f"gate-{len(made)}")))
        return made[-1]

    yield make
    for gate in made:
        gate.open()


@pytest.fixture
def gate(gates: Callable[[], Gate]) -> Gate:
    """Return a gate."""
    return gates()


def describe(engine: str, *, name: str = "", **wanted: Any) -> PilotDescription:
    """Return the description of a pilot of two cores on any machine."""
    wanted.setdefault("cores_per_node", 2)
    return PilotDescription(name=name, engine=engine, launcher_options={"oversubscribe": True}, **wanted)


def until(true: Callable[[], bool], timeout_s: float = 60.0) -> None:
    """Wait for a condition that another process or thread brings about."""
    end_s = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < end_s, f"not within {timeout_s:g} s"
        time.sleep(0.01)


def all_end(tasks: list[Any], timeout_s: float = 60.0) -> list[TaskState]:
    """Wait for tasks without looking at their results; fail if one does not end."""
    end_s = time.monotonic() + timeout_s
    for task in tasks:
        until(task.done, max(0.01, end_s - time.monotonic()))
    return [task.state for task in tasks]
