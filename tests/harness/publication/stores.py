"""A results directory that has some of everything a site shows."""

from __future__ import annotations

import json
from pathlib import Path

from harness import traces
from harness.record import CheckRecord, ErrorRecord, PredictionRecord, Record
from pilot_quantum import PilotDescription, PilotManager, RunTrace
from tests.harness.publication import made_up

HOSTILE = "<script>alert('no')</script> & more"


def predicted(row: Record) -> Record:
    value = float(row.metrics["time_to_value_s"].value or 0)
    said = PredictionRecord(
        model="qdreamer: here", metric="time_to_value_s", value=1.3 * value, low=value, high=2 * value, unit="s"
    )
    return row.model_copy(update={"prediction": said})


def failed(row: Record) -> Record:
    update = {
        "status": "failed",
        "metrics": {},
        "check": CheckRecord(verdict="unchecked"),
        "error": ErrorRecord(type="RuntimeError", message=HOSTILE),
        "repeat": row.repeat + 50,
    }
    return row.model_copy(update=update)


def at_commit(row: Record, commit: str, factor: float) -> Record:
    """The same repeat at another commit, slower by a factor."""
    metric = row.metrics["time_to_value_s"]
    slower = metric.model_copy(update={"value": float(metric.value or 0) * factor})
    environment = row.environment | {"git": {"commit": commit, "dirty": False}}
    update = {"environment": environment, "started_at": "2026-02-01T00:00:00+00:00"}
    return row.model_copy(update=update | {"metrics": row.metrics | {"time_to_value_s": slower}})


def everything(directory: Path) -> Path:
    """Write the store and return its directory."""
    fig11 = made_up.records("fig11")
    table3 = [row for row in made_up.records("table3") if row.params["n_tasks"] <= 1024]
    later = [at_commit(row, "9f8e7d6c5b4a", 1.5) for row in table3]
    rows = [*map(predicted, fig11), failed(fig11[0]), *table3, *later]
    made_up.write(directory, rows)
    _trace(directory / "table3" / "traces" / f"{traces.trace_name(table3[0].key, 0)}")
    _peers(directory / "peers")
    return directory


def _trace(path: Path) -> None:
    with PilotManager() as manager:
        manager.submit_pilot(PilotDescription(engine="inline"))
        tasks = manager.submit_tasks(abs, range(-20, 0))
        assert [task.result() for task in tasks] == list(range(20, 0, -1))
        timeline = traces.timeline_of(RunTrace.of(tasks, manager.pilots()), campaign="table3", app="dispatch")
    traces.write_timeline(timeline, path)


def _peers(directory: Path) -> None:
    directory.mkdir(parents=True)
    rows = [
        {"workload": f"{n} qubits", "factor": float(n), "medians": {"ours": 2.0 * n, "theirs": 2.0}} for n in (2, 4)
    ]
    found = {"kind": "measured", "environment": made_up.ENVIRONMENT, "rows": rows}
    (directory / "vqa.json").write_text(json.dumps(found), "utf-8")
    cut = [
        {
            "params": {"family": "ghz", "n_qubits": n},
            "medians_s": {"reference": 8.0 * n, "amplitude": 2.0},
            "factors": {"reference/amplitude": 4.0 * n, "amplitude/amplitude": 1.0},
            "environment": made_up.ENVIRONMENT,
        }
        for n in (20, 24)
    ]
    (directory / "cutting-published.json").write_text(json.dumps({"kind": "measured", "rows": cut}), "utf-8")
