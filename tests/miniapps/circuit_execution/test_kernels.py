"""The worker's side: right numbers, and the same ones whatever shares the batch."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from qiskit import QuantumCircuit, qasm3, qpy

from miniapps._circuits.dense import expectation, probabilities, statevector
from miniapps._circuits.families import build
from miniapps._circuits.qiskit_io import NotAGateList
from miniapps.circuit_execution import aer, kernels
from miniapps.circuit_execution.flow import digest, ensemble
from miniapps.circuit_execution.kernels import Batch, Job, Samples, Values, draw, joined, run_batch
from miniapps.circuit_execution.params import CircuitExecution


def _job(**values: Any) -> tuple[Job, int]:
    params = CircuitExecution(**values)
    simulator = aer.Simulator(params.method, params.precision, "CPU", params.threads)
    return Job(ensemble(params), params.observables or "", params.shots, simulator), params.n_circuits


def _run(job: Job, *parts: tuple[int, int]) -> Samples | Values:
    return joined([run_batch(Batch(job, start, stop)) for start, stop in parts])


CASES = [
    {"n_qubits": 4, "shots": 300},
    {"n_qubits": 5, "primitive": "estimator", "shots": 0, "observables": "z_all"},
    {"n_qubits": 3, "primitive": "estimator", "shots": 100, "observables": "XYZ,ZZI"},
    {"n_qubits": 12, "method": "automatic", "shots": 20, "depth": 2},
    {"n_qubits": 6, "family": "ghz", "method": "stabilizer", "shots": 50},
]


@pytest.mark.parametrize("case", CASES, ids=str)
@settings(max_examples=12)
@given(cuts=st.sets(st.integers(1, 7)), order=st.randoms(use_true_random=False))
def test_answers_do_not_depend_on_the_batches_or_their_order(case: dict[str, Any], cuts: set[int], order: Any) -> None:
    job, n = _job(n_circuits=8, **case)
    edges = [0, *sorted(cuts), n]
    parts = list(pairwise(edges))
    shuffled = order.sample(parts, len(parts))
    found = {part: run_batch(Batch(job, *part)) for part in shuffled}
    assert digest(joined([found[part] for part in parts])) == digest(_run(job, (0, n)))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_native_and_the_public_way_give_the_same_bits(
    case: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    job, n = _job(n_circuits=3, **case)
    native = digest(_run(job, (0, n)))
    monkeypatch.setattr(aer, "_native_works", lambda: False)
    assert digest(_run(job, (0, n))) == native


def test_the_native_way_is_used_with_this_aer() -> None:
    assert aer._native_works()


def test_an_aer_that_changed_is_used_the_public_way(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def changed(*_: object, **__: object) -> None:
        raise TypeError("gate(): incompatible function arguments")

    monkeypatch.setattr(aer, "_native_circuit", changed)
    assert aer._native_works.__wrapped__() is False
    assert "public interface" in caplog.text


@given(
    family=st.sampled_from(["random", "ghz", "qft", "efficient_su2", "qaoa_ring"]),
    method=st.sampled_from(["statevector", "density_matrix", "matrix_product_state", "automatic"]),
    precision=st.sampled_from(["double", "single"]),
    n_qubits=st.integers(2, 5),
    seed=st.integers(0, 2**63 - 1),
)
@settings(max_examples=40)
def test_exact_values_are_those_of_the_dense_reference(
    family: Any, method: Any, precision: Any, n_qubits: int, seed: int
) -> None:
    precision = "double" if method == "matrix_product_state" else precision
    strings = ",".join(["XYZXY"[:n_qubits], "Z" * n_qubits, "I" * n_qubits])
    job, _ = _job(
        family=family,
        method=method,
        precision=precision,
        n_qubits=n_qubits,
        seed=seed,
        n_circuits=1,
        primitive="estimator",
        shots=0,
        observables=strings,
    )
    found = run_batch(Batch(job, 0, 1))
    assert isinstance(found, Values)
    state = statevector(build(job.ensemble.spec(0)))
    tolerance = 1e-5 if precision == "single" else 1e-6 if method == "matrix_product_state" else 1e-12
    expected = [expectation(state, pauli) for pauli in strings.split(",")]
    np.testing.assert_allclose(found.values[0], expected, atol=tolerance)


@pytest.mark.parametrize("native", [True, False])
def test_few_of_many_qubits_are_asked_of_the_whole_circuit(native: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """With Aer's truncation, the third of these values is -0.002 instead of -0.248."""
    monkeypatch.setattr(aer, "_native_works", lambda: native)
    job, n = _job(n_qubits=13, depth=5, n_circuits=3, primitive="estimator", shots=0)
    states = [statevector(build(job.ensemble.spec(i))) for i in range(n)]
    found = run_batch(Batch(job, 0, n))
    assert isinstance(found, Values)
    np.testing.assert_allclose(found.values[:, 0], [expectation(s, "Z" + "I" * 12) for s in states], atol=1e-12)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40).filter(lambda p: sum(p) > 0), st.integers(1, 200))
def test_draws_are_possible_outcomes_and_as_many_as_asked(weights: list[float], shots: int) -> None:
    table = np.array(weights)
    outcomes, counts = draw(table, shots, seed=3)
    assert counts.sum() == shots
    assert (counts > 0).all()
    assert (np.diff(outcomes) > 0).all()
    assert (table[outcomes] > 0).all()


def test_draws_are_the_same_sparse_or_dense() -> None:
    """A table long against the shots is counted another way, from the same random numbers."""
    table = np.random.default_rng(1).random(64)
    padded = np.concatenate([table, np.zeros(4096)])
    for short, long in zip(draw(table, 100, 7), draw(padded, 100, 7), strict=True):
        np.testing.assert_array_equal(short, long)


