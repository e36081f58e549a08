"""Policies: the rule by which the manager binds a waiting task to a pilot.

A policy is pure: it sees the task's needs and the pilots that could take it now, and names one with a reason. The
reason goes into the task's trace.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, get_args

from .descriptions import Resources
from .errors import InvalidDescription

Overtaking = Literal["easy", "never", "always"]


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


@dataclass(frozen=True, slots=True)
class Backfill:
    """Chooses as another policy does, and says which tasks may overtake a wide one that waits.

    A wide task needs more than a free worker: several cores, ranks, a GPU, memory. While it waits, the manager keeps
    one pilot for it, the one that should have room first; otherwise small tasks would take every core that becomes
    free, and it would wait for ever. Every manager does this; a policy that is no `Backfill` gets ``"easy"``.

    Attributes
    ----------
    policy
        Chooses among pilots.
    overtaking
        Who may still start on the kept pilot. ``"easy"``: tasks that should end before the wide one can start, by their
        ``estimate_s`` or what was learned of their function (EASY backfill, Lifka 1995; here one reservation for each
        pilot, oldest wide task first). ``"never"``: nobody, which is first come, first served. ``"always"``: everybody,
        so that the wide task starts only if there happens to be room.

    Examples
    --------
    >>> Backfill(LeastLoaded(), overtaking="never").overtakes(0.1, opens_in_s=60.0)
    False
    """

    policy: Policy = field(default_factory=LeastLoaded)
    overtaking: Overtaking = "easy"

    def __post_init__(self) -> None:
        choices = get_args(Overtaking)
        if self.overtaking not in choices:
            raise InvalidDescription(f"overtaking = {self.overtaking!r}: must be one of {', '.join(choices)}")

    def choose(self, resources: Resources, pilots: Sequence[PilotLoad], decision: int) -> Choice:
        """Choose as ``policy`` does."""
        return self.policy.choose(resources, pilots, decision)

    def overtakes(self, expected_s: float | None, opens_in_s: float) -> bool:
        """Return whether a task may start on a pilot that is kept for an older, wide one.

        Parameters
        ----------
        expected_s
            How long the task should run; None if nothing is known.
        opens_in_s
            In how many seconds the wide task should be able to start; 0 or less if that is not known.
        """
        if self.overtaking != "easy":
            return self.overtaking == "always"
        return expected_s is not None and expected_s <= opens_in_s
