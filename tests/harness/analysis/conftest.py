"""Records made up for the tests of what reads records: comparison, report, observations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.record import CheckRecord, ErrorRecord, MetricRecord, Record

Records = list[Record]


def key_of(identity: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:16]


def make_record(
    seconds: float | None = 1.0,
    *,
    repeat: int = 0,
    engine: str = "processes",
    campaign: str = "fig6",
    better: str = "lower",
    digest: str | None = None,
    environment: dict[str, Any] | None = None,
    metrics: dict[str, MetricRecord] | None = None,
    **rest: Any,
) -> Record:
    """One repeat of ``circuit_execution``; what is not a field of a record is a parameter."""
    fields = {name: rest.pop(name) for name in list(rest) if name in Record.model_fields}
    params = {"family": "random", "n_qubits": 4, "n_circuits": 64, "depth": 20, "shots": 1024, "method": "statevector"}
    params.update(rest)
    pool = [{"name": "here", "engine": engine, "launcher": "local", "nodes": 1, "cores_per_node": 2}]
    identity = {"app": "circuit_execution", "app_version": 1, "params": params, "pool": pool, "seed": 7}
    key = key_of(identity)
    if metrics is None:
        rate = None if seconds is None else params["n_circuits"] / seconds
        metrics = {
            "time_to_value_s": MetricRecord(value=seconds, unit="s", better="lower"),
            "throughput": MetricRecord(value=rate, unit="circuits/s", better="higher"),
        }
    environment = environment or {"git": {"commit": "1a2b3c4d5e6f", "dirty": False}, "machine": {"hostname": "node1"}}
    return Record(
        **{
            "key": key,
            "campaign": campaign,
            **identity,
            "repeat": repeat,
            "status": "ok",
            "check": CheckRecord(verdict="pass", oracle="state vector"),
            "metrics": metrics,
            "digest": key if digest is None else digest,
            "environment": environment,
            **fields,
        }
    )


def batch_seconds(n_qubits: int, n_circuits: int, engine: str) -> float:
    """A plausible time of a batch: a fixed cost, a cost per circuit, and one that doubles with each qubit."""
    start = {"inline": 0.001, "processes": 0.003, "ray": 0.012}[engine]
    cores = 1 if engine == "inline" else 2
    return start + n_circuits * (0.0011 + 2.2e-8 * 20 * 2**n_qubits) / cores


def make_campaign(
    *,
    engines: Iterable[str] = ("inline", "processes", "ray"),
    widths: Iterable[int] = (2, 6, 10, 14, 18, 22),
    circuits: Callable[[int], int] = lambda _: 64,
    repeats: int = 7,
    noise: float = 0.03,
    seed: int = 0,
    **rest: Any,
) -> Records:
    """A whole campaign of Figure 6, seeded."""
    rng = np.random.default_rng(seed)
    return [
        make_record(
            batch_seconds(width, circuits(width), engine) * rng.lognormal(0.0, noise),
            repeat=repeat,
            engine=engine,
            n_qubits=width,
            n_circuits=circuits(width),
            **rest,
        )
        for repeat in range(repeats)
        for width in widths
        for engine in engines
    ]


def write_store(directory: Path, records: Iterable[Record]) -> Path:
    """Write records as a results directory of their campaigns; return ``directory``."""
    for record in records:
        file = directory / record.campaign / "records" / "test.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a") as stream:
            stream.write(record.to_line())
    return directory


@pytest.fixture(name="make_record", scope="session")
def _make_record() -> Callable[..., Record]:
    return make_record


@pytest.fixture(name="make_campaign", scope="session")
def _make_campaign() -> Callable[..., Records]:
    return make_campaign


@pytest.fixture(name="write_store", scope="session")
def _write_store() -> Callable[..., Path]:
    return write_store


@pytest.fixture(name="failed_record", scope="session")
def _failed_record() -> Callable[..., Record]:
    def make(status: str = "failed", **rest: Any) -> Record:
        error = ErrorRecord(type="RuntimeError", message="no")
        return make_record(status=status, check=CheckRecord(verdict="unchecked"), metrics={}, error=error, **rest)

    return make
