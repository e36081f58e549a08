"""Policies of routing: which device a waiting circuit should go to, and whether it should wait for one.

A policy is pure: it sees one circuit's offers and names a device with a reason, or none if the circuit should wait. The
broker asks again whenever something has changed, and for adaptive policies also while a circuit waits at a vendor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, NamedTuple, Protocol


class Offer(NamedTuple):
    """What a device would mean for a circuit now.

    Attributes
    ----------
    device
        Name.
    online
        Whether it takes jobs.
    room
        Whether another job may be sent to it at once.
    wait_s, run_s
        Predicted seconds until the circuit would start, own circuits in front of it included, and its run.
    fidelity
        Expected; None if the device tells no errors.
    cost
        In the device's currency.
    left_s
        Seconds until the pilot ends; None if it does not.
    """

    device: str
    online: bool
    room: bool
    wait_s: float
    run_s: float
    fidelity: float | None
    cost: float
    left_s: float | None = None

    @property
    def completion_s(self) -> float:
        """Predicted seconds until the circuit has run."""
        return self.wait_s + self.run_s

    @property
    def in_time(self) -> bool:
        """Whether it is predicted to end before the pilot does."""
        return self.left_s is None or self.completion_s <= self.left_s


class Route(NamedTuple):
    """The chosen device, None to wait, and the reason as a clause for a person."""

    device: str | None
    reason: str


class RoutingPolicy(Protocol):
    """Chooses among devices that fit a circuit."""

    @property
    def adaptive(self) -> bool:
        """Whether circuits that wait are asked about again."""
        ...

    def route(self, number: int, offers: Sequence[Offer]) -> Route:
        """Choose for circuit ``number``; ``offers`` is never empty, in the order of the pilot's devices."""
        ...


def _usable(offers: Sequence[Offer]) -> list[Offer]:
    return [offer for offer in offers if offer.online and offer.in_time]


def _none(offers: Sequence[Offer]) -> Route:
    late = [offer for offer in offers if offer.online]
    if late:
        soonest = min(late, key=lambda offer: offer.completion_s)
        first = f"soonest {soonest.device}: {soonest.completion_s:.0f} s"
        return Route(None, f"none would end in the {soonest.left_s or 0.0:.0f} s that the pilot has left ({first})")
    return Route(None, "no device that fits is up")


@dataclass(frozen=True, slots=True)
class FastestCompletion:
    """Takes the device where the circuit is predicted to end first."""

    adaptive: ClassVar[bool] = True

    def route(self, number: int, offers: Sequence[Offer]) -> Route:  # noqa: ARG002 - the protocol's
        """Choose by predicted completion."""
        usable = _usable(offers)
        if not usable:
            return _none(offers)
        best = min(usable, key=lambda offer: offer.completion_s)
        return Route(best.device, f"ends first ({best.wait_s:.0f} s wait + {best.run_s:.1f} s)")


@dataclass(frozen=True, slots=True)
class BestFidelity:
    """Takes the device with the highest expected fidelity, whatever its queue; completion breaks ties."""

    adaptive: ClassVar[bool] = True

    def route(self, number: int, offers: Sequence[Offer]) -> Route:  # noqa: ARG002 - the protocol's
        """Choose by expected fidelity."""
        usable = _usable(offers)
        if not usable:
            return _none(offers)
        best = max(usable, key=lambda offer: (offer.fidelity or 0.0, -offer.completion_s))
        return Route(best.device, f"best expected fidelity ({best.fidelity or 0.0:.3f})")


@dataclass(frozen=True, slots=True)
class Weighted:
    """Trades fidelity against time among devices above a floor.

    Attributes
    ----------
    weight
        Of fidelity, from 0 (time alone) to 1; the score is weight·F/F_best + (1 − weight)·T_best/T.
    floor
        Lowest expected fidelity.
    share
        Lowest expected fidelity as a share of the best device's; keeps a spread of devices from costing fidelity.
    """

    weight: float = 0.5
    floor: float = 0.0
    share: float = 0.0
    adaptive: ClassVar[bool] = True

    def route(self, number: int, offers: Sequence[Offer]) -> Route:  # noqa: ARG002 - the protocol's
        """Choose by score."""
        best_known = max((offer.fidelity or 0.0 for offer in offers), default=0.0)
        floor = max(self.floor, self.share * best_known)
        good = [offer for offer in offers if (offer.fidelity or 0.0) >= floor]
        if not good:
            return Route(None, f"no device reaches a fidelity of {floor:.3f} (best {best_known:.3f})")
        usable = _usable(good)
        if not usable:
            return _none(good)
        top = max(offer.fidelity or 0.0 for offer in usable) or 1.0
        soonest = min(offer.completion_s for offer in usable)

        def score(offer: Offer) -> float:
            return self.weight * (offer.fidelity or 0.0) / top + (1 - self.weight) * soonest / max(
                offer.completion_s, 1e-9
            )

        best = max(usable, key=score)
        return Route(
            best.device,
            f"score {score(best):.2f}: fidelity {best.fidelity or 0.0:.3f}, ends in {best.completion_s:.0f} s",
        )


@dataclass(frozen=True, slots=True)
class Cheapest:
    """Takes the cheapest device; completion breaks ties."""

    adaptive: ClassVar[bool] = True

    def route(self, number: int, offers: Sequence[Offer]) -> Route:  # noqa: ARG002 - the protocol's
        """Choose by cost."""
        usable = _usable(offers)
        if not usable:
            return _none(offers)
        best = min(usable, key=lambda offer: (offer.cost, offer.completion_s))
        return Route(best.device, f"cheapest ({best.cost:g})")


@dataclass(frozen=True, slots=True)
class StaticAssignment:
    """Deals the circuits out to the devices in turn, whatever happens: the usual way without a runtime."""

    adaptive: ClassVar[bool] = False

    def route(self, number: int, offers: Sequence[Offer]) -> Route:
        """Choose by number."""
        return Route(offers[number % len(offers)].device, f"turn {number}")


@dataclass(slots=True)
class LeastBusyOnce:
    """Takes the device with the shortest wait when it is first asked, and stays with it.

    Attributes
    ----------
    each
        True: asked once for each circuit; False: once for the whole workload, as scripts with ``least_busy()`` do.
    """

    each: bool = False
    adaptive: ClassVar[bool] = False
    _chosen: str | None = field(default=None, init=False)

    def route(self, number: int, offers: Sequence[Offer]) -> Route:  # noqa: ARG002 - the protocol's
        """Choose by wait, once."""
        names = [offer.device for offer in offers]
        if self.each or self._chosen not in names:
            up = [offer for offer in offers if offer.online] or list(offers)
            self._chosen = min(up, key=lambda offer: offer.wait_s).device
        return Route(self._chosen, "least busy when it was chosen")


POLICIES: dict[str, Callable[[], RoutingPolicy]] = {
    "fastest": FastestCompletion,
    "fidelity": BestFidelity,
    "weighted": Weighted,
    "cheapest": Cheapest,
}
"""Policies by name, for descriptions."""
