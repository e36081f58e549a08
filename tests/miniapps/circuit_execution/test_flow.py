"""The driver's side: the same answers on every engine, honest counts, no GPU where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from math import ceil
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from miniapps import Unsupported
from miniapps._circuits.families import build
from miniapps.circuit_execution import APP
from miniapps.circuit_execution.aer import GpuMissing, Simulator
from miniapps.circuit_execution.flow import circuits_per_task, digest, ensemble, estimate, memory, run
from miniapps.circuit_execution.kernels import Batch, Job, run_batch
from miniapps.circuit_execution.params import CircuitExecution
from pilot_quantum import PilotDescription, PilotManager

SAMPLER = CircuitExecution(n_qubits=4, n_circuits=40, shots=100, seed=3)
ESTIMATOR = CircuitExecution(n_qubits=4, n_circuits=40, primitive="estimator", shots=0, observables="z_all", seed=3)


@pytest.fixture(scope="module", params=["inline", "processes", "ray"])
def manager(request: pytest.FixtureRequest) -> Iterator[PilotManager]:
    with PilotManager() as manager:
        manager.submit_pilot(PilotDescription(name="p", engine=request.param, cores_per_node=2)).wait(90)
        yield manager


@pytest.mark.parametrize("params", [SAMPLER, ESTIMATOR], ids=["sampler", "estimator"])
@pytest.mark.parametrize("size", ["auto", 1, 7])
def test_every_engine_gives_the_same_bits(manager: PilotManager, params: CircuitExecution, size: Any) -> None:
    job = Job(ensemble(params), params.observables or "", params.shots, Simulator())
    reference = digest(run_batch(Batch(job, 0, params.n_circuits)))
    portioned = params.model_copy(update={"circuits_per_task": size})
    with manager.runtime(pilots=["p"]) as runtime:
        measurement = APP.run(portioned, runtime)
    assert measurement.digest == reference
    assert APP.check(portioned, measurement).verdict == "pass"
    assert measurement.metrics["circuits"].value == 40
    assert measurement.metrics["tasks"].value == len(runtime.traces())
    assert set(runtime.stages_s) == {"submit", "execute", "reduce"}
    assert sum(runtime.stages_s.values()) <= measurement.metrics["time_to_value_s"].value


sizes = st.builds(
    CircuitExecution,
    family=st.sampled_from(["random", "ghz", "qft", "efficient_su2", "qaoa_ring"]),
    n_qubits=st.integers(2, 12),
    n_circuits=st.integers(1, 3000),
    circuits_per_task=st.just("auto") | st.integers(1, 5000),
)


@given(sizes, st.integers(1, 200))
def test_tasks_carry_all_circuits_and_none_is_empty(params: CircuitExecution, slots: int) -> None:
    size = circuits_per_task(params, slots)
    assert 1 <= size <= params.n_circuits
    if params.circuits_per_task != "auto":
        assert size == min(params.circuits_per_task, params.n_circuits)


@given(sizes)
def test_an_estimate_counts_what_is_built(params: CircuitExecution) -> None:
    features = estimate(params)
    assert features.gates == params.n_circuits * len(build(ensemble(params).spec(0)).gates)
    assert features.shots == params.n_circuits * params.shots
    assert features.tasks == ceil(params.n_circuits / circuits_per_task(params, 1))
    assert features.extra["gate_amplitudes"] == pytest.approx(features.gates * 2**params.n_qubits)


def test_many_large_circuits_make_several_tasks_a_worker() -> None:
    params = CircuitExecution(n_qubits=16, n_circuits=64)
    assert ceil(64 / circuits_per_task(params, 4)) >= 16
    assert circuits_per_task(CircuitExecution(n_qubits=2, n_circuits=16), 1) == 16


@pytest.mark.parametrize(
    ("values", "state_bytes"),
    [
        ({"n_qubits": 26}, 16 * 2**26),
        ({"n_qubits": 26, "precision": "single"}, 8 * 2**26),
        ({"n_qubits": 13, "method": "density_matrix"}, 16 * 4**13),
        ({"n_qubits": 1000, "family": "ghz", "method": "stabilizer"}, 16 * 1000 * 1000 // 16),
        ({"n_qubits": 36, "family": "efficient_su2", "reps": 2, "method": "matrix_product_state"}, 16 * 4 * 36 * 4**2),
        ({"n_qubits": 5000}, 16 * 2**5000),
    ],
)
def test_memory_is_one_state_and_a_group_of_answers(values: dict[str, Any], state_bytes: int) -> None:
    assert memory(CircuitExecution(**values)) == state_bytes + 16 * 2**20


class _Pilots:
    """A runtime that has pilots and whose tasks end as told."""

    def __init__(self, gpus: int, error: Exception | None = None) -> None:
        self.gpus, self.error = gpus, error
        self.resources: Any = None

    def pilots(self) -> tuple[SimpleNamespace, ...]:
        return (SimpleNamespace(workers=2, gpus=self.gpus),)

    def stage(self, _name: str) -> AbstractContextManager[None]:
        return nullcontext()

    def submit_many(self, _function: object, items: list[Any], *, resources: Any) -> list[Any]:
        self.resources, self.items = resources, items
        return items

    def gather(self, _tasks: list[Any]) -> list[Any]:
        raise self.error or AssertionError("not reached")


def test_a_gpu_that_no_pilot_holds_is_unsupported() -> None:
    with pytest.raises(Unsupported, match="gpu = true: no pilot"):
        run(SAMPLER.model_copy(update={"gpu": True}), _Pilots(0))  # type: ignore[arg-type]  # a stand-in


@pytest.mark.parametrize("gpu", [True, "auto"])
def test_a_gpu_is_asked_of_the_pilot_and_of_aer(gpu: Any) -> None:
    runtime = _Pilots(1, GpuMissing("Aer sees no GPU here"))
    with pytest.raises(Unsupported, match="Aer sees no GPU here"):
        run(SAMPLER.model_copy(update={"gpu": gpu}), runtime)  # type: ignore[arg-type]  # a stand-in
    assert runtime.resources.gpus == 1
    assert runtime.items[0].job.simulator.device == "GPU"
