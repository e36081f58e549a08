"""The write-ahead journal of paid work: what was meant to be sent, what was sent, and what came back.

One line of JSON for each step, flushed to disk before the step after it. After a crash the jobs whose end is not in the
journal are looked up at the vendor by their tag before anything is sent again. A work item, one circuit with its shots,
has a key that is the same in every run that means the same work: the caller's own, or the hash of the circuit and its
shots with its number among equal ones.
"""

from __future__ import annotations

import fcntl
import json
import os
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, Self, final

from ..errors import InvalidDescription
from .base import Counts

Step = Literal["intent", "sent", "done", "void", "cancelled", "failed"]
_CLOSED: Final = ("done", "void", "cancelled", "failed")


@dataclass(slots=True)
class JournalJob:
    """A job as the journal knows it.

    Attributes
    ----------
    tag, device
        Idempotency tag, and the name of the device it was meant for.
    keys
        Work items in it, in order.
    shots
        Of each.
    job_id
        The vendor's id; None if no reply was seen.
    intent_unix
        When it was about to be sent, seconds since 1970 of this host.
    step
        The last step.
    """

    tag: str
    device: str
    keys: tuple[str, ...]
    shots: int
    intent_unix: float
    job_id: str | None = None
    step: str = "intent"
    spent: dict[str, float] = field(default_factory=dict)


@final
class Journal:
    """A journal file, held by one process.

    Parameters
    ----------
    path
        The file; made with its directory if missing.

    Raises
    ------
    InvalidDescription
        If another process holds it.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._jobs: dict[str, JournalJob] = {}
        self._results: dict[str, Counts] = {}
        self._lock = threading.Lock()
        self._file = self.path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise InvalidDescription(f"journal = {str(path)!r}: another process holds it") from error
        try:
            self._read()
        except InvalidDescription:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        """Return the journal."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close the journal."""
        self.close()

    def close(self) -> None:
        """Let go of the file; harmless when called twice."""
        self._file.close()

    # What is known.

    def result(self, key: str) -> Counts | None:
        """Return what came back for a work item; None if nothing has."""
        with self._lock:
            return self._results.get(key)

    def __contains__(self, tag: str) -> bool:
        """Return whether a job's intent was recorded."""
        with self._lock:
            return tag in self._jobs

    def open_jobs(self) -> list[JournalJob]:
        """Return the jobs whose end is not known, oldest first."""
        with self._lock:
            return [job for job in self._jobs.values() if job.step not in _CLOSED]

    def spent(self, device: str) -> dict[str, float]:
        """Return what ended and open jobs of a device have used: ``shots``, ``cost``, ``qpu_s``."""
        with self._lock:
            total = {"shots": 0.0, "cost": 0.0, "qpu_s": 0.0}
            for job in self._jobs.values():
                if job.device == device and job.step not in ("void", "cancelled"):
                    for what, amount in job.spent.items():
                        total[what] = total.get(what, 0.0) + amount
            return total

    # What happens.

    def intent(self, tag: str, device: str, keys: tuple[str, ...], *, shots: int, spent: dict[str, float]) -> None:
        """Record that a job is about to be sent; on disk when this returns."""
        now = time.time()
        self._write(
            {"step": "intent", "tag": tag, "device": device, "keys": keys, "shots": shots, "unix": now, "spent": spent}
        )

    def sent(self, tag: str, job_id: str) -> None:
        """Record the vendor's id."""
        self._write({"step": "sent", "tag": tag, "job_id": job_id})

    def done(self, tag: str, counts: list[Counts], spent: dict[str, float]) -> None:
        """Record the counts of a job, and what it used."""
        self._write({"step": "done", "tag": tag, "counts": counts, "spent": spent})

    def closed(self, tag: str, step: Literal["void", "cancelled", "failed"], reason: str) -> None:
        """Record that a job never existed, was cancelled, or failed."""
        self._write({"step": step, "tag": tag, "reason": reason})

    def _write(self, row: dict[str, Any]) -> None:
        line = json.dumps(row, separators=(",", ":")).encode() + b"\n"
        with self._lock:
            self._file.seek(0, os.SEEK_END)
            self._file.write(line)
            self._file.flush()
            os.fsync(self._file.fileno())
            self._apply(json.loads(line))

    def _read(self) -> None:
        self._file.seek(0)
        good = 0
        for line in self._file:
            if not line.endswith(b"\n"):
                break  # torn by a crash: the step was not finished, so what follows it had not begun
            try:
                self._apply(json.loads(line))
            except (ValueError, KeyError) as error:
                raise InvalidDescription(f"journal = {str(self.path)!r}: damaged at byte {good}: {error!r}") from error
            good += len(line)
        self._file.truncate(good)

    def _apply(self, row: dict[str, Any]) -> None:
        step, tag = row["step"], row["tag"]
        if step == "intent":
            self._jobs[tag] = JournalJob(
                tag, row["device"], tuple(row["keys"]), row["shots"], row["unix"], spent=dict(row["spent"])
            )
            return
        job = self._jobs[tag]
        job.step = step
        if step == "sent":
            job.job_id = row["job_id"]
        elif step == "done":
            job.spent = dict(row["spent"])
            self._results.update(zip(job.keys, row["counts"], strict=True))
