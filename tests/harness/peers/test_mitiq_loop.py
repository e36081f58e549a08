"""mitiq's loop, which B.4 is measured against, computes the same: else there would be nothing to compare."""

from __future__ import annotations

from typing import Any

import pytest

from harness.peers.mitiq_loop import EXECUTORS, Task, peer
from miniapps import load
from miniapps.error_mitigation.params import ErrorMitigation
from pilot_quantum import PilotDescription, PilotManager

pytestmark = pytest.mark.xdist_group("mitiq")  # loading mitiq takes seconds
SMALL = {"family": "qaoa_ring", "n_qubits": 3, "layers": 1, "observable": "ZIZ"}


@pytest.mark.parametrize(
    "params",
    [
        {"technique": "zne"},
        {"technique": "zne", "folding": "local", "extrapolation": "exponential"},
        {"technique": "ddd", "idle": 4, "detuning": 0.05},
    ],
)
def test_exact_values_are_ours(params: dict[str, Any]) -> None:
    asked = ErrorMitigation(**SMALL, **params)
    with PilotManager() as manager:
        manager.submit_pilot(PilotDescription(engine="inline"))
        with manager.runtime() as runtime:
            ours = load("error_mitigation").run(asked, runtime).answer.value.value
    for name in EXECUTORS:
        assert peer(Task.of(asked), name)() == pytest.approx(ours, abs=1e-9), name


@pytest.mark.parametrize("name", ["aer", "aer batched"])
@pytest.mark.parametrize(
    "params",
    [
        {"technique": "pec", "samples": 60, "error_2q": 0.02},
        {"technique": "readout", "shots": 30000, "read_1_for_0": 0.02, "read_0_for_1": 0.05},
    ],
)
def test_sampled_values_are_near_the_truth(params: dict[str, Any], name: str) -> None:
    task = Task.of(ErrorMitigation(**SMALL, **params))
    assert peer(task, name)() == pytest.approx(task.exact, abs=0.1)
