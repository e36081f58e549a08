"""What each device would mean for a waiting circuit: the input of the routing policies."""

from __future__ import annotations

from collections.abc import Mapping

from ._work import Lane, Unit
from .base import Forecast
from .routing import Offer


class Planned:
    """What was given to a device in this round, and is not sent yet: seconds in front of others, and spending."""

    def __init__(self) -> None:
        self.run_s = 0.0
        self.shots = 0
        self.cost = 0.0

    def add(self, shots: int, forecast: Forecast, batch: int) -> None:
        """Count one circuit, and its share of what a job of ``batch`` circuits takes whatever is in it."""
        overhead_s = forecast.parts_s.get("overhead", 0.0)
        self.run_s += forecast.run_s - overhead_s * (1 - 1 / batch)
        self.shots += shots
        self.cost += forecast.cost

    def with_one_more(self, shots: int, forecast: Forecast) -> dict[str, float]:
        """Return the spending if this circuit were added."""
        return {
            "shots": float(self.shots + shots),
            "cost": self.cost + forecast.cost,
            "qpu_s": self.run_s + forecast.run_s,
        }


def offers_for(
    unit: Unit,
    lanes: Mapping[str, Lane],
    *,
    now: float,
    left_s: float | None,
    backlog: Mapping[str, Planned],
    staying: Mapping[str, float] | None = None,
) -> list[Offer]:
    """Return the offers of the devices that may take a circuit, in order.

    Parameters
    ----------
    left_s
        Seconds until the pilot ends; None for never.
    backlog
        What was given to each device in this round, in front of this circuit.
    staying
        Wait on the device where the circuit already is, which has room for it.
    """
    found = []
    for name, compiled in unit.compiled.items():
        lane = lanes[name]
        forecast = lane.device.forecast(compiled, unit.shots)
        before = backlog.get(name) or Planned()
        needs = before.with_one_more(unit.shots, forecast)
        stays = staying is not None and name in staying
        if not stays and lane.beyond(needs) is not None:
            continue
        if unit.request.min_fidelity is not None and (forecast.fidelity or 0.0) < unit.request.min_fidelity:
            continue
        wait_s = staying[name] if staying is not None and stays else lane.wait_s(now) + before.run_s
        found.append(
            Offer(
                device=name,
                online=lane.online,
                room=stays or lane.room(before.run_s) > 0,
                wait_s=wait_s,
                run_s=forecast.run_s,
                fidelity=forecast.fidelity,
                cost=forecast.cost,
                left_s=left_s,
            )
        )
    return found


def reasons_against(unit: Unit, lanes: Mapping[str, Lane]) -> str | None:
    """Return why no device will ever take a circuit that fits, as a clause; None if one may yet."""
    reasons = []
    for name, compiled in unit.compiled.items():
        lane = lanes[name]
        forecast = lane.device.forecast(compiled, unit.shots)
        beyond = lane.beyond(Planned().with_one_more(unit.shots, forecast))
        if beyond is None:
            wanted, offered = unit.request.min_fidelity, forecast.fidelity or 0.0
            if wanted is None or offered >= wanted or not lane.online:
                return None
            beyond = f"it promises a fidelity of {offered:.4f}, {wanted} is wanted"
        reasons.append(f"{name!r}: {beyond}")
    return "; ".join(reasons)
