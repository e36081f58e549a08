"""What every test shares: quiet libraries, one deterministic hypothesis profile, and no process left behind."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress

import psutil
import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("MPLBACKEND", "Agg")
os.environ["COLUMNS"] = "160"  # pytest-xdist says 80, and tables adapt to it

# Where the tests are started in the background, Ctrl-C is ignored, and would be by every program they start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Shared machines are slow at random, so no example is failed for its duration; CI repeats the same examples.
settings.register_profile("local", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", parent=settings.get_profile("local"), derandomize=True, database=None)
settings.load_profile("ci" if os.environ.get("CI") else "local")

_GRACE_S = 15.0


def _is_helper(process: psutil.Process) -> bool:
    """Say whether this is a process of the interpreter or the test runner, which ends with it."""
    return any("resource_tracker" in part or "execnet" in part for part in process.cmdline())


def _left_over() -> list[str]:
    found = []
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.Error):
            if child.status() != psutil.STATUS_ZOMBIE and not _is_helper(child):
                found.append(f"{child.pid}: {' '.join(child.cmdline())[:160]}")
    return found


@pytest.fixture(scope="session", autouse=True)
def no_process_left_behind() -> Iterator[None]:
    """Fail the run if worker processes outlive the tests that started them."""
    yield
    deadline = time.monotonic() + _GRACE_S
    while (left := _left_over()) and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not left, "processes outlived the tests:\n" + "\n".join(left)
