"""What Slurm prints, and what is made of it. No Slurm is needed."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from pilot_quantum.launchers.slurm_jobs import (
    JobStatus,
    Phase,
    SlurmError,
    ask,
    parse_sacct,
    parse_squeue,
    parse_time,
    submission_environment,
)
from pilot_quantum.launchers.slurm_watch import Watcher


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("5", 5),
        ("10:00", 600),
        ("1:02:03", 3723),
        ("2-00:00:01", 172801),
        ("UNLIMITED", None),
        ("INVALID", None),
        ("", None),
    ],
)
def test_times(text: str, seconds: float | None) -> None:
    assert parse_time(text) == seconds


def test_squeue_is_read_with_reasons_that_hold_anything() -> None:
    text = (
        "1|PENDING|10:00||Resources\n"
        "2|RUNNING|9:58|n[1-2]|None\n"
        "3_4|PENDING|5:00||(ReqNodeNotAvail, UnavailableNodes:a|b)\n"
        "5|TIMEOUT|0:00|n1|TimeLimit\n"
    )
    found = parse_squeue(text)
    assert found["1"] == JobStatus("1", "PENDING", "Resources")
    assert found["2"] == JobStatus("2", "RUNNING", "", 598.0, "n[1-2]")
    assert found["3_4"].reason == "(ReqNodeNotAvail, UnavailableNodes:a|b)"
    assert found["5"].phase is Phase.ENDED


def test_sacct_says_who_cancelled() -> None:
    found = parse_sacct("7|CANCELLED by 1000|n1|None\n8|OUT_OF_MEMORY|n2|OutOfMemory\n")
    assert found["7"].sentence() == "job 7 was cancelled (by 1000)"
    assert found["8"].phase is Phase.LOST


@pytest.mark.parametrize(
    ("state", "reason", "phase", "sentence"),
    [
        ("PENDING", "Resources", Phase.WAITING, "waits in the queue (Resources: waiting for resources to become free)"),
        (
            "PENDING",
            "QOSMaxJobsPerUserLimit",
            Phase.WAITING,
            "a limit of the account, the user or the quality of service",
        ),
        ("CONFIGURING", "", Phase.WAITING, "has its nodes, which are being made ready"),
        ("RUNNING", "", Phase.RUNNING, "runs"),
        ("COMPLETED", "", Phase.ENDED, "has ended"),
        ("TIMEOUT", "TimeLimit", Phase.ENDED, "reached its time limit"),
        ("FAILED", "NonZeroExitCode", Phase.LOST, "failed (NonZeroExitCode: its script ended with an error)"),
        ("OUT_OF_MEMORY", "", Phase.LOST, "used more memory than it had asked for"),
        ("NODE_FAIL", "", Phase.LOST, "was lost with one of its nodes"),
        ("PREEMPTED", "", Phase.LOST, "was preempted by a job of higher priority"),
        ("REQUEUED", "", Phase.WAITING, "was put back into the queue"),
        ("CANCELLED", "", Phase.LOST, "was cancelled"),
        ("VANISHED", "", Phase.LOST, "is not known to Slurm any more, nor to its accounting"),
        ("BRAND_NEW", "", Phase.RUNNING, "is in a state that this version does not know"),
    ],
)
def test_every_state_has_a_sentence(state: str, reason: str, phase: Phase, sentence: str) -> None:
    status = JobStatus("9", state, reason)
    assert status.phase is phase
    assert sentence in status.sentence()


def test_an_enclosing_job_and_settings_of_sbatch_do_not_leak() -> None:
    outer = {"SLURM_NTASKS": "4", "SBATCH_PARTITION": "x", "PMI_RANK": "0", "SLURM_CONF": "/c", "HOME": "/h"}
    assert submission_environment(outer) == {"SLURM_CONF": "/c", "HOME": "/h"}


# Slurm's commands as small programs that print what they really print.


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    program(tmp_path / "squeue", "echo '1|RUNNING|9:00|n1|None'")
    program(tmp_path / "sacct", "echo 'Slurm accounting storage is disabled' >&2; exit 1")
    return tmp_path


def program(path: Path, script: str) -> None:
    path.write_text(f'#!/bin/sh\necho "$0 $*" >> {path.parent}/calls\n{script}\n')
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_jobs_that_the_queue_forgot_are_looked_up_in_the_accounting(commands: Path) -> None:
    program(commands / "sacct", "echo '2|COMPLETED|n1|None'; echo '3_0|FAILED|n1|None'")
    found = ask(["1", "2", "3", "4"])
    assert {job: status.state for job, status in found.items()} == {
        "1": "RUNNING",
        "2": "COMPLETED",
        "3_0": "FAILED",
        "4": "VANISHED",
    }
    assert len((commands / "calls").read_text().splitlines()) == 2


def test_without_accounting_a_job_can_vanish(commands: Path) -> None:
    assert ask(["1", "2"])["2"].state == "VANISHED"
    program(commands / "squeue", "echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1")
    assert ask(["1"])["1"].state == "VANISHED"


def test_a_controller_that_is_away_is_no_news_about_jobs(commands: Path) -> None:
    program(commands / "squeue", "echo 'Unable to contact slurm controller (connect failure)' >&2; exit 1")
    with pytest.raises(SlurmError, match="Unable to contact slurm controller"):
        ask(["1"])


def test_a_machine_without_slurm_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(SlurmError, match="squeue is not on the search path"):
        ask(["1"])


def test_the_watcher_asks_once_for_all_and_tells_changes_only() -> None:
    asked: list[list[str]] = []
    told: list[JobStatus] = []
    second = threading.Event()

    def query(jobs: list[str]) -> dict[str, JobStatus]:
        asked.append(jobs)
        return {job: JobStatus(job, "PENDING", "Priority") for job in jobs}

    def changed(status: JobStatus) -> None:
        told.append(status)
        if len(told) == 2:
            second.set()

    watcher = Watcher(query=query)
    watcher.add("1", changed)
    watcher.add("2", changed)
    assert watcher.look("1") == JobStatus("1", "PENDING", "Priority")
    assert second.wait(20)
    watcher.remove("1")
    watcher.remove("2")
    assert asked[-1] == ["1", "2"]
    assert [status.job for status in told] == ["1", "2"]
    assert watcher.queries == len(asked)


def test_those_who_look_at_the_same_time_share_a_query() -> None:
    first, go_on = threading.Event(), threading.Event()
    asked: list[list[str]] = []

    def query(jobs: list[str]) -> dict[str, JobStatus]:
        asked.append(jobs)
        first.set()
        go_on.wait(20)
        return {job: JobStatus(job, "RUNNING") for job in jobs}

    watcher = Watcher(query=query)
    watcher.add("1", lambda _status: None)
    assert first.wait(20)
    lookers = [threading.Thread(target=watcher.look, args=("1",)) for _ in range(8)]
    for looker in lookers:
        looker.start()
    go_on.set()
    for looker in lookers:
        looker.join(20)
    watcher.remove("1")
    assert len(asked) < 8


def test_a_look_never_gets_an_older_answer() -> None:
    """What was asked before a job was cancelled does not say why its agents hang up."""
    states = iter(["RUNNING", "CANCELLED", "CANCELLED", "CANCELLED"])

    def query(jobs: list[str]) -> dict[str, JobStatus]:
        return {job: JobStatus(job, next(states)) for job in jobs}

    watcher = Watcher(query=query)
    watcher._jobs["1"] = (lambda _status: None, None)  # without the thread, which would ask by itself
    found = [watcher.look("1"), watcher.look("1")]
    assert [status.state for status in found if status is not None] == ["RUNNING", "CANCELLED"]


def test_a_silent_controller_is_mentioned_once(caplog: pytest.LogCaptureFixture) -> None:
    def query(jobs: list[str]) -> dict[str, JobStatus]:
        raise SlurmError("connect failure")

    watcher = Watcher(query=query)
    watcher.add("1", lambda _status: None)
    assert [watcher.look("1") for _ in range(3)] == [None] * 3
    watcher.remove("1")
    assert [record.message for record in caplog.records] == ["Slurm does not answer, trying again: connect failure"]
