"""Whether a job that waits at a vendor had better go elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ._offers import offers_for
from ._settings import BrokerSettings
from ._work import Flight, Lane, Unit
from .routing import RoutingPolicy


class Move(NamedTuple):
    """Where a waiting job should go, why, and whether it only moves (nothing is wrong with its device)."""

    device: str
    reason: str
    moving: bool


class Moves:
    """Judges waiting jobs by a policy's view of their circuits, all of which must gain."""

    def __init__(self, lanes: Mapping[str, Lane], policy: RoutingPolicy, settings: BrokerSettings) -> None:
        self._lanes, self._policy, self._settings = lanes, policy, settings

    def of(self, lane: Lane, flight: Flight, *, now: float, left_s: float | None) -> Move | None:
        """Return the move of a job that waits at ``lane``; None if it had better stay.

        Parameters
        ----------
        left_s
            Seconds until the pilot ends; None for never.
        """
        here_s = flight.view.wait_s
        if here_s is None:
            here_s = max(0.0, flight.run_s - (now - flight.sent_s))
        first: Move | None = None
        for unit in flight.units:
            move = self._of_circuit(unit, lane, here_s, now=now, left_s=left_s)
            if move is None:
                return None
            first = first or move
        return first

    def _of_circuit(self, unit: Unit, lane: Lane, here_s: float, *, now: float, left_s: float | None) -> Move | None:
        staying = {lane.name: here_s}
        offers = offers_for(unit, self._lanes, now=now, left_s=left_s, backlog={}, staying=staying)
        if not offers:
            return None
        mine = next((offer for offer in offers if offer.device == lane.name), None)
        route = self._policy.route(unit.number, offers)
        best = next((offer for offer in offers if offer.device == route.device), None)
        if best is None or best.device == lane.name or not best.room:
            return None
        if mine is None or not mine.online:
            return Move(best.device, f"{lane.trouble or 'it is down'}; {best.device}: {route.reason}", moving=False)
        share = (1 - self._settings.gain) ** (1 + unit.moves)
        sooner = best.completion_s < min(mine.completion_s - self._settings.gain_s, share * mine.completion_s)
        better = (best.fidelity or 0.0) > (mine.fidelity or 0.0) + 0.02
        if (sooner or better) and unit.moves < self._settings.moves:
            return Move(best.device, f"{best.device} has become better: {route.reason}", moving=True)
        return None
