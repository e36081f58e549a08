"""What the workers run in the engine contract: functions of an importable module, which travel by name."""

from __future__ import annotations

import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn


def add(left: Any, right: Any = 0, *, scale: int = 1) -> Any:
    return (left + right) * scale


def echo(value: Any) -> Any:
    return value


def many(*args: Any, **kwargs: Any) -> tuple[tuple[Any, ...], dict[str, Any]]:
    return args, kwargs


def nothing(*_args: Any) -> None:
    return None


def total(*values: float) -> float:
    return sum(values)


def hold(path: str, value: Any = None) -> Any:
    """Note the start, wait until the file appears, return the value."""
    note(f"{path}.started", str(os.getpid()))
    end_s = time.monotonic() + 60
    while not Path(path).exists():
        if time.monotonic() > end_s:
            raise RuntimeError("nobody opened the gate")
        time.sleep(0.005)
    return value


def note(path: str, text: str) -> str:
    """Append a line in one write."""
    with Path(path).open("a") as file:
        file.write(f"{text}\n")
    return text


def tick_for_ever(path: str) -> NoReturn:
    """Show signs of life until stopped."""
    while True:
        note(path, str(os.getpid()))
        time.sleep(0.02)


def nap(seconds: float) -> int:
    time.sleep(seconds)
    return os.getpid()


def burn(seconds: float) -> float:
    """Use so many seconds of CPU."""
    start = time.thread_time()
    while time.thread_time() - start < seconds:
        pass
    return seconds


def fill(mebibytes: int) -> int:
    """Touch so much memory and let it go."""
    block = bytearray(b"x") * (mebibytes * 2**20)
    return len(block)


def pid() -> int:
    return os.getpid()


def length(data: bytes) -> int:
    return len(data)


def mirror(data: bytes) -> bytes:
    return data[::-1]


CACHE: list[int] = [1, 2, 3]


def cached() -> list[int]:
    """Return the same mutable object each time."""
    return CACHE


def grow(values: list[int]) -> list[int]:
    """Change the argument in place and return it."""
    values.append(len(values))
    return values


class Counter:
    """Counts in itself."""

    def __init__(self, start: int = 0) -> None:
        self.count = start

    def bump(self) -> int:
        self.count += 1
        return self.count

    def __call__(self) -> int:
        return self.bump()


@dataclass(frozen=True)
class Point:
    """A value with a type of its own."""

    x: float
    y: float = 0.0


def flip(point: Point) -> Point:
    return Point(point.y, point.x)


class Ask(Exception):
    """Pickles and rebuilds, with what it carries."""

    def __init__(self, code: int, text: str = "?") -> None:
        super().__init__(code, text)
        self.code = code


def fail_with(error: BaseException) -> NoReturn:
    raise error


def fail(code: int = 7) -> NoReturn:
    raise Ask(code, "as asked")


def fail_if_odd(number: int) -> int:
    if number % 2:
        raise Ask(number)
    return number


def exit_now(code: int = 3) -> NoReturn:
    sys.exit(code)


def fail_until(path: str, attempts: int) -> int:
    """Fail until called so many times, over all workers; return the number of calls."""
    note(path, "called")
    calls = len(Path(path).read_text().splitlines())
    if calls < attempts:
        raise Ask(calls)
    return calls


def kill_worker_until(path: str, attempts: int) -> int:
    """Kill the worker until called so many times; return the number of calls."""
    note(path, "called")
    calls = len(Path(path).read_text().splitlines())
    if calls < attempts:
        os.kill(os.getpid(), signal.SIGKILL)
    return calls


def hold_if(item: tuple[str, int]) -> int:
    """Hold at the gate if the item names one; return its number."""
    path, number = item
    return int(hold(path, number)) if path else number


def hold_and_kill(path: str) -> None:
    """Wait at the gate, then kill the worker."""
    hold(path)
    os.kill(os.getpid(), signal.SIGKILL)
