"""Trouble that the local IonQ service can be told to make."""

from __future__ import annotations

import random
import threading
from dataclasses import dataclass, field
from typing import Any, Final

REQUEST_FAULTS: Final = ("429", "500", "502", "503", "504", "reset", "drop", "503-after")
"""By HTTP request: a status; ``reset``: the connection breaks before anything happens; ``drop``: what was asked is done
and the connection breaks before the reply; ``503-after``: done, and answered with 503."""


@dataclass(slots=True)
class Faults:
    """What goes wrong, and how often.

    Attributes
    ----------
    script
        [method and path prefix, fault, how many requests], first match first; used up as it happens.
    rates
        {fault: probability} of any other request.
    jobs
        Fates of the next jobs: a failure code, ``"stuck"``, or None for a good one; used up.
    visible_after_s
        A new job is listed only after this.
    drift_per_job
        Two-qubit error of QPUs grows by this share of itself with each job.
    calibration_age_s
        Age of the characterization that is shown.
    status
        {backend: ``"unavailable"`` or ``"degraded"``}.
    seed
        Of the rates.
    """

    script: list[list[Any]] = field(default_factory=list)
    rates: dict[str, float] = field(default_factory=dict)
    jobs: list[str | None] = field(default_factory=list)
    visible_after_s: float = 0.0
    drift_per_job: float = 0.0
    calibration_age_s: float = 3600.0
    status: dict[str, str] = field(default_factory=dict)
    seed: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)
    _rng: random.Random | None = field(default=None, init=False)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Faults:
        """Return the faults that a JSON object describes.

        Raises
        ------
        ValueError
            If it names unknown ones.
        """
        faults = cls(**data)
        named = {*faults.rates, *(row[1] for row in faults.script)}
        if unknown := sorted(named - set(REQUEST_FAULTS)):
            raise ValueError(f"fault {unknown[0]!r}: must be one of {', '.join(REQUEST_FAULTS)}")
        return faults

    def of_request(self, method: str, path: str) -> str | None:
        """Return the fault of this request; None for none."""
        with self._lock:
            for row in self.script:
                if row[2] > 0 and f"{method} {path}".startswith(row[0]):
                    row[2] -= 1
                    return str(row[1])
            self._rng = self._rng or random.Random(self.seed)
            draw = self._rng.random()
            for fault, rate in self.rates.items():
                draw -= rate
                if draw < 0:
                    return fault
        return None

    def of_job(self) -> str | None:
        """Return the fate of a new job; None for a good one."""
        with self._lock:
            return self.jobs.pop(0) if self.jobs else None
