"""The emulated Eagle: where its time goes, against what IBM publishes."""

from __future__ import annotations

import pytest

from miniapps._circuits.families import build
from miniapps._circuits.qiskit_io import to_qiskit
from miniapps._circuits.spec import CircuitSpec
from pilot_quantum import DeviceDescription
from pilot_quantum.devices import Forecast, VirtualClock, make

SHOTS = 4096
VENDOR_S = 2 + 0.00035 * SHOTS
"""IBM's quick formula for the usage of a job (documentation, "Workload usage")."""


def forecast(width: int) -> Forecast:
    device = make(DeviceDescription("eagle", "emulated"), VirtualClock())
    circuit = to_qiskit(build(CircuitSpec("random", width, 5, seed=3)), measure=True)
    return device.forecast(device.compile(circuit), SHOTS)


def test_time_is_flat_in_qubits_and_near_the_vendors_formula() -> None:
    """A state vector of 16 qubits costs 16,384 times that of 2; a QPU's job at fixed depth only what routing adds."""
    few, many = forecast(2), forecast(16)
    assert 1.0 <= many.run_s / few.run_s < 1.3
    for one in (few, many):
        assert one.run_s == pytest.approx(VENDOR_S, rel=0.35)


def test_the_breakdown_is_the_stated_formula() -> None:
    parts = forecast(4).parts_s
    assert parts["repetition_delay"] == pytest.approx(250e-6 * SHOTS)  # default_rep_delay of ibm_sherbrooke
    assert parts["overhead"] == 2.0
    assert 0 < parts["schedule"] < parts["repetition_delay"]
