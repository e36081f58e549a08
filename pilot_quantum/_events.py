"""Carries what an engine reports into the scheduler's queue."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._scheduler import Scheduler
    from .pilot import Pilot


class PilotEvents:
    """The `EngineEvents` of one pilot."""

    __slots__ = ("_pilot", "_scheduler")

    def __init__(self, scheduler: Scheduler, pilot: Pilot) -> None:
        self._scheduler = scheduler
        self._pilot = pilot

    def ready(self, index: int, generation: int, host: str, pid: int) -> None:
        """Post that a worker takes messages."""
        self._scheduler.post(self._scheduler.keeper.worker_ready, self._pilot, index, generation, (host, pid))

    def answered(self, index: int, generation: int, payload: bytes) -> None:
        """Post a worker's answer."""
        self._scheduler.post(self._scheduler.message_answered, self._pilot, index, generation, payload)

    def lost(self, index: int, generation: int, reason: str) -> None:
        """Post that a worker is gone."""
        self._scheduler.post(self._scheduler.worker_lost, self._pilot, index, generation, reason)
