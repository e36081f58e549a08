"""A machine behind a queue: other people's jobs and ours, served one after the other, with outages.

Exact for first come, first served. Other people's jobs are a stream of (arrival, seconds); ours are added when they are
sent. Used with the real clock and with a virtual one alike.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Final

_ROUNDING: Final = 1e-9


@dataclass(slots=True)
class _Entry:
    job: str | None
    left_s: float
    started_s: float | None = None


class Queue:
    """One server.

    Parameters
    ----------
    arrivals
        (time, seconds of service) of other people's jobs, in order of time.
    outages
        (start, end) of times without service, in order, not overlapping. A job that runs then goes on afterwards.
    """

    def __init__(
        self, arrivals: Iterable[tuple[float, float]] = (), outages: Sequence[tuple[float, float]] = ()
    ) -> None:
        self._arrivals: Iterator[tuple[float, float]] = iter(arrivals)
        self._next = next(self._arrivals, (inf, 0.0))
        self._outages = list(outages)
        self._entries: deque[_Entry] = deque()
        self._now = 0.0
        self._ended: dict[str, tuple[float, float]] = {}

    def advance(self, now: float) -> None:
        """Serve up to a time; times do not go back."""
        while self._next[0] <= now:
            arrival, seconds = self._next
            self._serve(arrival)
            self._entries.append(_Entry(None, seconds))
            self._next = next(self._arrivals, (inf, 0.0))
        self._serve(now)

    def outage(self, now: float) -> tuple[float, float] | None:
        """Return the outage at a time; None if there is service."""
        return next((one for one in self._outages if one[0] <= now < one[1]), None)

    def add(self, job: str, seconds: float, *, first: bool = False) -> None:
        """Queue a job of ours; ``first`` puts it before all that wait."""
        entry = _Entry(job, seconds)
        if first:
            running = bool(self._entries) and self._entries[0].started_s is not None
            self._entries.insert(1 if running else 0, entry)
        else:
            self._entries.append(entry)

    def remove(self, job: str) -> bool:
        """Take a job out that has not started; return whether it could be."""
        for entry in self._entries:
            if entry.job == job:
                if entry.started_s is not None:
                    return False
                self._entries.remove(entry)
                return True
        return False

    def waiting(self) -> tuple[float, int]:
        """Return the seconds of work, and the jobs, before a job that came now; outages to come are unknown."""
        return sum(entry.left_s for entry in self._entries), len(self._entries)

    def ahead_s(self, job: str) -> float | None:
        """Return the seconds of work before a job of ours; None if it has started or is not here."""
        total = 0.0
        for entry in self._entries:
            if entry.job == job:
                return None if entry.started_s is not None else total
            total += entry.left_s
        return None

    def span(self, job: str) -> tuple[float, float] | None:
        """Return when a job of ours started and ended; None before its end."""
        return self._ended.get(job)

    def started(self, job: str) -> bool:
        """Return whether a job of ours has started."""
        return job in self._ended or any(e.job == job and e.started_s is not None for e in self._entries)

    def ends_s(self, job: str) -> float:
        """Return when a job of ours will end: what only the emulation knows, outages to come included."""
        time, total = self._now, 0.0
        for entry in self._entries:
            total += entry.left_s
            if entry.job == job:
                break
        for start, end in self._outages:
            if end <= time:
                continue
            if start >= time + total:
                break
            total -= max(0.0, start - time)
            time = end
        return time + total

    def _serve(self, until: float) -> None:
        while self._now < until:
            down = self.outage(self._now)
            if down is not None:
                self._now = min(until, down[1])
                continue
            stop = min([until, *(start for start, _ in self._outages if start > self._now)])
            if not self._entries:
                self._now = stop
                continue
            self._work(stop)

    def _work(self, stop: float) -> None:
        head = self._entries[0]
        if head.started_s is None:
            head.started_s = self._now
        step = min(stop - self._now, head.left_s)
        head.left_s -= step
        self._now += step
        if head.left_s <= _ROUNDING:
            self._entries.popleft()
            if head.job is not None:
                self._ended[head.job] = (head.started_s, self._now)
