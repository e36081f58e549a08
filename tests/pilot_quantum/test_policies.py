"""Policies are pure rules: the same loads give the same choice, and every choice is one of the pilots."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pilot_quantum import (
    Backfill,
    Choice,
    FastestFirst,
    LeastLoaded,
    PilotDescription,
    PilotLoad,
    PilotManager,
    Policy,
    Resources,
    RoundRobin,
)
from tests.pilot_quantum.faults import square

POLICIES: list[Policy] = [LeastLoaded(), RoundRobin(), FastestFirst(), Backfill()]


def _load(name: str, *, workers: int = 2, idle: int = 1, rate: float | None = 1.0, backlog: float = 0.0) -> PilotLoad:
    return PilotLoad(name, workers, idle, rate, backlog)


_loads = st.lists(
    st.builds(
        PilotLoad,
        name=st.text(min_size=1, max_size=4),
        workers=st.integers(1, 64),
        idle_workers=st.integers(0, 1),
        tasks_per_s=st.none() | st.floats(1e-6, 1e9),
        backlog_s=st.floats(0, 1e6) | st.just(math.inf),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda load: load.name,
)


@pytest.mark.parametrize("policy", POLICIES, ids=lambda policy: type(policy).__name__)
@given(loads=_loads, decision=st.integers(0, 10**6))
def test_a_choice_is_one_of_the_pilots_and_always_the_same(
    policy: Policy, loads: list[PilotLoad], decision: int
) -> None:
    choice = policy.choose(Resources(), loads, decision)
    assert choice.pilot in {load.name for load in loads}
    assert choice.reason
    assert policy.choose(Resources(), loads, decision) == choice


@given(loads=_loads)
def test_the_least_loaded_has_the_smallest_backlog(loads: list[PilotLoad]) -> None:
    chosen = LeastLoaded().choose(Resources(), loads, 0).pilot
    backlog = {load.name: load.backlog_s for load in loads}
    assert backlog[chosen] == min(backlog.values())


def test_ties_go_to_the_larger_share_of_idle_workers_then_to_the_first() -> None:
    loads = [_load("a", workers=4, idle=1), _load("b", workers=2, idle=1), _load("c", workers=2, idle=1)]
    assert LeastLoaded().choose(Resources(), loads, 0).pilot == "b"


def test_round_robin_takes_turns() -> None:
    loads = [_load("a"), _load("b"), _load("c")]
    assert [RoundRobin().choose(Resources(), loads, turn).pilot for turn in range(6)] == list("abcabc")


def test_the_fastest_is_the_fastest_worker_not_the_largest_pilot() -> None:
    loads = [_load("many", workers=10, rate=50.0), _load("quick", workers=1, rate=9.0)]
    assert FastestFirst().choose(Resources(), loads, 0).pilot == "quick"
    assert FastestFirst().choose(Resources(), [*loads, _load("new", rate=None)], 0).pilot == "new"


class _Recording:
    """A user's policy: what it is asked, and the last pilot it can have."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []

    def choose(self, resources: Resources, pilots: Sequence[PilotLoad], decision: int) -> Choice:
        self.asked.append(tuple(pilot.name for pilot in pilots))
        assert resources.cpus == 1
        assert decision >= 0
        return Choice(pilots[-1].name, "the last one")


class _Failing:
    def choose(self, resources: Resources, pilots: Sequence[PilotLoad], decision: int) -> Choice:
        raise ZeroDivisionError("a policy's mistake")


class _Inventing:
    def choose(self, resources: Resources, pilots: Sequence[PilotLoad], decision: int) -> Choice:
        return Choice("no such pilot", "made up")


def test_a_user_s_policy_decides_and_its_reason_is_in_the_trace() -> None:
    policy = _Recording()
    with PilotManager(policy) as manager:
        for name in ("a", "b"):
            manager.submit_pilot(PilotDescription(name=name, engine="inline")).wait(30)
        task = manager.submit_task(square, 3)
        assert task.result(30) == 9
    assert policy.asked[0] == ("a", "b")
    assert task.trace().pilot == "b"
    assert task.trace().reason == "the last one"


@pytest.mark.parametrize("policy", [_Failing(), _Inventing()], ids=lambda policy: type(policy).__name__)
def test_a_policy_s_mistake_fails_its_tasks_and_nothing_else(policy: Policy) -> None:
    with PilotManager(policy) as manager:
        for name in ("a", "b"):
            manager.submit_pilot(PilotDescription(name=name, engine="inline")).wait(30)
        task = manager.submit_task(square, 3)
        error = task.exception(30)
        assert error is not None
        assert "mistake" in str(error) or "no such pilot" in str(error)
        assert manager.submit_task(square, 4, pilot="a").result(30) == 16  # nothing to choose: no policy asked
