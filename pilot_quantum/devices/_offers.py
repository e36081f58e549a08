"""What each device would mean for a waiting circuit: the input of the routing policies."""

from __future__ import annotations

from collections.abc import Mapping

from ._work import Lane, Unit
from .routing import Offer


def offers_for(
    unit: Unit,
    lanes: Mapping[str, Lane],
    now: float,
    left_s: float | None,
    backlog: Mapping[str, float],
    staying: Mapping[str, float] | None = None,
) -> list[Offer]:
    """Return the offers of the devices that may take a circuit, in order.

    Parameters
    ----------
    left_s
        Seconds until the pilot ends; None for never.
    backlog
        Seconds of circuits in front of this one that were given to a device in this round.
    staying
        Wait on the device where the circuit already is, which has room for it.
    """
    found = []
    for name, compiled in unit.compiled.items():
        lane = lanes[name]
        forecast = lane.device.forecast(compiled, unit.shots)
        needs = {"shots": float(unit.shots), "cost": forecast.cost, "qpu_s": forecast.run_s}
        stays = staying is not None and name in staying
        if not stays and lane.beyond(needs) is not None:
            continue
        if unit.request.min_fidelity is not None and (forecast.fidelity or 0.0) < unit.request.min_fidelity:
            continue
        wait_s = staying[name] if staying is not None and stays else lane.wait_s(now) + backlog.get(name, 0.0)
        found.append(
            Offer(
                device=name,
                online=lane.online,
                room=stays or lane.room > 0,
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
        needs = {"shots": float(unit.shots), "cost": forecast.cost, "qpu_s": forecast.run_s}
        beyond = lane.beyond(needs)
        if beyond is None:
            wanted, offered = unit.request.min_fidelity, forecast.fidelity or 0.0
            if wanted is None or offered >= wanted or not lane.online:
                return None
            beyond = f"it promises a fidelity of {offered:.4f}, {wanted} is wanted"
        reasons.append(f"{name!r}: {beyond}")
    return "; ".join(reasons)
