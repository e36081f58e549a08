"""What on this machine would spoil a measurement, in findings a person can act on.

Reads files of the system and runs a few milliseconds of timing; changes nothing.
"""

from __future__ import annotations

import os
import resource
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, Literal

from pilot_quantum import InvalidDescription, engines
from pilot_quantum.launchers.local import detect

from . import environment

Level = Literal["ok", "warn", "info"]

_GIB: Final = 2**30
_BLAS_VARIABLES: Final = ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "BLIS_NUM_THREADS", "OMP_NUM_THREADS")


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes
    ----------
    subject, value
        What it is, and how it is here.
    level
        ``warn`` if it may spoil a measurement.
    advice
        What to do about it; empty where nothing is to be done.
    """

    subject: str
    value: str
    level: Level
    advice: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Return plain JSON values."""
        return asdict(self)


def examine() -> list[Finding]:
    """Look at everything; a thing that cannot be looked at here is left out."""
    looks: tuple[Callable[[], Iterator[Finding]], ...] = (
        _load,
        _cores,
        _frequency,
        _virtual,
        _memory,
        _memory_limit,
        _threads,
        _blas,
        _clock,
        _limits,
        _slurm,
        _engines,
        _accelerators,
        _versions,
        _code,
    )
    return [finding for look in looks for finding in look()]


def _load() -> Iterator[Finding]:
    load, cores = environment.load()["load_1min"], environment.machine()["cores_usable"]
    if load is None:
        return
    busy = load > 0.2 * cores
    advice = "other work runs here: wait, or use a quiet node" if busy else ""
    yield Finding("load", f"{load:g} on {cores} core(s), 1-minute mean", "warn" if busy else "ok", advice)


def _cores() -> Iterator[Finding]:
    here = environment.machine()
    usable, cores, quota = here["cores_usable"], here["cores"], here["quota_cores"]
    yield Finding("cores", f"{usable} usable of {cores} ({here['cpu']})", "ok")
    if quota is not None and quota < usable:
        advice = f"use at most cores_per_node = {max(1, int(quota))}: beyond the quota the kernel stops the workers"
        yield Finding("CPU quota", f"{quota:g} cores of {usable}", "warn", advice)
    siblings = _sibling_threads()
    if siblings:
        advice = "two workers on one core slow each other: use half as many, or disable SMT"
        yield Finding("SMT", f"{siblings} hardware threads a core", "info", advice)


def _sibling_threads() -> int:
    with suppress(OSError, ValueError):
        text = Path("/sys/devices/system/cpu/cpu0/topology/thread_siblings_list").read_text("ascii").strip()
        count = sum(_span(part) for part in text.split(","))
        return count if count > 1 else 0
    return 0


def _span(part: str) -> int:
    first, _, last = part.partition("-")
    return int(last or first) - int(first) + 1


def _frequency() -> Iterator[Finding]:
    governor, turbo = environment.governor(), environment.turbo()
    if governor is not None:
        steady = governor == "performance"
        advice = "" if steady else "cpupower frequency-set -g performance (as root) keeps the frequency up"
        yield Finding("frequency governor", governor, "ok" if steady else "warn", advice)
    if turbo:
        advice = "frequency depends on temperature and on busy cores: interleave, or switch turbo off"
        yield Finding("turbo", "on", "info", advice)


def _virtual() -> Iterator[Finding]:
    if not environment.virtualized():
        return
    stolen = _stolen_share()
    noisy = stolen is not None and stolen > 0.01
    value = "yes" if stolen is None else f"yes, {stolen:.1%} of CPU time taken by the host since boot"
    advice = "neighbours on the host disturb: trust ratios of interleaved runs, not absolute times"
    yield Finding("virtual machine", value, "warn" if noisy else "info", advice)


def _stolen_share() -> float | None:
    with suppress(OSError, ValueError, IndexError):
        numbers = [int(word) for word in Path("/proc/stat").read_text("ascii").splitlines()[0].split()[1:9]]
        return numbers[7] / sum(numbers) if sum(numbers) else None
    return None


def _memory() -> Iterator[Finding]:
    node = detect()
    tight = node.memory_available < 0.5 * node.memory_total
    value = f"{node.memory_available / _GIB:.1f} GiB free of {node.memory_total / _GIB:.1f} GiB"
    yield Finding("memory", value, "warn" if tight else "ok", "other programs hold memory" if tight else "")
    swapped = _meminfo("SwapTotal") - _meminfo("SwapFree")
    if swapped > 0.1 * _GIB:
        yield Finding("swap", f"{swapped / _GIB:.1f} GiB in use", "warn", "pages on disk are read during a measurement")
    with suppress(OSError):
        shared = shutil.disk_usage("/dev/shm")  # noqa: S108 - only its size is read; Ray keeps objects there
        small = shared.free < 0.1 * node.memory_total
        advice = "Ray falls back to the disk for large arguments" if small else ""
        yield Finding("shared memory", f"{shared.free / _GIB:.1f} GiB free", "warn" if small else "ok", advice)


