"""One pairing of ours with a peer, in a process of its own: ``python -m harness.peers.dispatch_session JSON FILE``.

Both sides are open with the same number of workers for the whole session, and take turns: in each round every way runs
once, in an order that rotates, so that whatever else the machine does meets all of them. Before each sample the garbage
collector has run; every result is compared with what it must be.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from harness.environment import load
from miniapps.dispatch import kernels

from .dispatch_systems import SYSTEMS, Kernel, Way

_KERNELS: Final[dict[str, Kernel]] = {"noop": kernels.noop, "sleep": kernels.sleep}
_WARM_UP: Final = {"noop": 200, "sleep": 20}
_HELD_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Cell:
    """One measurement that every way of a session makes.

    Attributes
    ----------
    task
        ``"noop"`` or ``"sleep"``.
    n
        Number of tasks.
    function
        ``"known"`` to the workers, or ``"new"`` for each sample.
    """

    task: str
    n: int
    function: str = "known"


@dataclass(frozen=True, slots=True)
class Session:
    """What one process measures.

    Attributes
    ----------
    systems
        Keys of `SYSTEMS` that take turns.
    cells
        What is measured, in this order.
    workers
        Of each system.
    rounds
        Samples of each way in each cell.
    trips
        Round trips of each system.
    budget_s
        A way that would need longer than this for one sample is left out of a cell; one that would need longer for all
        its samples gets fewer.
    weigh
        Measure only what a queued task of the first system occupies.
    """

    systems: tuple[str, ...]
    cells: tuple[Cell, ...] = ()
    workers: int = 2
    rounds: int = 7
    trips: int = 300
    budget_s: float = 45.0
    weigh: bool = False

    def as_json(self) -> str:
        """Return the session as JSON text."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Session:
        """Return the session that a JSON text describes."""
        data = json.loads(text)
        cells = tuple(Cell(**cell) for cell in data.pop("cells"))
        return cls(**{**data, "systems": tuple(data["systems"]), "cells": cells})


