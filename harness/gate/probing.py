"""Runs the probe on both sides: bytes everywhere, instructions where callgrind is."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from harness.errors import UserError, one_line

from .build import Side, clean_environment
from .counts import Count, compared

_PROBE: Final = Path(__file__).with_name("probe.py")
_TIMES: Final = 5
_REPEATS: Final = 3
_TOLERANCES: Final = {"held_task_bytes": 0.02, "instructions": 0.005}
"""Relative changes that come by themselves: of threads that take turns, and of addresses in memory."""
_COLLECTED: Final = re.compile(r"Collected : (\d+)")


def weighed(sides: Sequence[Side]) -> list[Count]:
    """Compare the bytes that the probe finds on both sides, three times each."""
    found: list[dict[str, dict[str, list[float]]]] = []
    for side in sides:
        rows = [json.loads(_run([str(side.python), str(_PROBE), "bytes"], side)[0]) for _ in range(_REPEATS)]
        found.append({"probe": {name: [row[name] for row in rows] for name in rows[0]}})
    return compared(*found, tolerances=_TOLERANCES)


def can_count() -> bool:
    """Tell whether callgrind is here."""
    return shutil.which("valgrind") is not None


def instructed(sides: Sequence[Side]) -> list[Count]:
    """Compare the instructions of planning and recording on both sides; about a minute."""
    found = [{"probe": {"instructions": [float(_instructions(side))]}} for side in sides]
    return compared(*found, tolerances=_TOLERANCES)


def _instructions(side: Side) -> int:
    """Return the instructions of the fixed work, without those of starting Python and importing."""
    return _collected(side, _TIMES + 1) - _collected(side, 1)


def _collected(side: Side, times: int) -> int:
    tool = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null"]
    _, said = _run([*tool, str(side.python), str(_PROBE), "work", str(times)], side)
    match = _COLLECTED.search(said)
    if match is None:
        raise UserError(f"callgrind gave no count on {side.name}: {one_line(said[-200:])}")
    return int(match[1])


def _run(command: Sequence[str], side: Side) -> tuple[str, str]:
    """Run the probe on a side and return what it says; hashes are not random, so that equal code does equal work."""
    environment = {**clean_environment(), "PYTHONHASHSEED": "0"}
    done = subprocess.run(
        command, cwd=side.source, env=environment, capture_output=True, text=True, timeout=600, check=False
    )
    if done.returncode:
        raise UserError(f"the probe fails on {side.name}: {one_line(done.stderr.splitlines()[-1:] or done.returncode)}")
    return done.stdout, done.stderr
