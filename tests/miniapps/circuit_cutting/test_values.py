"""Two hundred seeded random cases, every executor, tasks that end in any order: the value of the uncut circuit."""

from __future__ import annotations

import pytest

from miniapps.circuit_cutting import APP
from miniapps.circuit_cutting.params import CircuitCutting
from tests.miniapps.circuit_cutting.cases import case, exact, measured, sampled

CASES = 200
GROUPS = 20
SIGMAS = 4


@pytest.mark.parametrize("group", range(GROUPS))
def test_amplitudes_are_exact(group: int) -> None:
    for number in range(group, CASES, GROUPS):
        params = case(number)
        found = measured(params, number).answer.estimate
        assert found.value == pytest.approx(exact(params), abs=1e-10), params
        assert (found.standard_error, found.shots) == (0, 0)


@pytest.mark.parametrize("group", range(GROUPS))
def test_samples_lie_within_four_standard_errors(group: int) -> None:
    for number in range(group, CASES, GROUPS):
        for params in sampled(case(number)):
            found = measured(params, number).answer.estimate
            assert abs(found.value - exact(params)) <= SIGMAS * found.standard_error + 1e-12, params


@pytest.mark.parametrize("executor", ["full", "mps"])
@pytest.mark.parametrize("shots", [0, 512])
def test_uncut_executors_agree(executor: str, shots: int) -> None:
    for number in range(0, CASES, 10):
        own = ("cuts", "finder", "subcircuit_size", "cut_gates", "cut_wires", "partition")
        values = {name: value for name, value in case(number).model_dump().items() if name not in own}
        params = CircuitCutting(**{**values, "executor": executor, "shots": shots})
        found = measured(params).answer.estimate
        limit = SIGMAS * found.standard_error + 1e-9
        assert abs(found.value - exact(params)) <= limit, params


def test_the_standard_error_is_the_spread_of_the_values() -> None:
    for statistics in ("distinct", "rows"):
        values = {"n_qubits": 6, "cuts": 2, "angle": 0.7, "shots": 400, "statistics": statistics}
        found = [measured(CircuitCutting(**values, seed=seed)).answer.estimate for seed in range(200)]
        mean = sum(f.value for f in found) / len(found)
        spread = (sum((f.value - mean) ** 2 for f in found) / (len(found) - 1)) ** 0.5
        stated = sum(f.standard_error for f in found) / len(found)
        assert stated == pytest.approx(spread, rel=0.25)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"n_qubits": 36, "cuts": 5}, -0.09195910),
        ({"n_qubits": 34, "cuts": 3}, -0.08342955),
        ({"n_qubits": 36, "reps": 2, "cuts": 6}, -0.11686612),
        ({"n_qubits": 34, "reps": 2, "cuts": 6}, -0.11577964),
    ],
)
def test_the_published_circuits_have_their_closed_values(values: dict[str, int], expected: float) -> None:
    params = CircuitCutting(**values, angle=0.4)
    measurement = measured(params)
    assert measurement.answer.estimate.value == pytest.approx(expected, abs=5.1e-9)
    verdict = APP.check(params, measurement)
    assert (verdict.verdict, verdict.oracle) == ("pass", "closed value of the published circuit")
