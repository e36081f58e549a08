"""The decisions about a task's circuits reach its own trace, also when it failed, was packed or was tried again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from qiskit import qasm2

from pilot_quantum import (
    Budget,
    DeviceDescription,
    DeviceRequest,
    PilotDescription,
    PilotManager,
    Resources,
    Retries,
    Task,
    TaskDescription,
    TaskTrace,
)
from pilot_quantum.devices import BudgetExhausted, RealClock, VirtualClock
from pilot_quantum.devices._decisions import DecisionLog
from pilot_quantum.devices._work import Decision
from tests.contracts.devices.conftest import bell

VIRTUAL = {"clock": "virtual"}


def submit(manager: PilotManager, function: Any, *args: Any, **more: Any) -> Task:
    return manager.submit_task(TaskDescription(function, args, resources=Resources(device=DeviceRequest()), **more))


def run_bells(number: int, *, device: Any) -> int:
    return len(device.run([qasm2.dumps(bell())] * number, shots=10))


def fail_once(marker: str, *, device: Any) -> None:
    run_bells(1, device=device)
    if not Path(marker).exists():
        Path(marker).touch()
        raise ConnectionError("the network was away")


def eagle(**fields: Any) -> DeviceDescription:
    return DeviceDescription("eagle", "emulated", options={"target": "generic:5", "results": "ideal"}, **fields)


def held(*devices: DeviceDescription, **fields: Any) -> PilotDescription:
    options = {"device_options": VIRTUAL, "engine": "inline", **fields}
    return PilotDescription("qpus", devices=devices, **options)


def test_each_task_has_its_own_and_a_failed_attempt_too(tmp_path: Path) -> None:
    with PilotManager() as manager:
        manager.submit_pilot(held(eagle(batch=1)))
        tasks = [submit(manager, run_bells, number) for number in (1, 2, 3)]
        again = submit(manager, fail_once, str(tmp_path / "x"), retries=Retries(exceptions=1, on=(ConnectionError,)))
        assert [task.result(60) for task in tasks] == [1, 2, 3]
        assert again.result(60) is None
    sends = [[d for d in task.trace().routing if d.action == "send"] for task in tasks]
    assert [sum(d.circuits for d in found) for found in sends] == [1, 2, 3]
    assert all((d.device, d.simulated, bool(d.reason)) == ("eagle", True, True) for found in sends for d in found)
    seen = again.trace()
    assert [d.action for d in seen.routing] == [d.action for d in seen.earlier[0].routing] == ["send"]
    assert TaskTrace.from_dict(seen.as_dict()) == seen


def test_a_budget_that_is_spent_is_the_last_decision() -> None:
    with PilotManager() as manager:
        manager.submit_pilot(held(eagle(budget=Budget(shots=20), batch=1)))
        task = submit(manager, run_bells, 5)
        with pytest.raises(BudgetExhausted):
            task.result(60)
    last = task.trace().routing[-1]
    assert (last.action, last.device, last.circuits) == ("stop", "", 3)
    assert "its budget of 20 shots" in last.reason


def test_simulators_in_the_worker_are_told_as_well() -> None:
    with PilotManager() as manager:
        manager.submit_pilot(held(DeviceDescription("aer", "aer"), device_options={}))
        task = submit(manager, run_bells, 4)
        assert task.result(60) == 4
        [one] = task.trace().routing
        assert (one.device, one.circuits, one.simulated) == ("aer", 4, False)
        assert task.trace().started_s <= one.time_s <= task.trace().ended_s  # type: ignore[operator]  # it has run


def test_what_was_decided_at_once_is_one_decision() -> None:
    log, clock = DecisionLog(), VirtualClock()
    for circuit in range(4):
        log.note((1, 1), clock, Decision(circuit * 1e-3, "ab"[circuit % 2], "send", f"reason {circuit}"))
    log.note((1, 1), clock, Decision(9.0, "a", "send", "later"))
    assert [(d.time_s, d.device, d.circuits) for d in log.of((1, 1))] == [(0.0, "a", 2), (1e-3, "b", 2), (9.0, "a", 1)]
    assert log.of((1, 2)) == ()
    real = RealClock()
    log.note((2, 1), real, Decision(1.0, "a", "send", "r"))
    assert log.of((2, 1))[0].time_s == real.start_s + 1.0
