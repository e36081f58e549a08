"""What every engine does: keep workers, carry messages to them and their answers back."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

from ..descriptions import PilotDescription
from ..launchers.base import Allocation, Node


@dataclass(frozen=True, slots=True)
class WorkerSlot:
    """A place for one worker.

    Attributes
    ----------
    index
        Number of the worker within its pilot.
    generation
        How often the worker in this place was replaced.
    node
        The node it runs on.
    gpus
        Indices of the GPUs it may see.
    pilot
        Name of its pilot.
    """

    index: int
    generation: int
    node: Node
    gpus: tuple[int, ...] = ()
    pilot: str = ""


class EngineEvents(Protocol):
    """Where an engine reports to; every method may be called from any thread and returns at once."""

    def ready(self, index: int, generation: int, host: str, pid: int) -> None:
        """Worker ``index`` takes messages."""
        ...

    def answered(self, index: int, generation: int, payload: bytes) -> None:
        """Worker ``index`` has answered its oldest message."""
        ...

    def lost(self, index: int, generation: int, reason: str) -> None:
        """Worker ``index`` is gone; ``reason`` is a clause for a person."""
        ...


class AbstractEngine(ABC):
    """Runs the workers of one pilot.

    The scheduler's thread calls `start_worker`, `send` and `stop_worker`, which must not block; `start` runs in a
    thread of its own and may take its time.

    Attributes
    ----------
    can_stop
        Whether `stop_worker` ends a task in the middle of its work.
    fresh_ranks
        Whether the ranks of a gang are processes of their own, which know no function and no shared value yet.
    """

    can_stop: ClassVar[bool] = True
    fresh_ranks: ClassVar[bool] = False

    def __init__(self, description: PilotDescription, events: EngineEvents) -> None:
        self.description = description
        self.events = events

    def worker_count(self, allocation: Allocation) -> int:
        """Return how many workers this engine runs on the allocation: by default one a core."""
        return allocation.cores

    @abstractmethod
    def start(self, allocation: Allocation) -> None:
        """Bring up what the workers need; raises PilotFailed with the reason if it cannot."""

    @abstractmethod
    def start_worker(self, slot: WorkerSlot) -> None:
        """Start a worker; `EngineEvents.ready` or `EngineEvents.lost` follows."""

    @abstractmethod
    def send(self, index: int, payload: bytes) -> None:
        """Give worker ``index`` a message; it runs its messages in order."""

    def send_gang(self, messages: list[tuple[int, bytes]]) -> None:
        """Give the ranks of a gang, in order of rank, their messages: by default like any others."""
        for index, payload in messages:
            self.send(index, payload)

    @abstractmethod
    def stop_worker(self, index: int) -> None:
        """End worker ``index`` at once, with everything it started; no event follows."""

    @abstractmethod
    def close(self) -> None:
        """End all workers and whatever `start` brought up; harmless when called twice."""

    def client(self) -> Any:
        """Return the engine's native client, or None if it has none."""
        return None


def worker_environment(slot: WorkerSlot) -> dict[str, str]:
    """Return what a worker's environment must say: that of numerical work, its own GPUs, and where it is."""
    gpus = ",".join(map(str, slot.gpus))
    place = {"PILOT_QUANTUM_PILOT": slot.pilot, "PILOT_QUANTUM_WORKER": str(slot.index)}
    return {**numerical_environment(), "CUDA_VISIBLE_DEVICES": gpus, **place}


def numerical_environment() -> dict[str, str]:
    """Return the environment of numerical work: one thread a library, and large arrays in huge pages.

    Huge pages save about a tenth of the time of a 22-qubit state vector; a setting that the user has
    made stays.
    """
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")
    tunables = os.environ.get("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")
    return {**dict.fromkeys(threads, "1"), "GLIBC_TUNABLES": tunables}
