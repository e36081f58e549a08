"""Shots at equal error: `distinct` never needs more than the published way, and errors are those that runs report."""

from __future__ import annotations

import pytest

from harness.peers.cutting_shots import SHOTS, row
from miniapps.circuit_cutting.params import CircuitCutting
from tests.miniapps.circuit_cutting.cases import measured


def test_the_published_way_needs_more_shots_for_the_same_error() -> None:
    found = row(9, 2)
    assert found["circuits"] == {"reference": 108, "distinct": 35}
    assert found["shots"]["reference"] == 108 * SHOTS
    assert found["shots_at_equal_error"] > 1


@pytest.mark.parametrize(("way", "statistics"), [("reference", "rows"), ("distinct", "distinct")])
def test_errors_are_those_that_a_run_reports(way: str, statistics: str) -> None:
    values = {"executor": "amplitude", "statistics": statistics, "shots": SHOTS, "n_qubits": 9, "cuts": 2, "angle": 0.4}
    told = measured(CircuitCutting.model_validate({"family": "efficient_su2", **values}))
    error = told.metrics["standard_error"].value
    assert error == pytest.approx(row(9, 2)["standard_error"][way], rel=0.05)
