"""Tasks that do harm, and ways to look at processes; for the tests of faults."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NoReturn

import psutil

from pilot_quantum import PilotDescription

CAN_BE_KILLED = ("processes", "ray", "dask")
"""Engines whose workers are processes of this machine; ``mpi`` runs ordinary tasks as ``processes`` does."""


def describe(engine: str, *, cores: int = 2, **wanted: object) -> PilotDescription:
    return PilotDescription(
        engine=engine,
        cores_per_node=cores,
        launcher_options={"oversubscribe": True},
        **wanted,  # type: ignore[arg-type]  # whatever the test asks for
    )


def until(true: Callable[[], object], timeout_s: float = 60.0) -> None:
    """Wait for what another process or thread brings about."""
    end_s = time.monotonic() + timeout_s
    while not true():
        assert time.monotonic() < end_s, f"not within {timeout_s:g} s"
        time.sleep(0.02)


def alive(processes: Iterable[psutil.Process]) -> list[str]:
    """Return those that still run, with their command lines."""
    found = []
    for process in processes:
        try:
            if process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(f"{process.pid} {' '.join(process.cmdline())[:120]}")
        except psutil.NoSuchProcess:
            continue
    return found


def all_gone(processes: Iterable[psutil.Process], timeout_s: float) -> None:
    """Wait until none of these processes runs any more; fail with a list of those that do."""
    family = list(processes)
    end_s = time.monotonic() + timeout_s
    while (left := alive(family)) and time.monotonic() < end_s:
        time.sleep(0.05)
    assert not left, f"still there after {timeout_s:g} s: {left}"


def descendants(pid: int) -> list[psutil.Process]:
    return psutil.Process(pid).children(recursive=True)


def note(path: str, text: object = "") -> list[str]:
    """Append a line in one write; return all lines."""
    with Path(path).open("a") as file:
        file.write(f"{text}\n")
    return Path(path).read_text().splitlines()


def square(number: int) -> int:
    return number * number


def square_slowly(number: int) -> int:
    time.sleep(0.004)
    return number * number


def my_pid(_: object = None) -> int:
    return os.getpid()


def say_and_sleep(path: str) -> None:
    """Note the process, then sleep."""
    note(path, os.getpid())
    time.sleep(300)


def sleep_once(path: str) -> int:
    """Sleep at the first attempt; at the next ones, return their number at once."""
    attempts = len(note(path, os.getpid()))
    if attempts == 1:
        time.sleep(300)
    return attempts


def spin_in_c(path: str) -> int:
    """Hold the interpreter's lock for hours, as a simulator's extension may."""
    note(path, os.getpid())
    return sum(range(10**14))


def start_children(path: str) -> None:
    """Start a program and fork, note all, then sleep."""
    program = subprocess.Popen(["sleep", "300"])
    child = os.fork()
    if child == 0:
        time.sleep(300)
        os._exit(0)
    note(path, f"{program.pid} {child} {os.getpid()}")
    time.sleep(300)


def fork_and_die(path: str) -> None:
    """Leave a child behind that has everything the worker had open, and die."""
    child = os.fork()
    if child == 0:
        time.sleep(300)
        os._exit(0)
    note(path, child)
    os.kill(os.getpid(), signal.SIGKILL)


def die_by(how: str) -> NoReturn:
    """End the worker."""
    if how == "segfault":
        ctypes.string_at(0)
    elif how == "os._exit":
        os._exit(3)
    elif how == "abort":
        os.abort()
    elif how == "nameless signal":
        os.kill(os.getpid(), 37)
    elif how == "closed files":
        os.closerange(3, 1024)
    elif how == "stopped interpreter":
        os.execv("/bin/true", ["true"])  # noqa: S606 - the point
    time.sleep(300)
    sys.exit("still here")


def kill_if_chosen(item: tuple[int, int]) -> int:
    """Kill the worker if the item's number is the chosen one; else return the number."""
    number, chosen = item
    if number == chosen:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def kill_first_time(path: str, data: bytes) -> int:
    """Kill the worker at the first attempt, else return the length of the data."""
    if len(note(path)) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return len(data)


def leak(mebibytes: int) -> int:
    """Use more and more memory, up to a bound."""
    blocks = []
    for _ in range(0, mebibytes, 20):
        blocks.append(bytearray(b"x") * (20 * 2**20))
        time.sleep(0.02)
    return len(blocks)
