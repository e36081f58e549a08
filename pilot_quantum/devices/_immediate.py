"""Devices that compute in the calling process: a job is done when ``submit`` returns."""

from __future__ import annotations

import itertools
import time
from abc import abstractmethod
from typing import ClassVar

from .base import AbstractDevice, Compiled, Counts, DeviceError, DeviceJob, Forecast, JobState, JobView


class ImmediateDevice(AbstractDevice):
    """Keeps the counts of its jobs until they are fetched."""

    local: ClassVar[bool] = True
    _numbers = itertools.count()

    @abstractmethod
    def compute(self, job: DeviceJob) -> list[Counts]:
        """Return the counts of each circuit of a job."""

    def submit(self, job: DeviceJob) -> str:
        """Compute the job."""
        start = time.perf_counter()
        counts = self.compute(job)
        job_id = f"{self.description.name}-{next(self._numbers)}"
        self._done[job_id] = (counts, time.perf_counter() - start)
        return job_id

    def poll(self, job_id: str) -> JobView:
        """Return that the job is done."""
        if job_id not in self._done:
            raise DeviceError(f"no job {job_id!r} on device {self.description.name!r}")
        return JobView(JobState.DONE, qpu_s=self._done[job_id][1])

    def fetch(self, job_id: str, job: DeviceJob) -> list[Counts]:  # noqa: ARG002 - the interface's
        """Return the counts and forget them."""
        return self._done.pop(job_id)[0]

    def cancel(self, job_id: str) -> None:
        """Do nothing: the job is done."""

    def forecast(self, compiled: Compiled, shots: int) -> Forecast:
        """Return a rough time by gates and amplitudes; answers are exact unless noise is simulated."""
        width = compiled.source.num_qubits
        seconds = 1e-3 + (compiled.gates_1q + compiled.gates_2q) * (8e-6 + 2e-9 * 2.0 ** min(width, 60)) + 1e-6 * shots
        return Forecast(seconds, 1.0 if compiled.fidelity is None else compiled.fidelity, parts_s={"compute": seconds})

    @property
    def _done(self) -> dict[str, tuple[list[Counts], float]]:
        found: dict[str, tuple[list[Counts], float]] = self.__dict__.setdefault("_results", {})
        return found
