"""How many devices learn and how many evaluate, from what was measured. Driver side; standard library."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal, final

Role = Literal["trainer", "evaluator"]
_WINDOW: Final = 4
"""Batches between two looks at the loads."""
_GAIN: Final = 1.1
"""By what the fuller role must be relieved for a device to change its role."""


@final
@dataclass(slots=True)
class Split:
    """The devices of each role, how busy they were, and one that changes its role where that helps.

    A role's load is the device time it took for each second, so its share of idle time is 1 - load / devices.

    Attributes
    ----------
    devices
        All of them.
    trainers
        Those that learn now; the others evaluate. None: every device does both, in turn.
    most
        Trainers that can be busy at the same time.
    moving
        Whether the split follows the loads.
    since_s
        Clock of the last look (`time.perf_counter`).
    moves
        Changes of role so far.
    """

    devices: int
    trainers: int | None
    most: int
    moving: bool
    since_s: float
    moves: int = 0
    _busy_s: dict[Role, float] = field(default_factory=lambda: {"trainer": 0.0, "evaluator": 0.0})
    _recent_s: dict[Role, float] = field(default_factory=lambda: {"trainer": 0.0, "evaluator": 0.0})
    _held_s: dict[Role, float] = field(default_factory=lambda: {"trainer": 0.0, "evaluator": 0.0})
    _batches: int = 0

    def limit(self, role: Role) -> int:
        """Return how many devices may do this at the same time."""
        if self.trainers is None:
            return self.devices
        return self.trainers if role == "trainer" else self.devices - self.trainers

    def busy(self, role: Role, seconds: float) -> None:
        """Take down the device time of a task that has ended."""
        self._busy_s[role] += seconds
        self._recent_s[role] += seconds

    def batch_ended(self, now_s: float) -> None:
        """Look at the loads now and then; let one device change its role if that relieves the fuller one."""
        self._batches += 1
        if self._batches % _WINDOW:
            return
        took_s = self._hold(now_s)
        if self.moving and self.trainers is not None and took_s > 0:
            self._move(self._recent_s["trainer"] / took_s, self._recent_s["evaluator"] / took_s)
        self._recent_s = {"trainer": 0.0, "evaluator": 0.0}

    def _hold(self, now_s: float) -> float:
        took_s, self.since_s = now_s - self.since_s, now_s
        for role in self._held_s:
            self._held_s[role] += took_s * self.limit(role)
        return took_s

    def _move(self, learning: float, evaluating: float) -> None:
        now = self.trainers or 1

        def fullest(trainers: int) -> float:
            return max(learning / trainers, evaluating / (self.devices - trainers))

        choices = [count for count in (now - 1, now + 1) if 1 <= count <= min(self.most, self.devices - 1)]
        best = min(choices, key=fullest, default=now)
        if fullest(now) > _GAIN * fullest(best):
            self.trainers = best
            self.moves += 1

    def idle(self, now_s: float) -> dict[str, float]:
        """Return the shares of idle time until now: of each role's devices, and of all."""
        self._hold(now_s)
        shares = {role: 1 - self._busy_s[role] / max(held, 1e-9) for role, held in self._held_s.items()}
        held_s = sum(self._held_s.values()) / (2 if self.trainers is None else 1)
        return {
            "trainer": shares["trainer"],
            "evaluator": shares["evaluator"],
            "all": 1 - sum(self._busy_s.values()) / max(held_s, 1e-9),
        }

    @property
    def trainers_mean(self) -> float | None:
        """Devices that learnt, on average over the time so far; None where all do both."""
        if self.trainers is None:
            return None
        held_s = sum(self._held_s.values())
        return self.devices * self._held_s["trainer"] / held_s if held_s else float(self.trainers)