@dataclass(slots=True)
class Row:
    """The samples of one way in one cell, in seconds; ``left_out`` says why there are none."""

    system: str
    way: str
    cell: Cell
    seconds: list[float] = field(default_factory=list)
    left_out: str | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the row as plain JSON values."""
        row = {"system": self.system, "way": self.way, **asdict(self.cell), "seconds": self.seconds}
        return row if self.left_out is None else {**row, "left_out": self.left_out}


class WrongResult(RuntimeError):
    """A system did not return what the tasks returned."""


def run(session: Session) -> dict[str, Any]:
    """Measure a session; see the module's text.

    Returns
    -------
    dict
        ``rows`` (`Row.as_dict`), ``round_trips`` {system: seconds}, ``load_before``; or, when weighing, ``weights``
        {way: bytes}.
    """
    before = load()
    with ExitStack() as stack:
        opened = {name: stack.enter_context(SYSTEMS[name].opened(session.workers)) for name in session.systems}
        if session.weigh:
            (ways,) = opened.values()
            return {"weights": {ways[0].name: _weight(ways[0], session.workers)}, "load_before": before}
        pace = _Pace(session, opened)
        rows = [row for cell in session.cells for row in pace.cell(cell)]
        trips = _round_trips({name: ways[0] for name, ways in opened.items() if ways[0].only is None}, session.trips)
    return {"rows": [row.as_dict() for row in rows], "round_trips": trips, "load_before": before}


class _Pace:
    """Runs cells, and knows from earlier ones how long the next will take."""

    def __init__(self, session: Session, opened: dict[str, list[Way]]) -> None:
        self._session = session
        self._ways = [(system, way) for system, ways in opened.items() for way in ways]
        self._rates: dict[tuple[str, str, str], float] = {}
        for task in dict.fromkeys(cell.task for cell in session.cells):
            for system, way in 2 * self._ways:  # the first time starts workers, the second one tells the rate
                if way.only in (None, task):
                    self._sample(system, way, Cell(task, _WARM_UP[task]))

    def cell(self, cell: Cell) -> list[Row]:
        """Return the rows of a cell, one for each way that can run its task."""
        rows = {
            (system, way.name): Row(system, way.name, cell, left_out=self._why_not(system, way, cell))
            for system, way in self._ways
            if way.only in (None, cell.task)
        }
        running = [(system, way) for system, way in self._ways if self._runs(rows.get((system, way.name)))]
        rounds = {(system, way.name): self._rounds(system, way, cell) for system, way in running}
        for number in range(self._session.rounds):
            for system, way in _rotated(running, number):
                if number < rounds[system, way.name]:
                    rows[system, way.name].seconds.append(self._sample(system, way, cell))
        return list(rows.values())

    @staticmethod
    def _runs(row: Row | None) -> bool:
        return row is not None and row.left_out is None

    def _expected_s(self, system: str, way: Way, cell: Cell) -> float:
        return cell.n / self._rates[system, way.name, cell.task]

    def _why_not(self, system: str, way: Way, cell: Cell) -> str | None:
        if cell.function == "new" and not way.by_value:
            return "its functions travel by name"
        if way.largest is not None and cell.n > way.largest:
            return f"not asked for more than {way.largest} tasks"
        expected_s = self._expected_s(system, way, cell)
        return f"would take {expected_s:.0f} s" if expected_s > self._session.budget_s else None

    def _rounds(self, system: str, way: Way, cell: Cell) -> int:
        affordable = self._session.budget_s / self._expected_s(system, way, cell)
        return max(1, min(self._session.rounds, int(affordable)))

    def _sample(self, system: str, way: Way, cell: Cell) -> float:
        function = _KERNELS[cell.task] if cell.function == "known" else kernels.anew(_KERNELS[cell.task])
        seconds = timed(way, function, cell.task, cell.n)
        self._rates[system, way.name, cell.task] = cell.n / seconds
        return seconds


def _rotated(ways: list[tuple[str, Way]], number: int) -> Iterator[tuple[str, Way]]:
    if ways:
        first = number % len(ways)
        yield from [*ways[first:], *ways[:first]]


def timed(way: Way, function: Kernel, task: str, n: int) -> float:
    """Run a function on 0 … n-1 and return the seconds until all results are here.

    Raises
    ------
    WrongResult
        If the results are not the right ones, or not in order where they should be.
    """
    gc.collect()
    start_s = time.perf_counter()
    results = way.collect(way.submit(function, n))
    seconds = time.perf_counter() - start_s
    right = list(range(n)) if task == "noop" else [(index, 0) for index in range(n)]
    if (list(results) if way.ordered else sorted(results)) != right:
        raise WrongResult(f"{way.name}: {len(results)} results of {n} tasks {task!r} are not what the tasks return")
    return seconds


def _round_trips(ways: dict[str, Way], trips: int) -> dict[str, list[float]]:
    """Return the seconds of single tasks; the systems take turns, trip by trip."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(trips):
        for name, way in ways.items():
            start_s = time.perf_counter()
            way.collect(way.submit(kernels.noop, 1))
            seconds[name].append(time.perf_counter() - start_s)
    return seconds


def hold(_index: int) -> int:
    """Keep a worker busy; worker side."""
    time.sleep(_HELD_S)
    return 0


def _weight(way: Way, workers: int) -> float:
    """Return the bytes by which this process grows for each task that waits behind busy workers."""
    timed(way, kernels.noop, "noop", _WARM_UP["noop"])
    busy = way.submit(hold, workers)
    time.sleep(0.5)
    return _growth(lambda: way.submit(kernels.noop, way.queued), busy) / way.queued


def _growth(submit: Callable[[], Any], _busy: Any) -> float:
    gc.collect()
    before = resident()
    queued = submit()
    after = resident()
    del queued
    return after - before


def resident() -> int:
    """Return the resident set of this process, in bytes."""
    import psutil

    return int(psutil.Process().memory_info().rss)


def main() -> None:
    """Measure the session of the first argument and write what was found to the file of the second."""
    session, file = Session.from_json(sys.argv[1]), Path(sys.argv[2])
    file.write_text(json.dumps(run(session)), "utf-8")


if __name__ == "__main__":
    main()
