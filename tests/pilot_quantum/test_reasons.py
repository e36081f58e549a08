"""Every binding has its reason in the trace: no choice, a policy, backfill, a reservation, a gang, another attempt."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pilot_quantum import (
    Backfill,
    InvalidDescription,
    LeastLoaded,
    PilotDescription,
    PilotLoad,
    PilotManager,
    Policy,
    Resources,
    Retries,
    RoundRobin,
    RunTrace,
    TaskDescription,
    TaskTrace,
)

WAIT_S = 60.0


def wait_for(path: str) -> None:
    """Worker side: wait until a file appears."""
    end_s = time.monotonic() + WAIT_S
    while not Path(path).exists() and time.monotonic() < end_s:
        time.sleep(0.005)


def nap(seconds: float) -> None:
    """Worker side."""
    time.sleep(seconds)


def die_once(path: str) -> int:
    """Worker side: kill the worker the first time."""
    if not Path(path).exists():
        Path(path).touch()
        os._exit(3)
    return 1


def fail_once(path: str) -> int:
    """Worker side: raise the first time."""
    if not Path(path).exists():
        Path(path).touch()
        raise ValueError("first")
    return 1


def my_rank(ranks: Any) -> int:
    """Worker side: which rank this is."""
    return int(ranks.rank)


def _pilot(manager: PilotManager, name: str, cores: int) -> None:
    options = {"oversubscribe": True}
    described = PilotDescription(name=name, engine="processes", cores_per_node=cores, launcher_options=options)
    manager.submit_pilot(described).wait(WAIT_S)


@pytest.fixture(scope="module")
def manager() -> Iterator[PilotManager]:
    with PilotManager() as made:
        _pilot(made, "two", 2)
        yield made


def _reason(trace: TaskTrace) -> str:
    assert trace.reason is not None
    return trace.reason


def test_no_choice(manager: PilotManager) -> None:
    for words, reason in (({}, "the only running pilot that fits"), ({"pilot": "two"}, "the pilot it asks for")):
        task = manager.submit_task(nap, 0.0, **words)
        task.result(WAIT_S)
        assert task.trace().reason == reason


def test_a_gang(manager: PilotManager) -> None:
    task = manager.submit_task(TaskDescription(my_rank, resources=Resources(ranks=2)))
    assert task.result(WAIT_S) == [0, 1]
    trace = task.trace()
    assert "gang: 2 workers were idle at once" in _reason(trace)
    assert [(rank.rank, rank.worker) for rank in trace.ranks] == [(0, 0), (1, 1)]
    assert all(None not in (rank.started_s, rank.ended_s, rank.cpu_s, rank.peak_rss) for rank in trace.ranks)
    assert trace.earlier == ()


def test_an_attempt_after_a_loss(manager: PilotManager, tmp_path: Path) -> None:
    task = manager.submit_task(die_once, str(tmp_path / "died"))
    assert task.result(WAIT_S) == 1
    trace = task.trace()
    assert "attempt 2, alone, because attempt 1 was lost: worker" in _reason(trace)
    (first,) = trace.earlier
    assert (first.state, first.attempt, first.started_s, trace.attempt) == ("lost", 1, None, 2)
    assert first.error is not None
    assert "exited with code 3" in first.error
    assert first.dispatched_s is not None
    assert first.stopped_s is not None
    assert trace.dispatched_s is not None
    assert first.dispatched_s <= first.stopped_s <= trace.dispatched_s
    assert TaskTrace.from_dict(trace.as_dict()) == trace


def test_an_attempt_after_an_exception(manager: PilotManager, tmp_path: Path) -> None:
    rule = Retries(exceptions=1, on=(ValueError,))
    task = manager.submit_task(TaskDescription(fail_once, (str(tmp_path / "failed"),), retries=rule))
    assert task.result(WAIT_S) == 1
    trace = task.trace()
    assert "because attempt 1 failed: ValueError" in _reason(trace)
    (first,) = trace.earlier
    assert (first.state, first.error, first.attempt) == ("failed", "ValueError", 1)
    assert first.run_s is not None


def test_a_reservation_and_who_may_overtake_it(manager: PilotManager, tmp_path: Path) -> None:
    """One core is held for about 0.5 s; a wide task waits for both; only the short task may use the other core."""
    for _ in range(3):
        manager.submit_task(nap, 0.0).result(WAIT_S)
    held = manager.submit_task(TaskDescription(nap, (0.5,), estimate_s=0.5))
    wide = manager.submit_task(TaskDescription(nap, (0.0,), resources=Resources(cpus=2), estimate_s=0.01))
    short = manager.submit_task(TaskDescription(nap, (0.01,), estimate_s=0.02))
    long = manager.submit_task(TaskDescription(nap, (0.01,), estimate_s=30.0))
    manager.wait([held, wide, short, long], WAIT_S)
    assert "it was kept free for this wide task" in _reason(wide.trace())
    assert "backfill" in _reason(short.trace())
    assert "backfill" not in _reason(long.trace())
    assert (short.trace().started_s or 0) < (wide.trace().started_s or 0) < (long.trace().started_s or 0)


@pytest.mark.parametrize(("overtaking", "passes"), [("never", False), ("always", True)])
def test_the_rule_of_overtaking_is_the_user_s(overtaking: Any, passes: bool, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with PilotManager(Backfill(RoundRobin(), overtaking=overtaking)) as manager:
        _pilot(manager, "a", 2)
        held = manager.submit_task(wait_for, str(gate))
        wide = manager.submit_task(TaskDescription(nap, (0.0,), resources=Resources(cpus=2)))
        small = manager.submit_task(nap, 0.0)
        if passes:  # nobody knows how long it runs, so EASY would not let it pass
            small.result(WAIT_S)
        gate.touch()
        manager.wait([held, wide, small], WAIT_S)
    first, second = (small, wide) if passes else (wide, small)
    assert (first.trace().started_s or 0) < (second.trace().started_s or 0)
    assert ("backfill" in _reason(small.trace())) == passes


def test_a_policy_s_choice_and_the_only_free_place(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with PilotManager(RoundRobin()) as manager:
        for name in "ab":
            _pilot(manager, name, 1)
        chosen = manager.submit_task(wait_for, str(gate))
        rest = manager.submit_task(TaskDescription(nap, (0.0,)))
        rest.result(WAIT_S)
        gate.touch()
        chosen.result(WAIT_S)
    assert chosen.trace().reason == "turn 1"
    assert rest.trace().reason == "the only pilot with a free place"


def test_a_task_that_was_stopped_says_when_and_how(manager: PilotManager) -> None:
    late = manager.submit_task(TaskDescription(nap, (60.0,), timeout_s=0.1))
    late.exception(WAIT_S)
    trace = late.trace()
    assert (trace.state, trace.error, trace.started_s) == ("timeout", "TaskTimeout", None)
    assert trace.stopped_s is not None
    assert trace.dispatched_s is not None
    assert trace.stopped_s - trace.dispatched_s >= 0.1
    done = manager.submit_task(nap, 0.0)
    done.result(WAIT_S)
    assert (done.trace().stopped_s, done.trace().error) == (None, None)


def test_a_run_has_its_tasks_pilots_and_stages(manager: PilotManager) -> None:
    with manager.runtime() as scope:
        with scope.stage("work"):
            scope.gather(scope.submit_many(nap, [0.0] * 5))
        with scope.stage("work"):
            pass
    trace = scope.trace()
    assert len(trace.tasks) == 5
    assert {(task.function, task.cpus) for task in trace.tasks} == {("nap", 1)}
    (pilot,) = trace.pilots
    assert (pilot.name, pilot.engine, pilot.workers, pilot.ended_s) == ("two", "processes", 2, None)
    assert [stage.name for stage in trace.stages] == ["work", "work"]
    assert sum(stage.end_s - stage.start_s for stage in trace.stages) == pytest.approx(scope.stages_s["work"])
    assert trace.start_s is not None
    assert trace.end_s is not None
    assert pilot.requested_s + sum(pilot.startup_s.values()) <= trace.start_s
    assert all(trace.start_s <= task.submitted_s <= (task.returned_s or 0) for task in trace.tasks)
    assert trace.end_s >= trace.stages[-1].end_s


def test_a_pilot_s_end_is_in_its_trace() -> None:
    with PilotManager() as manager:
        pilot = manager.submit_pilot(PilotDescription(name="short", engine="inline")).wait(WAIT_S)
        task = manager.submit_task(nap, 0.0)
        task.result(WAIT_S)
        pilot.release()
        (found,) = RunTrace.of([task], manager.pilots()).pilots
    assert found.ended_s is not None
    assert found.ended_s >= (task.trace().returned_s or 0)
    assert found.state == "done"


@pytest.mark.parametrize(
    ("overtaking", "expected_s", "opens_in_s", "may"),
    [
        ("easy", 1.0, 2.0, True),
        ("easy", 3.0, 2.0, False),
        ("easy", None, 2.0, False),
        ("easy", 1.0, -5.0, False),
        ("never", 0.0, 9.0, False),
        ("always", None, 0.0, True),
    ],
)
def test_who_overtakes(overtaking: Any, expected_s: float | None, opens_in_s: float, may: bool) -> None:
    assert Backfill(overtaking=overtaking).overtakes(expected_s, opens_in_s) == may


def test_backfill_chooses_as_its_policy_does_and_refuses_other_rules() -> None:
    loads = [PilotLoad("a", 2, 0, None, 1.0), PilotLoad("b", 2, 2, None, 0.0)]
    inner: Policy
    for inner in (LeastLoaded(), RoundRobin()):
        assert Backfill(inner).choose(Resources(), loads, 2) == inner.choose(Resources(), loads, 2)
    with pytest.raises(InvalidDescription, match="must be one of easy, never, always"):
        Backfill(overtaking="sometimes")  # type: ignore[arg-type]  # the mistake under test
