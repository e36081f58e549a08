"""Submitted campaigns, with Slurm's commands replaced by small programs that note what they were asked.

What a real Slurm does with the scripts is tested in ``tests/slurm``.
"""

from __future__ import annotations

import json
import os
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from harness.store import read_records
from tests.harness.conftest import Done, Qhpc

SPEC = """
name = "toys"
seed = 5
[[pilots]]
name = "here"
engine = "inline"
cores_per_node = 1
[[apps]]
name = "tests.harness.toy:APP"
repeats = 2
warmups = 0
[apps.params]
n_tasks = [1, 2, 3]
"""


class Cluster:
    """A folder of programs named like Slurm's; jobs are numbered from 1, a test says what becomes of them."""

    def __init__(self, folder: Path, qhpc: Qhpc, results: Path) -> None:
        self.folder = folder
        self.results = results
        self._qhpc = qhpc
        self.spec = folder / "toys.toml"
        self.spec.write_text(SPEC)
        self.program("sbatch", 'n=$(ls "$D" | grep -c script); n=$((n+1)); cat >"$D/script.$n"; echo $n')
        self.program("scancel", "true")
        self.say()

    def program(self, name: str, body: str) -> None:
        """Install a program."""
        path = self.folder / name
        path.write_text(f'#!/bin/sh\nD="{self.folder}"\necho "{name} $*" >>"$D/calls"\n{body}\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)

    def say(self, *lines: str) -> None:
        """Let squeue print these lines."""
        (self.folder / "queue").write_text("".join(f"{line}\n" for line in lines))
        self.program("squeue", 'cat "$D/queue"')
        self.program("sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1")

    def calls(self, name: str) -> list[str]:
        """Return how a program was called."""
        lines = (self.folder / "calls").read_text().splitlines() if (self.folder / "calls").exists() else []
        return [line for line in lines if line.startswith(f"{name} ")]

    def __call__(self, *words: str, code: int = 0) -> Done:
        """Run a command of qhpc."""
        done = self._qhpc(*words, "--results", str(self.results))
        assert done.code == code, done.out + done.err
        return done

    def json(self, *words: str, code: int = 0) -> Any:
        """Run a command of qhpc and return its JSON."""
        return self(*words, "--json", code=code).json

    def run(self, job: int, element: int | None = None) -> subprocess.CompletedProcess[str]:
        """Run the script of a job, or of one element of an array, as Slurm would."""
        script = self.folder / f"script.{job}"
        array = {} if element is None else {"SLURM_ARRAY_TASK_ID": str(element)}
        environment = {**os.environ, "SLURM_JOB_ID": str(job), "SLURM_JOB_NUM_NODES": "1", **array}
        return subprocess.run(["bash", str(script)], env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def cluster(tmp_path: Path, qhpc: Qhpc, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return Cluster(folder, qhpc, tmp_path / "results")


def test_shards_hold_every_repeat_once_and_run_as_they_are(cluster: Cluster) -> None:
    told = cluster.json("submit", str(cluster.spec), "--machine", "slurm-test", "--jobs", "2", "--traces")
    assert (told["repeats"], told["shards"], told["jobs"]) == (6, 2, {"here": "1"})
    words = json.loads((Path(told["directory"]) / "submission.json").read_text())
    held = [tuple(repeat) for shard in words["pools"][0]["shards"] for repeat in shard]
    assert len(held) == len(set(held)) == 6
    for element in (0, 1):
        done = cluster.run(1, element)
        assert done.returncode == 0, done.stderr
        assert f"shard here {element}: " in done.stderr
    records = read_records(cluster.results / "toys").records
    assert sorted((record.key, record.repeat) for record in records) == sorted(held)
    assert all((cluster.results / "toys" / record.trace["file"]).is_file() for record in records)
    assert cluster.json("collect", str(cluster.spec))["counts"] == {"ok": 6, "missing": 0}
    state = cluster.json("status", str(cluster.spec))
    assert [job["state"] for job in state["jobs"]] == ["COMPLETED", "COMPLETED"]
    assert state["queries"] == 0  # shards that have ended by themselves need no question


def test_what_a_living_job_owns_is_not_submitted_again(cluster: Cluster) -> None:
    cluster("submit", str(cluster.spec), "--machine", "slurm-test")
    cluster.say("1|PENDING|10:00||Priority")
    told = cluster.json("submit", str(cluster.spec), "--machine", "slurm-test")
    assert (told["repeats"], told["left_to_living_jobs"], told["jobs"]) == (0, 6, {})
    cluster.say("1|CANCELLED|0:00||None")
    assert cluster.json("resume", str(cluster.spec))["jobs"] == {"here": "2"}


def test_a_controller_that_does_not_answer_is_no_reason_to_submit_twice(cluster: Cluster) -> None:
    cluster("submit", str(cluster.spec), "--machine", "slurm-test")
    cluster.program("squeue", "echo 'Unable to contact slurm controller' >&2; exit 1")
    assert cluster.json("resume", str(cluster.spec))["repeats"] == 0
    shown = cluster("status", str(cluster.spec))
    assert "Slurm does not answer: squeue failed with code 1: Unable to contact" in shown.err


def test_each_element_of_an_array_has_its_state(cluster: Cluster) -> None:
    cluster("submit", str(cluster.spec), "--machine", "slurm-test", "--jobs", "3")
    cluster.say("1_0|RUNNING|9:00|n1|None", "1_1|NODE_FAIL|0:00|n2|None")
    jobs = cluster.json("status", str(cluster.spec))["jobs"]
    assert [job["state"] for job in jobs] == ["RUNNING", "NODE_FAIL", "VANISHED"]
    assert [job["living"] for job in jobs] == [True, False, False]
    assert len(cluster.calls("squeue")) == 1  # submit had no earlier jobs to ask about


def test_resume_can_choose_what_is_run_again(cluster: Cluster) -> None:
    spec = cluster.spec
    spec.write_text(SPEC.replace("n_tasks = [1, 2, 3]", 'n_tasks = [1, 2]\nbehaviour = ["ok", "raise"]'))
    cluster("submit", str(spec), "--machine", "slurm-test")
    assert cluster.run(1).returncode == 0
    cluster.say("1|COMPLETED|0:00|n1|None")
    assert cluster.json("resume", str(spec), "--missing")["repeats"] == 0
    assert cluster.json("resume", str(spec), "--timeout")["repeats"] == 0
    told = cluster.json("resume", str(spec), "--failed", "--missing", "--dry-run")
    assert list(told["scripts"]) == ["here"]
    assert cluster.json("resume", str(spec), "--failed")["repeats"] == 4


def test_a_job_that_sbatch_refuses_is_told_and_nothing_is_lost(cluster: Cluster) -> None:
    cluster.program("sbatch", "echo 'sbatch: error: Invalid account' >&2; exit 1")
    done = cluster("submit", str(cluster.spec), "--machine", "slurm-test", code=2)
    assert "0 of 1 job(s) were submitted; here: sbatch failed with code 1: sbatch: error: Invalid account" in done.err
    assert cluster.json("status", str(cluster.spec))["jobs"][0]["sentence"] == "was not submitted"


def test_cancel_names_the_jobs(cluster: Cluster) -> None:
    cluster("submit", str(cluster.spec), "--machine", "slurm-test")
    cluster.say("1|RUNNING|9:00|n1|None")
    assert cluster.json("cancel", str(cluster.spec)) == {"cancelled": ["1"]}
    assert cluster.calls("scancel") == ["scancel --quiet 1"]


def test_a_job_whose_id_could_not_be_noted_is_found_by_its_name(cluster: Cluster) -> None:
    """``submit`` was killed between handing the job in and noting its id."""
    told = cluster.json("submit", str(cluster.spec), "--machine", "slurm-test")
    where = Path(told["directory"])
    lines = (where / "jobs.jsonl").read_text().splitlines(keepends=True)
    (where / "jobs.jsonl").write_text(lines[0])
    name = f"qhpc-toys-here-{where.name[-4:]}"
    answer = f"case $* in *--me*) echo '1|{name}';; *) echo '1|PENDING|10:00||Priority';; esac"
    cluster.program("squeue", answer)
    assert cluster.json("resume", str(cluster.spec))["repeats"] == 0
    assert cluster.json("cancel", str(cluster.spec)) == {"cancelled": ["1"]}
    cluster.program("squeue", "echo 'Unable to contact slurm controller' >&2; exit 1")
    assert cluster.json("resume", str(cluster.spec))["repeats"] == 0  # it may be there
    cluster.program("squeue", "true")
    assert cluster.json("resume", str(cluster.spec))["repeats"] == 6  # it was never taken


def test_a_torn_line_of_jobs_is_no_job(cluster: Cluster) -> None:
    told = cluster.json("submit", str(cluster.spec), "--machine", "slurm-test")
    with (Path(told["directory"]) / "jobs.jsonl").open("a") as file:
        file.write('{"slug": "here", "job": "9')
    assert cluster.json("status", str(cluster.spec))["jobs"][0]["job"] == "1"


def test_records_of_a_copy_are_taken_over_once(cluster: Cluster, tmp_path: Path) -> None:
    cluster("submit", str(cluster.spec), "--machine", "slurm-test")
    cluster.run(1)
    far = tmp_path / "far"
    cluster.results.rename(far)
    cluster("submit", str(cluster.spec), "--machine", "slurm-test")
    taken = cluster.json("collect", str(cluster.spec), "--from", str(far / "toys"))
    assert (len(taken["taken"]), taken["counts"]) == (1, {"ok": 6, "missing": 0})
    assert cluster.json("collect", str(cluster.spec), "--from", str(far / "toys"))["taken"] == []


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("submit", "SPEC", "--machine", "slrum"), "neither a file nor one of"),
        (("submit", "SPEC", "--machine", "perlmutter-cpu"), "needs 'account'"),
        (("submit", "SPEC", "--machine", "slurm-test", "-o", "acount=x"), "KEY=VALUE with KEY one of"),
        (("run", "SPEC", "-o", "account=x"), "--option belongs to a machine"),
        (("resume", "SPEC"), "no such results directory"),
    ],
)
def test_mistakes_are_one_line(cluster: Cluster, words: tuple[str, ...], message: str) -> None:
    done = cluster(*(str(cluster.spec) if word == "SPEC" else word for word in words), code=2)
    assert message in done.err
    assert done.err.count("\n") == 1
    assert cluster.calls("sbatch") == []


def test_dry_run_writes_nothing(cluster: Cluster) -> None:
    shown = cluster("submit", str(cluster.spec), "--machine", "slurm-test", "--dry-run")
    assert "#SBATCH --job-name=qhpc-toys-here-" in shown.out
    assert not cluster.results.exists()
    assert cluster.calls("sbatch") == []


def test_a_pilot_that_is_a_job_shows_its_script(cluster: Cluster) -> None:
    shown = cluster("run", str(cluster.spec), "--machine", "slurm-test", "--dry-run")
    assert "# pilot here\n#!/bin/bash\n#SBATCH --job-name=here\n" in shown.out
    assert not cluster.results.exists()
