"""Whole campaigns on a real Slurm: with pilots that are jobs, and as jobs that carry their own manager."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.cli import main
from harness.store import read_records
from tests.slurm.conftest import slurm, until

pytestmark = pytest.mark.timeout(240)

CAMPAIGN = """
name = "both"
seed = 7

{pilots}

[[apps]]
name = "circuit_execution"
repeats = 2
warmups = 0
[apps.params]
n_qubits = [2, 5]
n_circuits = 6
shots = 100

[[apps]]
name = "dispatch"
repeats = 1
warmups = 0
[apps.params]
task = ["noop", "sleep"]
n_tasks = 64
"""
PILOT = """
[[pilots]]
name = "{name}"
engine = "{engine}"
nodes = {nodes}
cores_per_node = 2
launcher = "{launcher}"
"""


class Qhpc:
    """The command line, in this process."""

    def __init__(self, results: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.results = results
        self._capsys = capsys

    def __call__(self, command: str, *words: str, code: int = 0) -> str:
        """Run a command, expect its exit code, return what it printed."""
        with pytest.raises(SystemExit) as end:
            main([command, *words, "--results", str(self.results)])
        said = self._capsys.readouterr()
        assert end.value.code == code, said.out + said.err
        return said.out

    def json(self, command: str, *words: str, code: int = 0) -> Any:
        """Run a command and return the JSON it printed."""
        return json.loads(self(command, *words, "--json", code=code))

    def records(self, name: str) -> list[Any]:
        """Return the records of a campaign."""
        return read_records(self.results / name).records

    def ended(self, spec: str) -> bool:
        """Say whether no job of a campaign waits or runs."""
        return not any(job["living"] for job in self.json("status", spec)["jobs"])


@pytest.fixture
def qhpc(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Qhpc:
    return Qhpc(tmp_path / "results of $(two) words", capsys)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., str]:
    """Return a writer of campaigns."""

    def make(pilots: str, text: str = CAMPAIGN) -> str:
        file = tmp_path / "both.toml"
        file.write_text(text.replace("{pilots}", pilots))
        return str(file)

    return make


def pilot(name: str, engine: str, nodes: int, launcher: str = "slurm") -> str:
    return PILOT.format(name=name, engine=engine, nodes=nodes, launcher=launcher)


def answers(records: list[Any]) -> dict[tuple[str, str], set[str]]:
    """Return the digests of the answers for each app and its parameters."""
    found: dict[tuple[str, str], set[str]] = {}
    for record in records:
        place = (record.app, json.dumps(record.params, sort_keys=True))
        found.setdefault(place, set()).add(record.digest)
    return found


def test_the_answers_are_those_of_this_machine(qhpc: Qhpc, write: Callable[..., str]) -> None:
    """The same campaign on pilots of one, two and four nodes, with two engines, and here."""
    here = pilot("here", "inline", 1, "local").replace("cores_per_node = 2", "cores_per_node = 1")
    far = [pilot("ray-2", "ray", 2), pilot("dask-1", "dask", 1), pilot("dask-2", "dask", 2), pilot("dask-4", "dask", 4)]
    spec = write(here)
    qhpc("run", spec)
    local = answers(qhpc.records("both"))
    spec = write("".join(far))
    qhpc("run", spec, "--machine", "slurm-test")
    records = [record for record in qhpc.records("both") if record.pool[0]["launcher"] == "slurm"]
    assert {record.status for record in records} == {"ok"}
    assert Counter(record.pool[0]["name"] for record in records) == {"ray-2": 6, "dask-1": 6, "dask-2": 6, "dask-4": 6}
    assert answers(records) == local
    assert all(len(digests) == 1 for digests in local.values())
    phases = records[0].environment["pilot_startup_s"]["ray-2"]
    assert {"launcher", "launcher.submit", "launcher.queue", "launcher.nodes", "engine", "workers"} <= set(phases)


def test_shards_run_without_anybody(qhpc: Qhpc, write: Callable[..., str]) -> None:
    """An array of shards, and a pool of two nodes; the case keys are those of the campaign as it is written."""
    spec = write(pilot("one", "processes", 1, "local") + pilot("two nodes", "dask", 2))
    told = qhpc.json("submit", spec, "--machine", "slurm-test", "--jobs", "3")
    assert (told["repeats"], told["shards"]) == (12, 6)
    again = qhpc.json("submit", spec, "--machine", "slurm-test")
    assert (again["repeats"], again["queries"]) == (0, 1)  # living jobs own them all
    until(lambda: qhpc.ended(spec), 150)
    assert qhpc.json("collect", spec)["counts"] == {"ok": 12, "missing": 0}
    records = qhpc.records("both")
    assert len(records) == len({(record.key, record.repeat) for record in records}) == 12
    assert len({record.digest for record in records if record.params.get("n_qubits") == 5}) == 1
    assert "repeats to run" in qhpc("logs", spec)
    assert qhpc.json("resume", spec)["repeats"] == 0


SLOW = """
name = "slow"
{pilots}
[[apps]]
name = "dispatch"
repeats = 24
warmups = 0
[apps.params]
task = "sleep"
n_tasks = 500
"""


def test_a_shard_that_is_cancelled_is_resumed(qhpc: Qhpc, write: Callable[..., str]) -> None:
    spec = write(pilot("p", "processes", 1, "local"), SLOW)
    qhpc("submit", spec, "--machine", "slurm-test")
    until(lambda: (qhpc.results / "slow" / "records").is_dir() and len(qhpc.records("slow")) > 2)
    assert len(qhpc.json("cancel", spec)["cancelled"]) == 1
    until(lambda: qhpc.ended(spec))
    before = [record for record in qhpc.records("slow") if record.status == "ok"]
    state = qhpc.json("status", spec)
    assert "was cancelled" in state["jobs"][0]["sentence"]
    assert 0 < len(before) < 24
    told = qhpc.json("resume", spec)
    assert told["repeats"] == 24 - len(before)
    until(lambda: qhpc.ended(spec), 120)
    good = [record.repeat for record in qhpc.records("slow") if record.status == "ok"]
    assert sorted(good) == list(range(24))


def test_a_run_goes_on_with_a_new_job_when_its_own_is_cancelled(qhpc: Qhpc, write: Callable[..., str]) -> None:
    """What was lost is a failed record; the same command runs it again, and nothing else."""
    spec = write(pilot("p", "processes", 1, "local"), SLOW.replace("repeats = 24", "repeats = 15"))
    command = [sys.executable, "-m", "harness", "run", spec, "--machine", "slurm-test", "--results", str(qhpc.results)]
    run = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    until(lambda: (qhpc.results / "slow" / "records").is_dir() and len(qhpc.records("slow")) > 2)
    slurm("scancel", slurm("squeue", "--noheader", "--format=%A").strip())
    _, said = run.communicate(timeout=90)
    assert run.returncode == 3
    assert re.search(r"pilot 'p' has ended: job \d+ was cancelled", said)
    first = qhpc.records("slow")
    (lost,) = [record for record in first if record.status != "ok"]
    assert (lost.status, len(first)) == ("failed", 15)
    assert "a pilot ended under it" in lost.error.message
    qhpc("run", spec, "--machine", "slurm-test")
    after = qhpc.records("slow")
    assert len(after) == 16
    assert sorted(record.repeat for record in after if record.status == "ok") == list(range(15))


def test_a_requeued_shard_goes_on_where_it_was(qhpc: Qhpc, write: Callable[..., str]) -> None:
    spec = write(pilot("p", "processes", 1, "local"), SLOW)
    job = next(iter(qhpc.json("submit", spec, "--machine", "slurm-test")["jobs"].values()))
    until(lambda: (qhpc.results / "slow" / "records").is_dir() and len(qhpc.records("slow")) > 2)
    slurm("scontrol", "requeue", job)
    until(lambda: qhpc.json("status", spec)["jobs"][0]["state"] == "PENDING")
    assert "after a requeue Slurm waits" in qhpc.json("status", spec)["jobs"][0]["sentence"]
    assert qhpc.json("resume", spec)["repeats"] == 0  # the job will run them
    slurm("scontrol", "update", f"jobid={job}", "starttime=now")
    until(lambda: qhpc.ended(spec), 120)
    good = [record.repeat for record in qhpc.records("slow") if record.status == "ok"]
    assert sorted(good) == list(range(24))


def test_a_shard_stops_before_its_time_is_up(qhpc: Qhpc, write: Callable[..., str]) -> None:
    spec = write(pilot("p", "processes", 1, "local"), SLOW.replace("n_tasks = 500", "n_tasks = 10000"))
    qhpc("submit", spec, "--machine", "slurm-test", "--walltime-s", "60", "-o", "partition=short")
    until(lambda: qhpc.ended(spec), 100)
    records = qhpc.records("slow")
    assert 0 < len(records) < 24
    assert Counter(record.status for record in records)["ok"] >= len(records) - 1
    (job,) = qhpc.json("status", spec)["jobs"]
    assert job["state"] in ("COMPLETED", "FAILED", "TIMEOUT", "CANCELLED")
    assert qhpc.json("resume", spec, "--dry-run")["scripts"]


def test_a_thousand_cases_are_quick_to_handle(qhpc: Qhpc, write: Callable[..., str], tmp_path: Path) -> None:
    """The times are printed and stored with the results of the project; here only the number of queries is held."""
    text = SLOW.replace("repeats = 24", "repeats = 1").replace("n_tasks = 500", f"n_tasks = {list(range(1, 1001))}")
    spec = write(pilot("p", "processes", 1, "local"), text)
    times = {}
    for name, words in {
        "plan": ("plan", spec),
        "submit": ("submit", spec, "--machine", "slurm-test", "--jobs", "50", "-o", "partition=closed"),
        "status": ("status", spec),
    }.items():
        started_s = time.perf_counter()
        found = qhpc.json(*words)
        times[name] = round(time.perf_counter() - started_s, 2)
    assert (len(found["jobs"]), found["queries"]) == (50, 1)
    assert {job["state"] for job in found["jobs"]} == {"PENDING"}
    assert "the partition is down" in found["jobs"][0]["sentence"]
    assert len(slurm("squeue", "--noheader", "--format=%A").split()) == 1  # one array
    qhpc("cancel", spec)
    print(times)  # noqa: T201 - shown with pytest -s
