"""What was decided about the circuits of each task, put together as far as it was the same at the same time."""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from ..trace import RoutingDecision
from .clock import RealClock

if TYPE_CHECKING:
    from ._work import Decision
    from .clock import Clock

_TOGETHER_S: Final = 1.0
Attempt = tuple[int, int]
"""Number of a task, and of its attempt."""


class DecisionLog:
    """Decisions by task and attempt; noted by the broker's thread, read by any."""

    def __init__(self) -> None:
        self._found: dict[Attempt, list[RoutingDecision]] = {}
        self._lock = threading.Lock()

    def note(self, task: Attempt, clock: Clock, decision: Decision, circuits: int = 1) -> None:
        """Note a decision about some circuits of a task.

        Parameters
        ----------
        clock
            The broker's: a real one's times are noted as those of the machine.
        """
        start_s = clock.start_s if isinstance(clock, RealClock) else 0.0
        new = RoutingDecision(
            decision.time_s + start_s, decision.device, decision.action, decision.reason, circuits, clock.virtual
        )
        with self._lock:
            _add(self._found.setdefault(task, []), new)

    def of(self, task: Attempt) -> tuple[RoutingDecision, ...]:
        """Return the decisions about a task, in order of time."""
        with self._lock:
            return tuple(self._found.get(task, ()))


def _add(rows: list[RoutingDecision], new: RoutingDecision) -> None:
    for place in range(len(rows) - 1, -1, -1):
        row = rows[place]
        if new.time_s - row.time_s > _TOGETHER_S:
            break
        if (row.device, row.action) == (new.device, new.action):
            rows[place] = replace(row, circuits=row.circuits + new.circuits)
            return
    rows.append(new)
