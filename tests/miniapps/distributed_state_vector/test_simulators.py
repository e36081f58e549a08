"""Every simulator against independent ones: values and gradients, on shards of one process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from miniapps._circuits import CircuitSpec
from miniapps._circuits.families import build
from miniapps._circuits.gates import Circuit
from miniapps.distributed_state_vector import kernels
from miniapps.distributed_state_vector.check import shifted
from miniapps.distributed_state_vector.kernels import Job, Missing, Share
from miniapps.distributed_state_vector.observables import Term, groups, terms
from miniapps.distributed_state_vector.session import GpuMissing, NoSession, Place
from tests.miniapps.distributed_state_vector.circuits import any_circuit, values

PLACE = Place(0, 1, "", 1, 1, gpu=False, timeout_s=5)


def _job(observables: str, n: int, **changes: Any) -> Job:
    facts: dict[str, Any] = {
        "spec": CircuitSpec("ghz", n),
        "terms": terms(observables, n),
        "mode": "expval",
        "method": "statevector",
        "simulator": "jax",
        "double": True,
        "shards_per_rank": 1,
        "threads": 1,
        "gpu": False,
        "start_timeout_s": 5.0,
        "evaluations": 1,
        "limits": False,
        "memory": 0,
        "driver": os.getpid(),
    }
    return Job(**(facts | changes))


def _paulis(job: Job) -> list[str]:
    return [term.pauli for term in job.terms]


def _jax(job: Job, circuit: Circuit) -> Share:
    from miniapps.distributed_state_vector.jax_simulator import compute

    return compute(job, circuit, PLACE)


def _lightning(job: Job, circuit: Circuit) -> Share:
    from miniapps.distributed_state_vector.lightning_simulator import compute

    return compute(job, circuit, PLACE)


@pytest.mark.parametrize("seed", range(2))
def test_all_gates_and_any_pauli_sum_agree_with_the_dense_state(seed: int) -> None:
    circuit = any_circuit(5, 24, seed)
    job = _job("0.5*XXIII,ZYIII,-2*IIIZZ,IIXYZ,IIIII", 5, mode="jacobian")
    share = _jax(job, circuit)
    np.testing.assert_allclose(share.values, values(circuit, _paulis(job)), atol=1e-12)
    assert share.gradient is not None
    for place in range(0, share.gradient.shape[1], 5):
        there, back = (values(shifted(circuit, place, shift), _paulis(job)) for shift in (1e-4, -1e-4))
        np.testing.assert_allclose(share.gradient[:, place], (there - back) / 2e-4, atol=1e-7)


@pytest.mark.parametrize("family", ["strongly_entangling", "random", "qft", "qaoa_ring", "efficient_su2"])
def test_values_and_gradients_agree_with_lightning(family: str) -> None:
    circuit = build(CircuitSpec(family, 6, 2, seed=5))
    job = _job("z_all", 6, mode="vjp")
    ours, theirs = _jax(job, circuit), _lightning(job, circuit)
    assert ours.gradient is not None
    np.testing.assert_allclose(ours.gradient, theirs.gradient, atol=1e-12)
    np.testing.assert_allclose(ours.values, values(circuit, _paulis(job)), atol=1e-12)


def test_a_jacobian_sums_to_the_gradient_of_the_sum() -> None:
    circuit = any_circuit(4, 16, 9)
    rows = _jax(_job("2*ZIII,-1*IXII,IIZZ", 4, mode="jacobian"), circuit).gradient
    whole = _jax(_job("2*ZIII,-1*IXII,IIZZ", 4, mode="vjp"), circuit).gradient
    assert rows is not None
    np.testing.assert_allclose(np.array([2, -1, 1]) @ rows, whole, atol=1e-12)
    np.testing.assert_allclose(
        rows, _lightning(_job("2*ZIII,-1*IXII,IIZZ", 4, mode="jacobian"), circuit).gradient, atol=1e-11
    )


def test_single_precision_holds_what_it_promises() -> None:
    circuit = build(CircuitSpec("strongly_entangling", 12, 3, seed=1))
    single, double = (_jax(_job("z_all", 12, mode="vjp", double=double), circuit) for double in (False, True))
    np.testing.assert_allclose(single.values, double.values, atol=1e-5)
    np.testing.assert_allclose(single.gradient, double.gradient, atol=1e-5)


@pytest.mark.parametrize(
    ("method", "simulator", "family"),
    [
        ("statevector", "aer", "random"),
        ("statevector", "lightning", "random"),
        ("tensor_network", "aer", "efficient_su2"),
        ("tensor_network", "quimb", "efficient_su2"),
        ("stabilizer", "aer", "ghz"),
        ("stabilizer", "stim", "ghz"),
    ],
)
def test_every_simulator_gives_the_values_of_the_dense_state(method: str, simulator: str, family: str) -> None:
    spec = CircuitSpec(family, 6, 2 if family != "ghz" else 0, seed=2)
    job = _job("ZZZIII,XXXXXX,IIZIIZ", 6, method=method, simulator=simulator, spec=spec)
    share = kernels.run_rank(job, Place(0, 1, "", 1, 1, gpu=False, timeout_s=5))
    assert share is not None
    np.testing.assert_allclose(share.values, values(build(spec), _paulis(job)), atol=1e-9)
    assert len(share.evaluations_s) == 1


def test_cudaq_gives_the_values_of_the_dense_state() -> None:
    pytest.importorskip("cudaq", reason="CUDA-Q is installed by hand: pip install cudaq")
    spec = CircuitSpec("random", 5, 2, seed=2)
    asked = _job("ZZZII,XYXXX,IIZIZ", 5, simulator="cudaq", spec=spec)
    share = kernels.run_rank(asked, PLACE)
    assert share is not None
    np.testing.assert_allclose(share.values, values(build(spec), _paulis(asked)), atol=1e-9)


def test_ranks_share_the_observables_of_a_stabilizer_state() -> None:
    job = _job("z_all", 5, method="stabilizer", simulator="stim")
    shares = [kernels.run_rank(job, Place(rank, 2, "", 1, 1, gpu=False, timeout_s=5)) for rank in range(2)]
    found = np.array([share.values for share in shares if share is not None])
    assert np.isnan(found).sum(axis=0).tolist() == [1] * 5
    np.testing.assert_allclose(np.nansum(found, axis=0), 0, atol=1e-12)


def test_what_is_not_clifford_is_refused_by_name() -> None:
    job = _job("z_all", 3, method="stabilizer", simulator="stim", spec=CircuitSpec("random", 3, 1))
    with pytest.raises(Missing, match="is not a Clifford gate"):
        kernels.run_rank(job, PLACE)


def test_a_gpu_that_is_not_there_is_told_in_one_line() -> None:
    with pytest.raises(GpuMissing, match="JAX sees no GPU here") as caught:
        kernels.run_rank(_job("z_all", 3, gpu=True), PLACE)
    assert "\n" not in str(caught.value)


def test_too_little_memory_is_refused_before_anything_is_allocated() -> None:
    with pytest.raises(MemoryError, match=r"rank 0 needs 1.05e\+06 GiB and its host has"):
        kernels.run_rank(_job("z_all", 3, memory=2**50), PLACE)


def test_an_inline_worker_refuses_several_ranks() -> None:
    with pytest.raises(NoSession, match="processes of their own"):
        kernels.run_rank(_job("z_all", 4), Place(0, 2, "127.0.0.1:1", 1, 1, gpu=False, timeout_s=5))


def test_terms_that_agree_qubit_by_qubit_share_a_basis() -> None:
    found = groups([Term(1.0, text) for text in ("XXI", "ZII", "IXY", "ZIZ")])
    assert [group.places for group in found] == [(0, 2), (1, 3)]


def test_a_user_file_can_be_run(tmp_path: Path) -> None:
    from miniapps.distributed_state_vector.params import DistributedStateVector

    path = tmp_path / "bell.qasm"
    path.write_text('OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; h q[0]; cx q[0],q[1];')
    params = DistributedStateVector(family="file", path=str(path), observables="ZZ,XX,ZI")
    assert params.n_qubits == 2
    share = _jax(_job("ZZ,XX,ZI", 2), build(CircuitSpec("file", 2, path=str(path))))
    np.testing.assert_allclose(share.values, [1, 1, 0], atol=1e-12)
