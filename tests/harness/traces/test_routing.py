"""Which device a circuit went to, and why, from the broker to the trace file, the table and the viewer."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

from harness import traces
from harness.store import read_records
from pilot_quantum import RoutingDecision
from tests.harness.conftest import Qhpc
from tests.harness.traces.examples import START_S, run, task
from tests.harness.traces.test_chrome import validate

CAMPAIGN = """
name = "routed"
seed = 3

[[pilots]]
name = "qpus"
engine = "inline"
device_options = { clock = "virtual", refresh_s = 20.0, reroute_s = 20.0 }

[[pilots.devices]]
name = "down"
kind = "emulated"
access = "shared"
options = { target = "generic:5", outages = [[30.0, 100000.0]], others_waiting = 3, others_job_s = 40.0 }

[[pilots.devices]]
name = "other"
kind = "emulated"
access = "shared"
options = { target = "generic:5", others_waiting = 12, others_job_s = 40.0 }

[[apps]]
name = "circuit_execution"
repeats = 1
warmups = 0

[apps.params]
family = "ghz"
device = "pilot"
n_qubits = 4
n_circuits = 6
shots = 100
"""


def test_from_the_broker_to_the_table(qhpc: Qhpc, tmp_path: Path) -> None:
    path = tmp_path / "routed.toml"
    path.write_text(CAMPAIGN)
    results = tmp_path / "results" / "routed"
    assert qhpc("run", path, "--traces").code == 0
    [record] = read_records(results).records
    assert {"send down", "withdraw down", "send other"} <= set(record.trace["routing"])
    [one] = qhpc("trace", results, "--json").json["traces"]
    sent = {row["device"]: row for row in one["routing"] if row["action"] == "send"}
    assert sent["other"]["circuits"] == 6
    assert sent["other"]["at_s"] > sent["down"]["at_s"]
    [moved] = {row["reason"] for row in one["routing"] if row["action"] == "withdraw"}
    assert "down" in moved
    validate(traces.chrome_trace(traces.read_timeline(one["trace"])))
    shown = qhpc("trace", results).out
    assert "Routing over devices" in shown
    assert "withdraw" in shown


def decision(number: int, **fields: object) -> RoutingDecision:
    given = {"device": "a", "action": "send", "reason": f"because of {number}", "circuits": 2}
    return RoutingDecision(START_S + number, **{**given, **fields})  # type: ignore[arg-type]  # fields by name


def test_a_file_keeps_them_and_older_files_are_read(tmp_path: Path) -> None:
    made = traces.timeline_of(run(task(3, routing=(decision(1), decision(2, action="withdraw")))))
    assert [(row.task, row.at_s, row.action) for row in made.routing] == [(3, 1.0, "send"), (3, 2.0, "withdraw")]
    path = traces.write_timeline(made, tmp_path / "x.jsonl.gz")
    assert traces.read_timeline(path).routing == made.routing
    header, *rest = map(json.loads, gzip.decompress(path.read_bytes()).splitlines())
    del header["routing"]
    older = [{**header, "format": 1}, *rest]
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, older)).encode() + b"\n"))
    assert traces.read_timeline(path).routing == ()


def test_too_many_are_put_together_without_losing_a_circuit() -> None:
    tasks = [task(n, routing=tuple(decision(k, device="ab"[k % 2]) for k in range(10))) for n in range(20)]
    made = traces.timeline_of(run(*tasks), max_slices=30)
    assert len(made.routing) <= 32
    assert sum(row.circuits for row in made.routing) == 400


def test_a_simulated_time_is_not_on_the_clock_of_the_run() -> None:
    late = RoutingDecision(7200.0, "a", "send", "later", simulated=True)
    made = traces.timeline_of(run(task(1, routing=(late,))))
    assert made.routing[0].at_s == 7200.0
    [mark] = [event for event in traces.chrome_trace(made)["traceEvents"] if event.get("cat") == "routing"]
    assert mark["args"]["simulated_s"] == 7200.0
    assert mark["ts"] < 60e6
