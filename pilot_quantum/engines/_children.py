"""Processes an engine starts on this machine: each in a group of its own, and none outlives the driver. Driver side."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from . import _reaper
from .base import WorkerSlot, worker_environment


class Reaper:
    """A process beside the driver that kills what is left of an engine when the driver dies without saying goodbye.

    Parameters
    ----------
    directory
        Removed with everything in it once the driver is gone or `close` is called; None means nothing to remove.
    """

    def __init__(self, directory: Path | None = None) -> None:
        command = [sys.executable, "-I", "-S", str(Path(_reaper.__file__)), str(os.getpid())]
        command += [] if directory is None else [str(directory)]
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True
        )

    def watch(self, group: int) -> None:
        """Kill this process group when the driver dies; from any thread."""
        self._tell(f"+{group}\n")

    def watch_process(self, pid: int) -> None:
        """Kill this process alone when the driver dies or `close` is called; from any thread."""
        self._tell(f"+{-pid}\n")

    def forget(self, group: int) -> None:
        """Leave this process group alone from now on; from any thread."""
        self._tell(f"-{group}\n")

    def close(self) -> None:
        """Kill the groups that are still watched, remove the directory, and wait until that is done."""
        with self._lock, contextlib.suppress(BrokenPipeError):
            if self._process.stdin is not None and not self._process.stdin.closed:
                self._process.stdin.write(".\n")  # a child that the driver has forked may hold the pipe open
                self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        with self._lock, contextlib.suppress(BrokenPipeError, ValueError):  # ValueError: closed meanwhile
            if self._process.stdin is not None:
                self._process.stdin.write(line)
                self._process.stdin.flush()


def child_environment(slot: WorkerSlot) -> dict[str, str]:
    """Return the environment of a worker's process: ours, its own GPUs and threads, and a path on which to find us."""
    return {**os.environ, **added_environment(slot)}


def added_environment(slot: WorkerSlot) -> dict[str, str]:
    """Return what a worker's environment has besides that of its node."""
    package_root = str(Path(__file__).resolve().parents[2])
    paths = [package_root, *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**worker_environment(slot), "PYTHONPATH": os.pathsep.join(paths)}


def kill_group(group: int, how: signal.Signals = signal.SIGKILL) -> None:
    """Kill a process group that may be gone already."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, how)


def describe_end(code: int | None) -> str:
    """Return how a process with this return code ended, as a clause for a person; None: with its node."""
    if code is None:
        return "was lost with its node"
    if code >= 0:
        return f"exited with code {code}"
    with contextlib.suppress(ValueError):  # real-time signals have no name
        return f"was killed by {signal.Signals(-code).name}"
    return f"was killed by signal {-code}"
