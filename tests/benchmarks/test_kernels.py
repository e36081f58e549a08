"""Kernels and hot paths: run once as tests by ``make test``, timed, saved and compared by ``make bench``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import miniapps
from harness.cases import expand
from harness.effects import Rules, effects
from harness.record import CheckRecord, MetricRecord, Record
from harness.spec import parse_campaign
from miniapps._circuits.dense import statevector
from miniapps._circuits.families import build
from miniapps._circuits.spec import Ensemble
from miniapps.circuit_execution import aer
from miniapps.circuit_execution.flow import ensemble
from miniapps.circuit_execution.kernels import Batch, Job, Samples, run_batch
from miniapps.circuit_execution.params import CircuitExecution
from pilot_quantum import PilotDescription, PilotManager, Runtime, summarize
from qdreamer import Observation, fit, laws

Timed = Any
"""The fixture ``benchmark`` of pytest-benchmark, which has no types."""
_ROUNDS = {"rounds": 15, "warmup_rounds": 2, "iterations": 1}

_APPS: dict[str, dict[str, Any]] = {
    "circuit_cutting": {"n_qubits": 12, "reps": 1, "executor": "amplitude", "cuts": 2},
    "dispatch": {"n_tasks": 2048},
    "vqa_sequential": {"problem": "h2", "placement": "colocated"},
}


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    """Everything runs in this process, so that times are those of the app and its kernels."""
    with PilotManager() as manager:
        manager.submit_pilot(PilotDescription(engine="inline"))
        with manager.runtime() as opened:
            yield opened


@pytest.mark.parametrize("app", _APPS)
def test_app(benchmark: Timed, runtime: Runtime, app: str) -> None:
    label = miniapps.load(app)
    params = label.params(**_APPS[app])
    measurement = benchmark.pedantic(label.run, args=(params, runtime), **_ROUNDS)
    assert label.check(params, measurement).verdict == "pass"


@pytest.mark.parametrize("n_qubits", [4, 10])
def test_batch_of_circuits(benchmark: Timed, n_qubits: int) -> None:
    params = CircuitExecution(n_qubits=n_qubits, n_circuits=16)
    job = Job(ensemble(params), "", params.shots, aer.Simulator("statevector", "double", "CPU", 1))
    found = benchmark(run_batch, Batch(job, 0, 16))
    assert isinstance(found, Samples)
    assert int(found.counts.sum()) == 16 * params.shots


def test_gate_lists(benchmark: Timed) -> None:
    recipe = Ensemble(family="random", n_qubits=12, layers=20, seed=1)
    circuits = benchmark(lambda: [build(recipe.spec(index)) for index in range(8)])
    assert len(circuits) == 8


def test_dense_state_vector(benchmark: Timed) -> None:
    circuit = build(Ensemble(family="random", n_qubits=10, layers=8, seed=1).spec(0))
    state = benchmark(statevector, circuit)
    assert np.vdot(state, state).real == pytest.approx(1.0)


# ---------------------------------------------------------------- our own hot paths


def _record(repeat: int = 0) -> Record:
    metrics = {f"metric_{n}": MetricRecord(value=0.5 * n, unit="s", better="lower") for n in range(8)}
    return Record(
        key="0123456789abcdef",
        campaign="bench",
        app="dispatch",
        app_version=1,
        params={"n_tasks": 4},
        pool=[{"engine": "inline"}],
        seed=1,
        repeat=repeat,
        status="ok",
        check=CheckRecord(verdict="pass"),
        metrics=metrics,
        environment={"packages": {f"package-{n}": "1.2.3" for n in range(20)}},
    )


def test_reading_records(benchmark: Timed) -> None:
    lines = [_record(repeat).to_line() for repeat in range(100)]
    found = benchmark(lambda: [Record.from_line(line) for line in lines])
    assert [one.repeat for one in found] == list(range(100))


def test_writing_records(benchmark: Timed) -> None:
    records = [_record(repeat) for repeat in range(100)]
    lines = benchmark(lambda: [record.to_line() for record in records])
    assert Record.from_line(lines[7]) == records[7]


def test_expanding_a_campaign(benchmark: Timed) -> None:
    apps = [{"name": "dispatch", "params": {"n_tasks": list(range(1, 101))}}]
    campaign = parse_campaign({"name": "bench", "pilots": [{"engine": "inline"}], "apps": apps})
    keys = benchmark(lambda: {case.key for case in expand(campaign).cases})
    assert len(keys) == 100


def test_summing_traces_up(benchmark: Timed, runtime: Runtime) -> None:
    tasks = runtime.submit_many(abs, range(1000))
    runtime.gather(tasks)
    traces = [task.trace() for task in tasks]
    assert benchmark(summarize, traces)["tasks"] == 1000


def test_statistics_of_a_comparison(benchmark: Timed) -> None:
    rng = np.random.default_rng(1)
    pairs = [(rng.lognormal(size=7), rng.lognormal(size=7)) for _ in range(100)]
    assert len(benchmark(effects, pairs, Rules())) == 100


def test_fitting_a_law(benchmark: Timed) -> None:
    observations = [Observation({"tasks": n, "bytes": 100 * (n % 7)}, 0.01 + 0.001 * n) for n in range(1, 65)]
    model = benchmark(fit, laws.load("dispatch"), observations)
    assert model.predict({"tasks": 10, "bytes": 0}).value == pytest.approx(0.02, rel=0.01)
