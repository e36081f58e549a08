"""PennyLane, given our circuit and our cuts, comes to the exact value."""

from __future__ import annotations

import pytest

from harness.peers.pennylane_cutting import cut_value
from miniapps import load
from miniapps.circuit_cutting.check import reference
from miniapps.circuit_cutting.flow import planned


@pytest.mark.parametrize("cuts", [1, 2])
def test_pennylane_rebuilds_the_exact_value(cuts: int) -> None:
    params = load("circuit_cutting").params(family="efficient_su2", n_qubits=9, cuts=cuts, angle=0.4)
    circuit, found, _ = planned(params)
    assert len(found.gates) == cuts
    assert cut_value(circuit, found) == pytest.approx(reference(circuit, params.observable)[1], abs=1e-12)
