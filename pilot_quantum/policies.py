"""Policies: the rule by which the manager binds a waiting task to a pilot.

A policy is pure: it sees the task's needs and the pilots that could take it now, and names one with a reason. The
reason goes into the task's trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from .descriptions import Resources


class PilotLoad(NamedTuple):
    """What a policy may know of a pilot that could take the task now.

    Attributes
    ----------
    name
        The pilot.
    workers, idle_workers
        All workers that take tasks, and those with nothing to do.
    tasks_per_s
        Rate of this pilot's workers together for the task's function; None before the first observation.
    backlog_s
        Expected seconds of work that its workers hold, per worker; infinite if some of it is unknown.
    """

    name: str
    workers: int
    idle_workers: int
    tasks_per_s: float | None
    backlog_s: float


class Choice(NamedTuple):
    """The pilot a policy chose, and why, as a clause for a person."""

    pilot: str
    reason: str


class Policy(Protocol):
    """Chooses among the pilots that could take a task now."""

    def choose(self, resources: Resources, pilots: Sequence[PilotLoad], decision: int) -> Choice:
        """Choose one of ``pilots`` (never empty).

        Parameters
        ----------
        resources
            What the task needs.
        pilots
            Those with a free place for it, in the order they were submitted.
        decision
            How many decisions were made before, for policies that take turns.
        """
        ...


@dataclass(frozen=True, slots=True)
class LeastLoaded:
    """Takes the pilot with the smallest backlog per worker; the largest share of idle workers breaks ties."""

    def choose(self, resources: Resources, pilots: Sequence[PilotLoad], decision: int) -> Choice:  # noqa: ARG002 - the protocol's
        """Choose by backlog."""
        best = min(pilots, key=lambda pilot: (pilot.backlog_s, -pilot.idle_workers / pilot.workers))
        return Choice(best.name, f"least loaded ({best.idle_workers} of {best.workers} workers idle)")


@dataclass(frozen=True, slots=True)
class RoundRobin:
    """Takes the pilots in turn, whatever their load or size."""

    def choose(self, resources: Resources, pilots: Sequence[PilotLoad], decision: int) -> Choice:  # noqa: ARG002 - the protocol's
        """Choose by turn."""
        return Choice(pilots[decision % len(pilots)].name, f"turn {decision}")


@dataclass(frozen=True, slots=True)
class FastestFirst:
    """Takes the pilot whose workers were fastest at this function; unobserved pilots come first, to be observed."""

    def choose(self, resources: Resources, pilots: Sequence[PilotLoad], decision: int) -> Choice:  # noqa: ARG002 - the protocol's
        """Choose by observed rate per worker."""
        new = [pilot for pilot in pilots if pilot.tasks_per_s is None]
        if new:
            return Choice(new[0].name, "not observed yet")
        best = max(pilots, key=lambda pilot: (pilot.tasks_per_s or 0.0) / pilot.workers)
        return Choice(best.name, f"fastest at this function ({best.tasks_per_s:.3g} tasks/s)")