def test_draws_follow_the_probabilities() -> None:
    outcomes, counts = draw(np.array([0.5, 0.25, 0.0, 0.25]), 40_000, seed=5)
    np.testing.assert_array_equal(outcomes, [0, 1, 3])
    np.testing.assert_allclose(counts / 40_000, [0.5, 0.25, 0.25], atol=0.01)


def test_expectation_values_from_shots_are_binomial() -> None:
    """Of a value e, from m shots: mean e, variance (1 - e²)/m, and whole numbers of shots."""
    job, n = _job(n_circuits=400, n_qubits=1, family="efficient_su2", angle=0.7, primitive="estimator", shots=100)
    exact, _ = _job(n_circuits=1, n_qubits=1, family="efficient_su2", angle=0.7, primitive="estimator", shots=0)
    found, value = _run(job, (0, n)), _run(exact, (0, 1))
    assert isinstance(found, Values)
    assert isinstance(value, Values)
    e = float(value.values[0, 0])
    assert abs(found.values.mean() - e) < 5 * np.sqrt((1 - e**2) / (100 * n))
    assert found.values.var() == pytest.approx((1 - e**2) / 100, rel=0.25)
    np.testing.assert_allclose(found.values * 50, np.round(found.values * 50), atol=1e-9)


def test_wide_registers_fill_several_words() -> None:
    job, n = _job(family="ghz", n_qubits=130, method="stabilizer", n_circuits=2, shots=40)
    found = _run(job, (0, n))
    assert isinstance(found, Samples)
    assert found.outcomes.shape == (4, 3)
    np.testing.assert_array_equal(found.outcomes[1], [2**64 - 1, 2**64 - 1, 3])
    assert found.counts.sum() == 80


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_are_those_asked_for(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenMP offers one thread on a worker, and Aer takes no more than it offers."""
    from threadpoolctl import threadpool_limits

    used: list[int] = []
    execute = aer._execute

    def spy(made: list[Any], config: Any) -> list[dict[str, Any]]:
        results = execute(made, config)
        used.extend(result["metadata"]["parallel_state_update"] for result in results)
        return results

    assert aer._native_works()
    monkeypatch.setattr(aer, "_execute", spy)
    job, _ = _job(n_qubits=15, depth=1, n_circuits=1, shots=10, threads=threads)
    with threadpool_limits(limits=1, user_api="openmp"):
        run_batch(Batch(job, 0, 1))
    assert used == [threads]


# ---------------------------------------------------------------- user's files


def _file_job(path: Path, **values: Any) -> Job:
    return _job(family="file", path=str(path), n_circuits=4, **values)[0]


def test_a_file_measures_what_it_says(tmp_path: Path) -> None:
    source = QuantumCircuit(3, 2)
    source.x(2)
    source.measure([2, 1], [0, 1])
    path = tmp_path / "circuit.qasm"
    path.write_text(qasm3.dumps(source))
    found = _run(_file_job(path, shots=10), (0, 4))
    assert isinstance(found, Samples)
    np.testing.assert_array_equal(found.outcomes[:, 0], [1, 1, 1, 1])


def test_a_file_that_measures_on_the_way_is_run_shot_by_shot_with_its_own_seed(tmp_path: Path) -> None:
    source = QuantumCircuit(1, 2)
    source.h(0)
    source.measure(0, 0)
    source.x(0)
    source.measure(0, 1)
    path = tmp_path / "circuit.qpy"
    with path.open("wb") as file:
        qpy.dump(source, file)
    job = _file_job(path, shots=64)
    found = _run(job, (0, 4))
    assert isinstance(found, Samples)
    assert set(found.outcomes[:, 0].tolist()) == {1, 2}
    assert len({tuple(part) for part in np.split(found.counts, 4)}) > 1
    assert digest(_run(job, (0, 1), (1, 2), (2, 4))) == digest(found)
    with pytest.raises(NotAGateList, match="after measuring"):
        run_batch(Batch(_file_job(path, primitive="estimator", shots=0), 0, 1))


def test_circuits_of_a_file_take_turns(tmp_path: Path) -> None:
    up, down = QuantumCircuit(1), QuantumCircuit(1)
    down.x(0)
    path = tmp_path / "two.qpy"
    with path.open("wb") as file:
        qpy.dump([up, down], file)
    found = _run(_file_job(path, primitive="estimator", shots=0), (0, 4))
    assert isinstance(found, Values)
    np.testing.assert_allclose(found.values[:, 0], [1, -1, 1, -1])


def test_what_aer_cannot_do_is_an_error_with_its_reason(tmp_path: Path) -> None:
    source = QuantumCircuit(1)
    source.t(0)
    path = tmp_path / "t.qasm"
    path.write_text(qasm3.dumps(source))
    with pytest.raises(aer.SimulatorError, match="stabilizer") as caught:
        run_batch(Batch(_file_job(path, method="stabilizer", primitive="estimator", shots=0), 0, 4))
    assert str(caught.value).count("Experiment") == 1


def test_a_gpu_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aer, "has_gpu", lambda: False)
    aer._require_device.cache_clear()
    circuit = build(_job(n_circuits=1)[0].ensemble.spec(0))
    with pytest.raises(aer.GpuMissing, match="extra 'gpu'"):
        aer.exact([circuit], (), aer.Simulator(device="GPU"))


def test_the_limits_of_drawing_are_those_that_memory_is_counted_with() -> None:
    assert max(kernels._DRAWN_HERE.values()) == kernels.DRAWN_QUBITS
    state = statevector(build(_job(n_circuits=1)[0].ensemble.spec(0)))
    assert probabilities(state).nbytes * 2 == 16 * 2**8
