"""The driver's side: tasks on real pilots, memory that is stated, parameters that are refused, checks that can fail."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from pydantic import ValidationError

from miniapps import Unsupported
from miniapps.circuit_cutting import APP
from miniapps.circuit_cutting.executors import names
from miniapps.circuit_cutting.finders import graph, interval
from miniapps.circuit_cutting.flow import estimate, run
from miniapps.circuit_cutting.observables import terms
from miniapps.circuit_cutting.params import CircuitCutting
from pilot_quantum import PilotDescription, PilotManager
from tests.miniapps.circuit_cutting.cases import Shuffled, measured

SMALL: dict[str, Any] = {"n_qubits": 8, "angle": 0.4, "cuts": 2, "seed": 5}


def test_every_executor_runs_on_pilots_with_the_same_value() -> None:
    with PilotManager() as manager:
        manager.submit_pilot(PilotDescription(name="p", engine="processes", cores_per_node=2)).wait(90)
        for executor in names():
            exact = executor in ("amplitude", "full", "mps")
            cuts = {"cuts": 0} if executor in ("full", "mps") else {}
            params = CircuitCutting(**{**SMALL, **cuts, "executor": executor, "shots": 0 if exact else 64})
            with manager.runtime(pilots=["p"]) as runtime:
                measurement = APP.run(params, runtime)
            assert APP.check(params, measurement).verdict == "pass"
            assert set(runtime.stages_s) == {"plan", "execute", "reconstruct"}
            assert measurement.metrics["tasks"].value == len(runtime.traces())
            assert measurement.digest == measured(params).digest


@pytest.mark.parametrize(
    ("values", "cut"), [({"family": "qft", "n_qubits": 6}, False), ({"n_qubits": 24}, True), ({"n_qubits": 12}, True)]
)
def test_without_a_model_counts_decide_about_the_executor(values: dict[str, Any], cut: bool) -> None:
    params = CircuitCutting(**values, executor="auto")
    found = measured(params)
    assert APP.check(params, found).verdict == "pass"
    assert (found.metrics["cuts"].value > 0) is cut


@pytest.mark.parametrize("finder", ["interval", "graph"])
def test_every_repeat_looks_for_its_cuts(finder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    module, part = (interval, "_row") if finder == "interval" else (graph, "_partition")
    original, calls = getattr(module, part), []
    monkeypatch.setattr(module, part, lambda *given: calls.append(1) or original(*given))
    seen = []
    for _ in range(2):
        calls.clear()
        measured(CircuitCutting(**SMALL, finder=finder))
        seen.append(len(calls))
    assert seen[0] == seen[1] > 0


def test_the_check_fails_a_wrong_value() -> None:
    for shots in (0, 1000):
        params = CircuitCutting(**SMALL, shots=shots)
        found = measured(params)
        wrong = replace(found.answer.estimate, value=found.answer.estimate.value + 0.5)
        verdict = APP.check(params, replace(found, answer=replace(found.answer, estimate=wrong)))
        assert (verdict.verdict, verdict.oracle) == ("fail", "dense state vector")


def test_tasks_state_the_memory_of_their_states() -> None:
    params = CircuitCutting(**{**SMALL, "n_qubits": 16, "cuts": 1})
    runtime = Shuffled()
    run(params, runtime)  # type: ignore[arg-type]  # a stand-in
    features = estimate(params)
    assert max(resources.memory for resources in runtime.resources) == features.memory_per_task
    assert features.memory_per_task >= 2 * 16 * 2**8
    assert (features.tasks, features.extra["published"], features.extra["distinct"]) == (2, 12, 10)


def test_a_gpu_that_no_pilot_holds_is_unsupported() -> None:
    with pytest.raises(Unsupported, match="gpu = true: no pilot"):
        measured(CircuitCutting(**SMALL, gpu=True))


@pytest.mark.parametrize("backend", ["aer", "jax"])
def test_backends_agree(backend: str) -> None:
    values: dict[str, Any] = {"family": "clustered", "n_qubits": 16, "depth": 4, "cuts": 2, "observable": "X0 Y9 + Z15"}
    numpy, other = (
        measured(CircuitCutting(**values, backend=name)).answer.estimate.value for name in ("numpy", backend)
    )
    assert other == pytest.approx(numpy, abs=1e-10)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"executor": "full", "cuts": 2}, "runs the uncut circuit"),
        ({"cuts": 0}, "cuts = 0: executor 'amplitude' cuts"),
        ({"executor": "auto", "cuts": 2}, "cuts = 2: executor 'auto' decides about cuts itself"),
        ({"executor": "distinct"}, "shots = 0: executor 'distinct' samples"),
        ({"statistics": "rows"}, "only for executor 'amplitude' with shots"),
        ({"cut_wires": "2:9"}, "no whole number"),
        ({"partition": "AB"}, "needs 16 letters"),
        ({"partition": "A" * 16, "cuts": 2}, "own cuts go with no finder"),
        ({"observable": "Z0 Q1"}, "neither a string of 16 letters"),
        ({"observable": "Z16"}, "neither a string of 16 letters"),
        ({"clusters": 3}, "belongs to clustered"),
        ({"family": "ghz", "reps": 1}, "belongs to efficient_su2, strongly_entangling, qaoa_ring"),
    ],
)
def test_parameters_that_make_no_sense_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        CircuitCutting(**values)


def test_sums_of_pauli_strings_are_read() -> None:
    assert terms("0.5*Z0 Z1 - 1e-1*X2 + ZZI", 3) == ((0.5, "IZZ"), (-0.1, "XII"), (1.0, "ZZI"))
    assert terms("Z1 + IZI", 3) == ((2.0, "IZI"),)
    assert terms("zz_sum", 3) == ((1.0, "IZZ"), (1.0, "ZZI"))
