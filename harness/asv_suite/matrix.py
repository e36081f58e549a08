"""One run of the harness for each mini-app, through the command line of the commit under test."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any, Final

Row = dict[str, Any]

CASES: Final[dict[str, tuple[str, Row]]] = {
    "dispatch 256": ("dispatch", {"n_tasks": 256}),
    "dispatch 4096": ("dispatch", {"n_tasks": 4096}),
    "dispatch 32768": ("dispatch", {"n_tasks": 32768}),
    "dispatch round trips": ("dispatch", {"measure": "round_trip", "n_tasks": 300}),
    "circuits sampled": ("circuit_execution", {"n_qubits": 8, "n_circuits": 64, "shots": 1024}),
    "cutting": ("circuit_cutting", {"n_qubits": 12, "reps": 1, "executor": "amplitude", "cuts": 2}),
    "state vector": ("distributed_state_vector", {"n_qubits": 10, "reps": 2, "limits": False}),
    "state vector gradient": (
        "distributed_state_vector",
        {"n_qubits": 10, "reps": 2, "limits": False, "mode": "vjp"},
    ),
    "mitigation": ("error_mitigation", {"technique": "zne", "layers": 1}),
    "compression": ("qml_compression", {"n_images": 2, "image_size": 8, "sweeps": 20, "iterations": 20}),
    "classifier": (
        "qml_classifier",
        {"mode": "direct", "batch_size": 8, "image_size": 16, "n_train": 16, "n_validation": 8, "n_test": 8},
    ),
    "pipeline": (
        "qml_pipeline",
        {
            "image_size": 16,
            "layers": 1,
            "sweeps": 3,
            "iterations": 3,
            "shard_size": 6,
            "batch_size": 3,
            "n_train": 12,
            "n_test": 20,
            "final_epochs": 3,
        },
    ),
    "vqe": ("vqa_sequential", {"problem": "h2"}),
    "vqe parallel": ("vqa_parallel", {"problem": "h2", "devices": 2, "circuit_s": 0.001}),
    "born machine": ("generative", {"model": "qcbm", "circuits": 730}),
    "vqe asynchronous": ("vqa_asynchronous", {"problem": "h2", "devices": 2, "circuit_s": 0.001}),
}
"""By name: a mini-app and those parameters that are not its defaults."""

# A check of the suite itself needs no seven repeats.
_REPEATS: Final = int(os.environ.get("QHPC_SUITE_REPEATS", "7"))
_LONGEST_S: Final = 600
_HEAD: Final = """name = "suite"
seed = 1

[[pilots]]
name = "two-cores"
engine = "processes"
cores_per_node = 2
launcher_options = { oversubscribe = true }
"""


def measured(directory: Path) -> dict[str, Row]:
    """Run every case; return medians over its repeats by name, without those that this commit cannot run."""
    records = [record for app in dict.fromkeys(app for app, _ in CASES.values()) for record in _run(app, directory)]
    found = {name: _summary(_of(records, app, params)) for name, (app, params) in CASES.items()}
    return {name: row for name, row in found.items() if row}


def campaign(app: str) -> str:
    """Return the campaign of one mini-app; JSON's values are TOML's too."""
    cases = [params for name, params in CASES.values() if name == app]
    return _HEAD + "".join(_entry(app, params) for params in cases)


def _entry(app: str, params: Row) -> str:
    lines = [f"{name} = {json.dumps(value)}" for name, value in params.items()]
    head = f'\n[[apps]]\nname = "{app}"\nrepeats = {_REPEATS}\nwarmups = 1\ntime_limit_s = 60\n'
    return "\n".join([head, "[apps.params]", *lines, ""])


def _run(app: str, directory: Path) -> Iterator[Row]:
    """Run the campaign of one mini-app; an older commit that refuses it leaves no record, and says why on stderr."""
    place = directory / app
    place.mkdir(parents=True, exist_ok=True)
    (place / "campaign.toml").write_text(campaign(app), "utf-8")
    command = [sys.executable, "-m", "harness", "run", "campaign.toml", "--results", "results", "--skip-unfit"]
    subprocess.run(command, cwd=place, stdin=subprocess.DEVNULL, timeout=_LONGEST_S, check=False)
    for file in sorted(place.glob("results/*/records/*.jsonl")):
        for line in file.read_text("utf-8").splitlines():
            yield json.loads(line)


def _of(records: list[Row], app: str, params: Row) -> list[Row]:
    """Return the ok records of one case: of two that hold its parameters, the one that says no more of them."""
    others = [
        other for name, other in CASES.values() if name == app and other != params and params.items() <= other.items()
    ]
    return [
        record
        for record in records
        if record["app"] == app and record["status"] == "ok"
        if params.items() <= record["params"].items()
        if not any(other.items() <= record["params"].items() for other in others)
    ]


def _summary(records: list[Row]) -> Row:
    """Return the numbers that are tracked, medians over repeats."""
    if not records:
        return {}
    rows = [_numbers(record) for record in records]
    return {name: median(row[name] for row in rows) for name in rows[0] if all(name in row for row in rows)}


def _numbers(record: Row) -> Row:
    metrics = {name: metric["value"] for name, metric in record["metrics"].items() if metric["value"] is not None}
    check, trace = record["check"], record["trace"]
    found = {name: trace[name] for name in ("tasks", "messages") if name in trace}
    renamed = {
        "time_to_value_s": "seconds",
        "submit_per_task_s": "submit_per_task_s",
        "driver_bytes_per_task": "bytes_per_task",
        "round_trip_p50_s": "round_trip_s",
        "compilations": "compilations",
        "execute_s": "execute_s",
    }
    found |= {ours: metrics[theirs] for theirs, ours in renamed.items() if theirs in metrics}
    if check.get("value") is not None:
        found["error"] = abs(check["value"] - (check.get("expected") or 0.0))
    return found
