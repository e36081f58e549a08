"""A canary in place of every credential is in nothing that devices write, print, tell workers or show of a process."""

from __future__ import annotations

import gzip
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pilot_quantum.devices.ionq_service import IonqService, ServiceSettings, running
from tests.architecture.source import ROOT

CANARY = "canary-7d1f0c64e2"
PROGRAM = """
import logging, sys

from harness import traces
from pilot_quantum import (
    DeviceDescription, DeviceRequest, PilotDescription, PilotManager, Resources, RunTrace, TaskDescription
)
from tests.pilot_quantum.devices.test_credentials import CANARY, command_lines, run_bells

url, log, journal, trace = sys.argv[1:]
logging.basicConfig(level=logging.DEBUG, filename=log)
devices = tuple(
    DeviceDescription(name, "ionq", "shared", {"url": address, "visible_s": 1.0})
    for name, address in (("good", url), ("gone", "http://127.0.0.1:9"))
)
wanted = PilotDescription(
    "p", "processes", cores_per_node=1, devices=devices, device_options={"journal": journal}
)
with PilotManager() as manager:
    manager.submit_pilot(wanted)
    good, gone = (Resources(device=DeviceRequest(name=name)) for name in ("good", "gone"))
    tasks = [
        manager.submit_task(TaskDescription(run_bells, (shots,), resources=need))
        for shots, need in ((20, good), (2_000_000, good), (30, gone))
    ]
    print(tasks[0].result(90))
    print(repr(tasks[1].exception(90)))
    seen = command_lines()
    assert len(seen) > 3, seen
    assert not [line for line in seen if CANARY.encode() in line]
    run = RunTrace.of(tasks, manager.pilots())
    print(run, wanted)
timeline = traces.timeline_of(run)
traces.write_timeline(timeline, trace)
traces.write_chrome(timeline, trace + ".json")
"""


def run_bells(shots: int, *, device: Any) -> str:
    """Run circuits, and return what a worker can see of its device."""
    from tests.contracts.devices.conftest import bell

    counts = device.run([bell()] * 2, shots=shots)
    return f"{counts} {vars(device)}"


def command_lines() -> list[bytes]:
    """Return the command line of every process that can be looked at."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            found.append(file.read_bytes())
        except OSError:  # it has ended
            continue
    return found


def read(file: Path) -> bytes:
    data = file.read_bytes()
    return gzip.decompress(data) if file.suffix == ".gz" else data


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="needs /proc")
def test_no_credential_is_written_printed_or_shown(tmp_path: Path) -> None:
    """Of a device that works, a request that is refused, and a service that cannot be reached."""
    files = [tmp_path / name for name in ("log", "journal", "t.jsonl.gz")]
    with running(IonqService(ServiceSettings(run_s=0.02, key=CANARY))) as url:
        command = [sys.executable, "-c", PROGRAM, url, *map(str, files)]
        environment = {**os.environ, "IONQ_API_KEY": CANARY, "IONQ_API_TOKEN": CANARY, "TMPDIR": str(tmp_path)}
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=False, timeout=110)
    assert done.returncode == 0, done.stderr.decode()
    assert b"'00'" in done.stdout
    assert b"2000000 are asked" in done.stdout
    texts = {"stdout": done.stdout, "stderr": done.stderr}
    texts |= {str(file): read(file) for file in tmp_path.rglob("*") if file.is_file()}
    assert b"good" in texts[str(files[1])]
    assert len(texts[str(files[0])]) > 1000  # the log is at its most talkative
    assert [name for name, text in texts.items() if CANARY.encode() in text] == []
