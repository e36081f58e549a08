"""Watches jobs of this process: one query for all of them, more and more rarely while nothing changes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Final, final

from .slurm_jobs import JobStatus, SlurmError, ask

_log = logging.getLogger(__name__)

FIRST_S: Final = 1.0
LONGEST_S: Final = 30.0
FRESH_S: Final = 0.3
"""The thread does not ask again if somebody else has so recently."""

Changed = Callable[[JobStatus], None]


@final
class Watcher:
    """Asks Slurm about jobs from a thread that lives as long as there are any.

    Attributes
    ----------
    queries
        How many queries were made so far.
    """

    def __init__(self, *, query: Callable[[list[str]], dict[str, JobStatus]] = ask) -> None:
        self.queries = 0
        self._query = query
        self._jobs: dict[str, tuple[Changed, JobStatus | None]] = {}
        self._changed = threading.Condition()
        self._asking = threading.Lock()
        self._asked_s = float("-inf")
        self._thread: threading.Thread | None = None
        self._wait_s = FIRST_S
        self._silent = False
        self._new = False

    def add(self, job: str, changed: Changed) -> None:
        """Have ``changed(status)`` called, from another thread, whenever the state or the reason of a job changes."""
        with self._changed:
            self._jobs[job] = (changed, None)
            self._wait_s = FIRST_S
            self._new = True
            if self._thread is None:
                self._thread = threading.Thread(target=self._live, name="pilot-slurm", daemon=True)
                self._thread.start()
            self._changed.notify_all()

    def remove(self, job: str) -> None:
        """Stop watching a job."""
        with self._changed:
            self._jobs.pop(job, None)
            self._changed.notify_all()

    def look(self, job: str) -> JobStatus | None:
        """Ask now; return the status of a watched job, None if Slurm does not answer.

        Whoever calls while a query is under way shares the next one: an answer that was asked for before a call may be
        older than what the caller has seen happen.
        """
        self._ask_all(since_s=time.monotonic())
        with self._changed:
            return self._jobs.get(job, (None, None))[1]

    def _live(self) -> None:
        while True:
            with self._changed:
                self._new = False
                self._changed.wait_for(lambda: self._new or not self._jobs, self._wait_s)
                if not self._jobs:
                    self._thread = None
                    return
            asked = self._ask_all(since_s=time.monotonic() - FRESH_S)
            self._wait_s = FIRST_S if asked else min(LONGEST_S, 1.5 * self._wait_s)

    def _ask_all(self, since_s: float) -> bool:
        """Ask about all jobs, unless somebody has since a time; return whether anything has changed."""
        with self._asking:
            if self._asked_s >= since_s:
                return False
            with self._changed:
                jobs = list(self._jobs)
            try:
                self.queries += 1
                asked_s = time.monotonic()
                answer = self._query(jobs)
            except SlurmError as error:
                self._complain(error)
                return False
            self._asked_s = asked_s
            self._silent = False
            return self._tell(answer)

    def _complain(self, error: SlurmError) -> None:
        if not self._silent:
            _log.warning("Slurm does not answer, trying again: %s", error)
        self._silent = True

    def _tell(self, answer: dict[str, JobStatus]) -> bool:
        news = []
        with self._changed:
            for job, status in answer.items():
                changed, last = self._jobs.get(job, (None, None))
                if changed is None:
                    continue
                self._jobs[job] = (changed, status)
                if last is None or (last.state, last.reason) != (status.state, status.reason):
                    news.append((changed, status))
        for changed, status in news:
            changed(status)
        return bool(news)


watcher: Final = Watcher()
"""The one of this process."""
