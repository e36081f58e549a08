"""The driver's side: the same answer from every kind of gang, honest counts, refusals and failures in one line."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from miniapps import Measurement, Unsupported
from miniapps.distributed_state_vector import APP, kernels
from miniapps.distributed_state_vector.check import check
from miniapps.distributed_state_vector.flow import estimate, job, memory, widest
from miniapps.distributed_state_vector.params import DistributedStateVector
from miniapps.distributed_state_vector.session import NoSession
from pilot_quantum import PilotDescription, PilotManager, Resources, Retries, TaskDescription, WorkerLost

SMALL = DistributedStateVector(n_qubits=6, mode="vjp", precision="double", evaluations=1, seed=4)


@pytest.fixture(scope="module", params=["processes", "mpi"])
def manager(request: pytest.FixtureRequest) -> Iterator[PilotManager]:
    with PilotManager() as manager:
        options = {"oversubscribe": True}
        pilot = PilotDescription(name="p", engine=request.param, cores_per_node=2, launcher_options=options)
        manager.submit_pilot(pilot).wait(90)
        yield manager


def _run(manager: PilotManager, params: DistributedStateVector) -> Measurement:
    with manager.runtime(pilots=["p"]) as runtime:
        return APP.run(params, runtime)


@pytest.mark.parametrize(("ranks", "shards"), [(1, 1), (2, 2)])
def test_gangs_of_any_shape_give_right_values_and_gradients(manager: PilotManager, ranks: int, shards: int) -> None:
    params = SMALL.model_copy(update={"ranks": ranks, "shards_per_rank": shards})
    measurement = _run(manager, params)
    verdict = APP.check(params, measurement)
    assert verdict.verdict == "pass", verdict
    metrics = measurement.metrics
    assert metrics["ranks"].value == ranks
    exchanged = metrics["exchanged_bytes"].value
    assert exchanged == (0 if ranks * shards == 1 else 0.75 * 16 * 2**6 * 3)
    assert metrics["execute_s"].value is not None


def test_an_evaluation_after_the_first_compiles_nothing(manager: PilotManager) -> None:
    for _ in range(2):
        measurement = _run(manager, SMALL)
    assert measurement.metrics["compilations"].value == 0


def _other_mini_app(ranks: Any) -> float:
    """Compute with JAX on its own, as the mini-apps of machine learning do."""
    import jax.numpy as jnp

    return float(jnp.arange(4.0).sum()) + ranks.rank


def test_workers_that_have_used_jax_before_join_a_gang_and_can_be_used_again() -> None:
    with PilotManager() as manager:
        pilot = PilotDescription(
            name="p", engine="processes", cores_per_node=2, launcher_options={"oversubscribe": True}
        )
        manager.submit_pilot(pilot).wait(90)
        other = TaskDescription(_other_mini_app, resources=Resources(ranks=2))
        params = SMALL.model_copy(update={"ranks": 2})
        for _ in range(2):
            assert manager.submit_task(other).result(60) == [6.0, 7.0]
            assert APP.check(params, _run(manager, params)).verdict == "pass"


def _sleeping_rank(asked: kernels.Job, ranks: Any) -> None:
    """Run like any rank, but never come to an end; rank 1 kills itself on the way."""
    from miniapps.distributed_state_vector.session import Place, session

    place = Place(ranks.rank, ranks.size, ranks.coordinator, 1, 1, gpu=False, timeout_s=20)
    with session(place, own_process=True):
        if ranks.rank == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(600)


def _wrong_coordinator(asked: kernels.Job, ranks: Any) -> Any:
    """Rank 1 looks for a coordinator that is not there."""
    if ranks.rank == 1:
        ranks = ranks._replace(coordinator="127.0.0.1:9")
    return kernels.run_rank(asked, ranks)


def _absent(asked: kernels.Job, ranks: Any) -> Any:
    """Rank 1 never starts."""
    return time.sleep(600) if ranks.rank == 1 else kernels.run_rank(asked, ranks)


def _one_without_memory(asked: kernels.Job, ranks: Any) -> Any:
    """Rank 1 stands on a host that is too small."""
    return kernels.run_rank(replace(asked, memory=2**50) if ranks.rank == 1 else asked, ranks)


@pytest.mark.parametrize(
    ("kernel", "error", "said"),
    [
        (_sleeping_rank, WorkerLost, "rank 1 of 2"),
        (_wrong_coordinator, (NoSession, WorkerLost), "rank"),
        (_absent, (NoSession, WorkerLost), "rank"),
        (_one_without_memory, MemoryError, "rank 1 needs"),
    ],
)
def test_a_gang_that_cannot_go_on_ends_with_the_reason(
    manager: PilotManager, kernel: Any, error: Any, said: str
) -> None:
    asked = replace(job(SMALL.model_copy(update={"ranks": 2, "start_timeout_s": 5.0})), driver=-1)
    description = TaskDescription(kernel, (asked,), resources=Resources(ranks=2), retries=Retries(lost_worker=0))
    task = manager.submit_task(description)
    with pytest.raises(error, match=said):
        task.result(timeout=30)


def test_a_gpu_that_no_pilot_holds_is_unsupported(manager: PilotManager) -> None:
    with pytest.raises(Unsupported, match="1 GPU"):
        _run(manager, SMALL.model_copy(update={"gpu": True}))


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"ranks": 3}, "power of two"),
        ({"ranks": 16}, "16 shards need 8 qubits"),
        ({"simulator": "aer"}, "no gradient"),
        ({"simulator": "lightning", "ranks": 2}, "without MPI"),
        ({"simulator": "stim"}, "has jax, lightning, aer, cudaq"),
        ({"mode": "expval", "method": "stabilizer"}, "not made of Clifford gates"),
        ({"observables": "ZZ"}, "string of 6 letters"),
        ({"depth": 3}, "has no depth"),
        ({"family": "file"}, "path"),
    ],
)
def test_what_cannot_be_is_refused_with_the_rule(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        DistributedStateVector(**{"n_qubits": 6, "mode": "vjp", **wrong})


def test_what_fits_is_told_before_anything_runs() -> None:
    params = DistributedStateVector(n_qubits=30, mode="vjp", ranks=4)
    features = estimate(params)
    assert features.extra["state_bytes"] == 8 * 2**30
    assert (features.tasks, features.memory_per_task) == (4, memory(params))
    most = widest(16 * 2**30, params)
    assert memory(params.model_copy(update={"n_qubits": most})) <= 16 * 2**30
    assert memory(params.model_copy(update={"n_qubits": most + 1})) > 16 * 2**30
    assert widest(0, params) == 0


def test_wrong_answers_fail() -> None:
    with PilotManager() as manager:
        manager.submit_pilot(PilotDescription(name="p", engine="inline")).wait(30)
        measurement = _run(manager, SMALL)
    answer = measurement.answer
    assert check(SMALL, measurement).verdict == "pass"
    for spoiled in (
        replace(answer, values=answer.values[::-1].copy()),
        replace(answer, values=answer.values + 1e-8),
        replace(answer, gradient=-answer.gradient),
        replace(answer, gradient=answer.gradient * np.nan),
    ):
        assert check(SMALL, replace(measurement, answer=spoiled)).verdict == "fail"


def test_the_check_says_what_it_cannot_know() -> None:
    params = SMALL.model_copy(update={"n_qubits": 27})
    empty = kernels.Share(np.zeros(27), np.zeros(162), [1.0])
    verdict = check(params, Measurement(empty, {}))
    assert verdict.verdict == "unchecked"
    assert "references here are" in verdict.detail
