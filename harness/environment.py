"""What a number may depend on besides its case: commit, versions, machine, threads, load.

Reads this machine and the checkout it runs from; starts ``git`` and nothing else. Only named facts are taken, never the
environment as a whole, so that no credential can reach a record.
"""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from pilot_quantum.launchers.local import detect

PACKAGES: Final = (
    "qhpc-miniapps",
    "cloudpickle",
    "cuda-quantum",
    "custatevec-cu12",
    "dask",
    "distributed",
    "jax",
    "jaxlib",
    "mpi4py",
    "mitiq",
    "numpy",
    "optax",
    "pennylane",
    "pennylane-lightning",
    "psutil",
    "pydantic",
    "qiskit",
    "qiskit-addon-cutting",
    "qiskit-aer",
    "qiskit-aer-gpu",
    "qiskit-ibm-runtime",
    "qiskit-ionq",
    "ray",
    "scipy",
)
"""Distributions whose version may change a number."""

THREAD_VARIABLES: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "OMP_PROC_BIND",
    "OMP_PLACES",
    "OMP_WAIT_POLICY",
    "XLA_FLAGS",
    "CUDA_VISIBLE_DEVICES",
    "GLIBC_TUNABLES",
)
"""Variables that say how many threads libraries use and where, in the process that runs the harness."""

_ROOT: Final = Path(__file__).resolve().parent.parent
_CPU: Final = Path("/sys/devices/system/cpu")
_NO_LIMIT: Final = 2**60
"""The first version of control groups says 'no limit' with a number near 2**63."""


def describe() -> dict[str, Any]:
    """Return the environment of this process as plain JSON values.

    Returns
    -------
    dict
        ``git`` {commit, dirty} (both None outside a checkout), ``packages`` (installed ones only), ``python``,
        ``machine`` {hostname, os, cpu, cores, cores_usable, quota_cores, governor, turbo, memory_bytes, gpus (names)},
        ``threads`` {variables, blas}. A value that cannot be read is None.
    """
    return {
        "git": git_state(),
        "packages": package_versions(),
        "python": python(),
        "machine": machine(),
        "threads": {
            "variables": {name: os.environ[name] for name in THREAD_VARIABLES if name in os.environ},
            "blas": blas(),
        },
    }


def python() -> str:
    """Return name and version of this interpreter."""
    return f"{platform.python_implementation()} {platform.python_version()}"


def machine() -> dict[str, Any]:
    """Return what this process may use of which machine; see `describe`."""
    node = detect()
    return {
        "hostname": node.host,
        "os": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cpu": cpu_model(),
        "cores": os.cpu_count(),
        "cores_usable": node.cores,
        "quota_cores": cpu_quota(),
        "governor": governor(),
        "turbo": turbo(),
        "memory_bytes": node.memory_total,
        "gpus": list(node.gpus),
    }


def load() -> dict[str, Any]:
    """Return how busy the machine is now.

    Returns
    -------
    dict
        ``load_1min``, the average number of runnable processes, and ``running``, the processes runnable at this moment
        besides this one; None where the system does not tell.
    """
    found: dict[str, Any] = {"load_1min": None, "running": None}
    with suppress(OSError):
        found["load_1min"] = round(os.getloadavg()[0], 2)
    with suppress(OSError, ValueError, IndexError):
        running = Path("/proc/loadavg").read_text("ascii").split()[3].split("/")[0]
        found["running"] = max(0, int(running) - 1)
    return found


def git_state(directory: Path = _ROOT) -> dict[str, Any]:
    """Return the commit of the checkout that the harness runs from, and whether files differ from it.

    ``dirty`` counts changed tracked files and new ones that git does not ignore, results apart: what a run writes
    below ``results/`` does not change the code that ran.
    """
    commit = _git(directory, "rev-parse", "HEAD")
    if commit is None or not _is_ours(directory):
        return {"commit": None, "dirty": None}
    changes = _git(directory, "status", "--porcelain", "--", ".", ":(exclude)results")
    return {"commit": commit, "dirty": None if changes is None else bool(changes)}


def _is_ours(directory: Path) -> bool:
    """Tell a checkout of the project from an unrelated one that an installed copy happens to lie in."""
    top = _git(directory, "rev-parse", "--show-toplevel")
    return top is not None and Path(top) == directory


def _git(directory: Path, *arguments: str) -> str | None:
    command = ["git", "-C", str(directory), *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def package_versions() -> dict[str, str]:
    """Return the versions of those `PACKAGES` that are installed, without importing them."""
    found = {}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            found[name] = version(name)
    return found


@lru_cache(maxsize=1)
def cpu_model() -> str:
    """Return the name of the processor."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            name, _, value = line.partition(":")
            if name.strip() in ("model name", "Model", "cpu model"):
                return value.strip()
    return platform.processor() or platform.machine()


def governor() -> str | None:
    """Return the frequency governor of the first core; None where there is none to read."""
    return _text(_CPU / "cpu0/cpufreq/scaling_governor")


def turbo() -> bool | None:
    """Say whether the processor may exceed its base frequency; None where the system does not tell."""
    if (no_turbo := _text(_CPU / "intel_pstate/no_turbo")) is not None:
        return no_turbo == "0"
    boost = _text(_CPU / "cpufreq/boost")
    return None if boost is None else boost == "1"


def cpu_quota() -> float | None:
    """Return the cores that the control group grants; None if it sets no limit."""
    words = (_text(Path("/sys/fs/cgroup/cpu.max")) or "max").split()
    if len(words) == 2 and words[0].isdigit() and words[1].isdigit():
        return int(words[0]) / int(words[1])
    return None


def memory_limit() -> int | None:
    """Return the bytes that the control group of this process grants; None if it sets no limit."""
    found = [text for file in _limit_files() if (text := _text(file)) is not None and text.isdigit()]
    granted = min(map(int, found), default=None)
    return None if granted is None or granted >= _NO_LIMIT else granted


def _limit_files() -> Iterator[Path]:
    """Yield where a limit may stand: in the process's own group and those above it, by either version of the system."""
    root = Path("/sys/fs/cgroup")
    for line in (_text(Path("/proc/self/cgroup")) or "").splitlines():
        number, controllers, path = line.split(":", 2)
        group = Path(path.lstrip("/"))
        for place in (group, *group.parents):
            if number == "0":
                yield root / place / "memory.max"
            elif "memory" in controllers.split(","):
                yield root / "memory" / place / "memory.limit_in_bytes"


def virtualized() -> bool:
    """Say whether the processor reports that a hypervisor is above it."""
    with suppress(OSError):
        return " hypervisor" in Path("/proc/cpuinfo").read_text("utf-8")
    return False


def _text(path: Path) -> str | None:
    try:
        return path.read_text("utf-8").strip()
    except OSError:
        return None


def blas() -> str | None:
    """Return name and version of the BLAS that numpy was built with."""
    try:
        import numpy as np

        built = np.show_config(mode="dicts")["Build Dependencies"]["blas"]
    except (ImportError, TypeError, KeyError):  # an older numpy prints it only
        return None
    return f"{built.get('name')} {built.get('version')}"
