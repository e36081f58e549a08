"""A run that is interrupted or killed at any moment loses at most the repeat in flight; the same command goes on."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from harness.record import Record
from harness.store import read_records
from tests.architecture.source import ROOT

TEXT = """
name = "crash"
seed = 3

[[pilots]]
name = "here"
engine = "processes"
cores_per_node = 1

[[apps]]
name = "tests.harness.toy:APP"
repeats = 4
warmups = {warmups}

[apps.params]
rounds = {rounds}
n_tasks = {n_tasks}
"""
SLOW = {"rounds": 600_000, "n_tasks": [1], "warmups": 0}
"""Four repeats, each long enough to be caught in its middle."""
KILLS = 10


def start(directory: Path, **how: object) -> subprocess.Popen[str]:
    (directory / "crash.toml").write_text(
        TEXT.format(**{"rounds": 30_000, "n_tasks": [1, 2, 3, 4], "warmups": 1} | how)
    )
    command = [sys.executable, "-m", "harness", "run", str(directory / "crash.toml"), "--json"]
    return subprocess.Popen(
        [*command, "--results", str(directory / "results")],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def wait_for_records(directory: Path, process: subprocess.Popen[str], count: int) -> None:
    deadline = time.monotonic() + 60
    while process.poll() is None and time.monotonic() < deadline:
        if sum(file.read_bytes().count(b"\n") for file in directory.rglob("*.jsonl")) >= count:
            return
        time.sleep(0.002)


def outcome(records: list[Record]) -> dict[tuple[str, int], tuple[str, str]]:
    return {(record.key, record.repeat): (record.status, record.digest) for record in records}


def test_killed_at_ten_random_moments_and_resumed_it_ends_as_if_never_interrupted(tmp_path: Path) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    whole.mkdir()
    killed.mkdir()
    process = start(whole)
    process.communicate(timeout=100)
    assert process.returncode == 0

    moments = random.Random(20)
    done = 0
    for _ in range(KILLS):
        process = start(killed)
        wait_for_records(killed, process, done + moments.choice([0, 1, 1, 2]))
        time.sleep(moments.uniform(0, 0.08))
        os.kill(process.pid, signal.SIGKILL)
        process.communicate(timeout=30)
        found = read_records(killed)
        assert len(found.damaged) <= 1
        assert len(found.records) >= done, "what was finished is lost"
        done = len(found.records)
    last = start(killed)
    out, _ = last.communicate(timeout=100)
    assert last.returncode == 0
    assert json.loads(out)["counts"] == {"ok": 16, "missing": 0}

    found = read_records(killed)
    assert found.damaged == []
    assert outcome(found.records) == outcome(read_records(whole).records)
    assert Counter((record.key, record.repeat) for record in found.records).most_common(1)[0][1] == 1


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_records_the_repeat_in_flight_as_cancelled_and_says_how_to_go_on(
    tmp_path: Path, number: signal.Signals, code: int
) -> None:
    process = start(tmp_path, **SLOW)
    wait_for_records(tmp_path, process, 1)
    time.sleep(0.05)
    process.send_signal(number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    said = json.loads(out)
    assert (said["interrupted"], said["exit_code"]) == (number.name, code)
    found = read_records(tmp_path)
    assert found.damaged == []
    assert [record.status for record in found.records][-1] == "cancelled"
    assert Counter(record.status for record in found.records)["cancelled"] == 1

    again = start(tmp_path, **SLOW)
    again.communicate(timeout=100)
    assert again.returncode == 0
    assert len({record.repeat for record in read_records(tmp_path).records if record.status == "ok"}) == 4


def test_the_second_signal_ends_it_at_once(tmp_path: Path) -> None:
    process = start(tmp_path, **SLOW)
    wait_for_records(tmp_path, process, 1)
    process.send_signal(signal.SIGINT)
    for _ in range(200):
        if process.poll() is not None:
            break
        process.send_signal(signal.SIGINT)
        time.sleep(0.01)
    process.communicate(timeout=10)
    assert process.returncode in (130, -signal.SIGINT)  # the latter while the interpreter closes: 130 to a shell
    assert read_records(tmp_path).damaged == []
