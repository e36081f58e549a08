"""A few of the crash trials; `make test-devices` runs two hundred."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.architecture.source import ROOT


def test_no_circuit_is_lost_or_sent_twice_when_driver_or_service_is_killed() -> None:
    command = [sys.executable, "-m", "tests.services.crashes", "3", "77"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=110)
    summary = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 0, done.stdout + done.stderr
    assert summary["driver_kills"] + summary["service_kills"] > 0
    assert (summary["lost"], summary["twice"], summary["never_accepted"]) == (0, 0, 0)
