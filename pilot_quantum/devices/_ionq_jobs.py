"""Memory of the local IonQ service: jobs and sessions in SQLite, so that a killed service comes back with them."""

from __future__ import annotations

import json
import sqlite3
import threading
import time
import uuid
from datetime import UTC, datetime
from typing import Any, Final

STATES: Final = ("submitted", "ready", "started", "completed", "failed", "canceled")
FAILURES: Final = (
    "InvalidInput", "CompilationError", "ContractExpiredError", "DebiasingError", "InternalError", "NotEnoughQubits",
    "OptimizationError", "PreflightError", "QuantumCircuitComplexityError", "QuantumComputerError",
    "QuotaExhaustedError", "SimulationError", "SimulationTimeout", "SystemCancel", "TooLongPredictedExecutionTime",
    "TooManyControls", "TooManyGates", "TooManyShots", "UnknownBillingError", "UnsupportedGate",
)  # fmt: skip
"""Failure codes of the published schema."""

_TABLES: Final = """
CREATE TABLE IF NOT EXISTS jobs (id TEXT PRIMARY KEY, number INTEGER, request TEXT, accepted REAL, starts REAL,
    ends REAL, canceled REAL, failure TEXT, parent TEXT);
CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, backend TEXT, settings TEXT, created REAL, ends REAL,
    ended REAL);
"""


_LAST_END: Final = """SELECT MAX(ends) FROM jobs
    WHERE json_extract(request, '$.backend') = ? AND canceled IS NULL AND ends < 1e17"""


class JobStore:
    """Jobs and sessions; every change is on disk before the reply.

    Parameters
    ----------
    path
        SQLite file; ``":memory:"`` forgets.
    """

    def __init__(self, path: str = ":memory:") -> None:
        self._lock = threading.RLock()
        self._base = sqlite3.connect(path, check_same_thread=False)
        self._base.row_factory = sqlite3.Row
        self._base.execute("PRAGMA journal_mode=WAL")
        self._base.executescript(_TABLES)

    def close(self) -> None:
        """Close the file."""
        self._base.close()

    # Jobs.

    def add(self, request: dict[str, Any], *, wait_s: float, run_s: float, failure: str | None, stuck: bool) -> str:
        """Accept a job behind those of the same backend; return its id."""
        now = time.time()
        with self._lock, self._base:
            last = self._base.execute(
                _LAST_END,
                (request["backend"],),
            ).fetchone()[0]
            starts = 1e18 if stuck else max(now + wait_s, last or 0.0)
            job_id = str(uuid.uuid4())
            self._insert(job_id, request, (now, starts, starts + run_s), failure=failure, parent=None)
            for part in request["input"].get("circuits", []):
                child = {**request, "input": {**request["input"], "circuit": part["circuit"]}}
                child["input"].pop("circuits")
                self._insert(str(uuid.uuid4()), child, (now, starts, starts + run_s), failure=failure, parent=job_id)
        return job_id

    def _insert(
        self,
        job_id: str,
        request: dict[str, Any],
        times: tuple[float, float, float],
        *,
        failure: str | None,
        parent: str | None,
    ) -> None:
        number = self._base.execute("SELECT COUNT(*) FROM jobs").fetchone()[0]
        row = (job_id, number, json.dumps(request), *times, None, failure, parent)
        self._base.execute("INSERT INTO jobs VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", row)

    def cancel(self, job_id: str) -> None:
        """Cancel a job that has not ended."""
        now = time.time()
        with self._lock, self._base:
            self._base.execute(
                "UPDATE jobs SET canceled = ? WHERE (id = ? OR parent = ?) AND canceled IS NULL AND ends > ?",
                (now, job_id, job_id, now),
            )

    def job(self, job_id: str) -> sqlite3.Row | None:
        """Return a job's row; None if there is none."""
        with self._lock:
            found: sqlite3.Row | None = self._base.execute("SELECT * FROM jobs WHERE id = ?", (job_id,)).fetchone()
            return found

    def children(self, job_id: str) -> list[sqlite3.Row]:
        """Return the rows of a multi-circuit job's parts, in order."""
        with self._lock:
            return self._base.execute("SELECT * FROM jobs WHERE parent = ? ORDER BY number", (job_id,)).fetchall()

    def listed(self, *, before: int | None, limit: int, visible_before: float) -> list[sqlite3.Row]:
        """Return jobs without their parts, newest first, that were accepted before a time."""
        with self._lock:
            return self._base.execute(
                "SELECT * FROM jobs WHERE parent IS NULL AND number < ? AND accepted <= ? ORDER BY number DESC LIMIT ?",
                (before if before is not None else 2**62, visible_before, limit),
            ).fetchall()

    def backlog_s(self, backend: str) -> float:
        """Return the seconds until the last accepted job of a backend ends."""
        with self._lock:
            last = self._base.execute(
                _LAST_END,
                (backend,),
            ).fetchone()[0]
        return max(0.0, (last or 0.0) - time.time())

    # Sessions.

    def open_session(self, backend: str, settings: dict[str, Any]) -> str:
        """Open a session and return its id."""
        now = time.time()
        minutes = settings.get("duration_limit_min")
        ends = now + 60 * float(minutes) if minutes is not None else now + 8 * 3600
        session = str(uuid.uuid4())
        with self._lock, self._base:
            row = (session, backend, json.dumps(settings), now, ends, None)
            self._base.execute("INSERT INTO sessions VALUES (?, ?, ?, ?, ?, ?)", row)
        return session

    def session(self, session: str) -> sqlite3.Row | None:
        """Return a session's row; None if there is none."""
        with self._lock:
            found: sqlite3.Row | None = self._base.execute("SELECT * FROM sessions WHERE id = ?", (session,)).fetchone()
            return found

    def sessions(self) -> list[sqlite3.Row]:
        """Return all sessions."""
        with self._lock:
            return self._base.execute("SELECT * FROM sessions ORDER BY created").fetchall()

    def end_session(self, session: str | None = None) -> None:
        """End a session; None ends all that are open."""
        with self._lock, self._base:
            which, values = ("1", ()) if session is None else ("id = ?", (session,))
            self._base.execute(f"UPDATE sessions SET ended = ? WHERE ended IS NULL AND {which}", (time.time(), *values))  # noqa: S608 - one of two constants


def state_of(row: sqlite3.Row, now: float | None = None) -> str:
    """Return a job's status by the clock."""
    time_s = time.time() if now is None else now
    if row["canceled"] is not None:
        return "canceled"
    if time_s >= row["ends"]:
        return "completed" if row["failure"] is None else "failed"
    if time_s >= row["starts"]:
        return "started"
    return "submitted" if time_s - row["accepted"] < 0.02 else "ready"


def stamp(seconds: float | None) -> str | None:
    """Return a time as the service writes it."""
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
