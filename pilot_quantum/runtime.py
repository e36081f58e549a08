"""The narrow view of the manager that a mini-app's ``run`` receives.

Driver side. A mini-app can submit tasks, wait for them, ask which pilots it has, add and release pilots, and name
its stages. It cannot see engines, launchers, files or other campaigns' pilots.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from .descriptions import PilotDescription, Resources, TaskDescription

if TYPE_CHECKING:
    from .task import Task


@dataclass(frozen=True, slots=True)
class PilotView:
    """What a mini-app may know of a pilot: its name and what it holds.

    Attributes
    ----------
    name
        Name by which tasks can ask for this pilot.
    workers
        Number of workers, one core each.
    cores, gpus, memory
        Totals over all nodes; memory in bytes.
    """

    name: str
    workers: int
    cores: int
    gpus: int
    memory: int


class Runtime(Protocol):
    """What a mini-app may do: submit, wait, look at its pilots, name its stages."""

    def submit(self, task: TaskDescription | Callable[..., Any], *args: Any, **kwargs: Any) -> Task:
        """Submit one task; see `PilotManager.submit_task`."""
        ...

    def submit_many(
        self, function: Callable[..., Any], items: Iterable[Any], *, resources: Resources = ...
    ) -> list[Task]:
        """Submit ``function(item)`` for each item; see `PilotManager.submit_tasks`."""
        ...

    def as_completed(self, tasks: Iterable[Task], timeout_s: float | None = None) -> Iterator[Task]:
        """Yield tasks as they end, whatever their outcome."""
        ...

    def gather(self, tasks: Sequence[Task], timeout_s: float | None = None) -> list[Any]:
        """Return all results in the order of ``tasks``; raise the first failure after cancelling the rest."""
        ...

    def pilots(self) -> tuple[PilotView, ...]:
        """Return the pilots this mini-app may use now."""
        ...

    def request_pilot(self, template: PilotDescription) -> PilotView:
        """Add a pilot for the rest of the run, or until it is released."""
        ...

    def release(self, pilot: PilotView | str) -> None:
        """Give a requested pilot back; its waiting tasks go on elsewhere."""
        ...

    def stage(self, name: str) -> AbstractContextManager[None]:
        """Time a named stage; stages of the same name add up."""
        ...
