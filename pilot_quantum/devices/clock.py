"""Clocks of the broker: the machine's, or a simulated one on which hours of queues take milliseconds.

On a virtual clock everything that is measured is projected.
"""

from __future__ import annotations

import heapq
import itertools
import time
from collections.abc import Callable
from typing import Protocol, final


class Clock(Protocol):
    """What devices and the broker ask of time: seconds since the broker started."""

    virtual: bool

    def now(self) -> float:
        """Return the seconds since the clock was made."""
        ...


@final
class RealClock:
    """The machine's monotonic clock, from zero; ``start_s`` is its own reading then."""

    virtual = False

    def __init__(self) -> None:
        self.start_s = time.monotonic()

    def now(self) -> float:
        """Return the seconds since the clock was made."""
        return time.monotonic() - self.start_s


@final
class VirtualClock:
    """Time that stands still until `run` moves it from one planned call to the next."""

    virtual = True

    def __init__(self) -> None:
        self._now = 0.0
        self._calls: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()

    def now(self) -> float:
        """Return the simulated seconds."""
        return self._now

    def at(self, time_s: float, call: Callable[[], None]) -> None:
        """Plan a call; a time in the past means now."""
        heapq.heappush(self._calls, (max(time_s, self._now), next(self._numbers), call))

    def run(self, until: Callable[[], bool], limit_s: float = 1e9) -> bool:
        """Make planned calls in order of time until ``until()``; return whether that came before ``limit_s``."""
        while not until():
            if not self._calls or self._calls[0][0] > limit_s:
                return False
            self._now, _, call = heapq.heappop(self._calls)
            call()
        return True
