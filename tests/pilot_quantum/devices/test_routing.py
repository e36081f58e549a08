from __future__ import annotations

import pytest

from pilot_quantum.devices.routing import (
    BestFidelity,
    Cheapest,
    FastestCompletion,
    LeastBusyOnce,
    Offer,
    StaticAssignment,
    Weighted,
)


def offer(device: str, **values: object) -> Offer:
    usual: dict[str, object] = {
        "online": True,
        "room": True,
        "wait_s": 10.0,
        "run_s": 1.0,
        "fidelity": 0.9,
        "cost": 1.0,
    }
    return Offer(device, **{**usual, **values})  # type: ignore[arg-type]  # fields by name


QUICK = offer("quick", wait_s=0.0, fidelity=0.7, cost=3.0)
GOOD = offer("good", wait_s=100.0, fidelity=0.95, cost=2.0)
CHEAP = offer("cheap", wait_s=50.0, fidelity=0.8, cost=0.5)
ALL = [QUICK, GOOD, CHEAP]


@pytest.mark.parametrize(
    ("policy", "chosen"),
    [
        (FastestCompletion(), "quick"),
        (BestFidelity(), "good"),
        (Cheapest(), "cheap"),
        (Weighted(weight=1.0), "good"),
        (Weighted(weight=0.0), "quick"),
        (Weighted(weight=0.0, floor=0.75), "cheap"),
        (Weighted(weight=0.0, share=0.99), "good"),
    ],
    ids=repr,
)
def test_each_policy_takes_what_it_is_for_and_says_why(policy: FastestCompletion, chosen: str) -> None:
    route = policy.route(0, ALL)
    assert route.device == chosen
    assert route.reason


@pytest.mark.parametrize("policy", [FastestCompletion(), BestFidelity(), Cheapest(), Weighted()], ids=repr)
def test_devices_that_are_down_or_too_late_are_left_out(policy: FastestCompletion) -> None:
    down = [one._replace(online=False) for one in (QUICK, GOOD)] + [CHEAP]
    assert policy.route(0, down).device == "cheap"
    late = [one._replace(left_s=20.0) for one in ALL]
    assert policy.route(0, late).device == "quick"
    nothing = policy.route(0, [one._replace(left_s=0.5) for one in ALL])
    assert nothing.device is None
    assert "pilot has left" in nothing.reason
    assert policy.route(0, [one._replace(online=False) for one in ALL]).device is None


def test_no_device_below_the_floor() -> None:
    route = Weighted(floor=0.99).route(0, ALL)
    assert route.device is None
    assert "0.990" in route.reason


def test_the_usual_ways_do_not_look_again() -> None:
    assert [StaticAssignment().route(k, ALL).device for k in range(4)] == ["quick", "good", "cheap", "quick"]
    once = LeastBusyOnce()
    assert once.route(0, ALL).device == "quick"
    busy = [QUICK._replace(wait_s=1e4), GOOD, CHEAP]
    assert once.route(1, busy).device == "quick"
    assert LeastBusyOnce(each=True).route(1, busy).device == "cheap"
