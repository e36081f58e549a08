"""The tasks that compute nothing. Worker side."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import FunctionType
from typing import Any

SLEEP = "/bin/sleep"


def noop(index: int) -> int:
    """Return the argument."""
    return index


def sleep(index: int) -> tuple[int, int]:
    """Run ``/bin/sleep 0`` and return the argument and the exit code (negative: the signal that ended it)."""
    process = os.posix_spawn(SLEEP, (SLEEP, "0"), {})
    return index, os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def anew(function: Callable[[int], Any]) -> Callable[[int], Any]:
    """Return a copy of a Python function that is another function to everybody, and travels by value."""
    if not isinstance(function, FunctionType):
        raise TypeError(f"{function!r} is no Python function, which only can be copied")
    return FunctionType(function.__code__, function.__globals__, function.__name__)
