"""B.1 on the devices that a pilot holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from miniapps.circuit_execution import APP
from miniapps.circuit_execution.params import CircuitExecution
from pilot_quantum import DeviceDescription, PilotDescription, PilotManager, UnsatisfiableRequest

EAGLE = DeviceDescription("eagle", "emulated", options={"target": "generic:6"})


@pytest.fixture(scope="module")
def manager() -> Iterator[PilotManager]:
    with PilotManager() as held:
        held.submit_pilot(PilotDescription("aer", engine="inline", devices=(DeviceDescription("aer", "aer"),)))
        virtual = {"clock": "virtual"}
        held.submit_pilot(PilotDescription("eagle", engine="inline", devices=(EAGLE,), device_options=virtual))
        held.submit_pilot(PilotDescription("none", engine="inline"))
        yield held


def params(**more: Any) -> CircuitExecution:
    return CircuitExecution(device="pilot", n_qubits=4, depth=3, n_circuits=6, shots=400, seed=9, **more)


@pytest.mark.parametrize("pilot", ["aer", "eagle"])
@pytest.mark.parametrize("primitive", ["sampler", "estimator"])
def test_answers_of_devices_pass_the_check(manager: PilotManager, pilot: str, primitive: Any) -> None:
    asked = params(primitive=primitive)
    with manager.runtime([pilot], None) as runtime:
        measurement = APP.run(asked, runtime)
    verdict = APP.check(asked, measurement)
    assert verdict.verdict == "pass", verdict


def test_on_a_simulated_clock_the_time_is_the_devices(manager: PilotManager) -> None:
    with manager.runtime(["eagle"], None) as runtime:
        metrics = APP.run(params(), runtime).metrics
    used = metrics["qpu_s"].value
    assert used is not None
    assert metrics["time_to_value_s"].value == pytest.approx(used, rel=0.01)
    assert used > 2.0  # the overhead of a job, which nobody waited for


def test_a_pilot_without_devices_cannot_run_it(manager: PilotManager) -> None:
    with manager.runtime(["none"], None) as runtime, pytest.raises(UnsatisfiableRequest, match="no quantum device"):
        APP.run(params(), runtime)


def test_settings_of_the_simulator_do_not_go_with_devices() -> None:
    with pytest.raises(ValueError, match="setting of device 'aer'"):
        params(precision="single")
