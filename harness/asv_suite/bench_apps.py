"""What mini-apps cost: one run of the harness, of which each benchmark shows one number."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from .matrix import CASES, measured

Found = dict[str, dict[str, Any]]
_Track = TypeVar("_Track", bound=Callable[..., Any])


def _in(unit: str) -> Callable[[_Track], _Track]:
    """Give a function the unit that asv shows."""

    def mark(function: _Track) -> _Track:
        vars(function).update(unit=unit)
        return function

    return mark


class Apps:
    """asv makes the medians of a commit once, and asks each function for its own; a number that is not there is n/a."""

    version = "1"
    timeout = 120
    params = tuple(CASES)
    param_names = ("case",)

    def setup_cache(self) -> Found:
        return measured(Path.cwd())

    vars(setup_cache).update(timeout=1800)

    @_in("s")
    def track_seconds(self, found: Found, case: str) -> float:
        return _number(found, case, "seconds")

    @_in("s")
    def track_seconds_per_task(self, found: Found, case: str) -> float:
        return _number(found, case, "seconds") / _number(found, case, "tasks")

    @_in("s")
    def track_submit_per_task(self, found: Found, case: str) -> float:
        return _number(found, case, "submit_per_task_s")

    @_in("s")
    def track_round_trip(self, found: Found, case: str) -> float:
        return _number(found, case, "round_trip_s")

    @_in("s")
    def track_execute(self, found: Found, case: str) -> float:
        return _number(found, case, "execute_s")

    @_in("bytes")
    def track_bytes_per_task(self, found: Found, case: str) -> float:
        return _number(found, case, "bytes_per_task")

    @_in("1")
    def track_error(self, found: Found, case: str) -> float:
        return _number(found, case, "error")

    @_in("tasks")
    def track_tasks(self, found: Found, case: str) -> float:
        return _number(found, case, "tasks")

    @_in("messages")
    def track_messages(self, found: Found, case: str) -> float:
        return _number(found, case, "messages")

    @_in("compilations")
    def track_compilations(self, found: Found, case: str) -> float:
        return _number(found, case, "compilations")


def _number(found: Found, case: str, name: str) -> float:
    return float(found.get(case, {}).get(name, math.nan))