def _meminfo(name: str) -> int:
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/meminfo").read_text("ascii").splitlines():
            if line.startswith(f"{name}:"):
                return int(line.split()[1]) * 1024
    return 0


def _memory_limit() -> Iterator[Finding]:
    limit, total = environment.memory_limit(), _meminfo("MemTotal")
    if limit is None:
        return
    tight = limit < 0.99 * total
    advice = f"set memory_per_node below it: at {limit / _GIB:.1f} GiB the kernel ends a worker" if tight else ""
    yield Finding("memory limit", f"{limit / _GIB:.1f} GiB by the control group", "warn" if tight else "ok", advice)


def _threads() -> Iterator[Finding]:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        if name in os.environ:
            value = f"{name}={os.environ[name]}"
            yield Finding("threads", value, "info", "workers set their own: one thread a library, more only on request")
    yield Finding("threads of workers", "1 each, set by the engines", "ok")


def _blas() -> Iterator[Finding]:
    here = environment.machine()
    given = next((os.environ[name] for name in _BLAS_VARIABLES if os.environ.get(name, "").isdigit()), None)
    threads = int(given) if given else here["cores_usable"]
    allowed = min(here["cores_usable"], here["quota_cores"] or here["cores_usable"])
    over = threads > allowed
    value = f"{environment.blas() or 'unknown'}, up to {threads} thread(s) in this process"
    advice = (
        f"more than the {allowed:g} core(s) there are: export OMP_NUM_THREADS={max(1, int(allowed))}" if over else ""
    )
    yield Finding("BLAS", value, "warn" if over else "ok", advice)


def _clock() -> Iterator[Finding]:
    source = None
    with suppress(OSError):
        source = Path("/sys/devices/system/clocksource/clocksource0/current_clocksource").read_text("ascii").strip()
    cost_s = _cost_of_the_clock()
    slow = cost_s > 1e-6
    advice = "each reading goes through the kernel: times below 0.1 ms are inflated" if slow else ""
    yield Finding("clock", f"{source or 'unknown'}, {cost_s * 1e9:.0f} ns a reading", "warn" if slow else "ok", advice)


def _cost_of_the_clock() -> float:
    count = 2000
    start = time.perf_counter()
    for _ in range(count):
        time.perf_counter()
    return (time.perf_counter() - start) / count


def _limits() -> Iterator[Finding]:
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    few = files < 1024
    yield Finding("open files", f"{files} allowed", "warn" if few else "ok", "ulimit -n 4096" if few else "")


def _slurm() -> Iterator[Finding]:
    job = os.environ.get("SLURM_JOB_ID")
    if job:
        cores = os.environ.get("SLURM_CPUS_ON_NODE", "?")
        yield Finding("Slurm job", f"{job}, {cores} core(s) on this node", "ok")
    found = shutil.which("sbatch")
    if found is None:
        yield Finding("Slurm", "not here", "info", "pilots on other nodes need it, or PSI/J")
        return
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run([found, "--version"], capture_output=True, text=True, timeout=10, check=True)
        advice = "" if job else "a login node: measure in pilots that are jobs (--machine), not here"
        yield Finding("Slurm", done.stdout.strip(), "ok" if job else "info", advice)


def _versions() -> Iterator[Finding]:
    packages = environment.package_versions()
    yield Finding("versions", ", ".join([environment.python(), *(f"{n} {v}" for n, v in packages.items())]), "ok")


def _engines() -> Iterator[Finding]:
    for name in engines.names():
        try:
            engines.load(name)
        except InvalidDescription as error:
            yield Finding(f"engine {name}", "not installed", "info", str(error).partition(": ")[2])
        else:
            yield Finding(f"engine {name}", "installed", "ok")


def _accelerators() -> Iterator[Finding]:
    names = environment.machine()["gpus"]
    yield Finding("GPUs", ", ".join(names) or "none (or no NVML)", "ok" if names else "info")
    versions = environment.package_versions()
    if "qiskit-aer" in versions and "qiskit-aer-gpu" in versions:
        advice = "both install the same module: uninstall both, then install one"
        yield Finding("qiskit-aer", "qiskit-aer and qiskit-aer-gpu", "warn", advice)


def _code() -> Iterator[Finding]:
    state = environment.git_state()
    if state["commit"] is None:
        yield Finding("commit", "not a checkout", "info", "records will hold package versions, but no commit")
        return
    dirty = bool(state["dirty"])
    advice = "commit first, so that the records name the code that ran" if dirty else ""
    yield Finding(
        "commit", state["commit"][:12] + (" with changes" if dirty else ""), "warn" if dirty else "ok", advice
    )
