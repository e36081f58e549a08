"""XLA in this process: devices, the other ranks, and the cache of compiled computations. Worker side.

A worker may serve one gang after another, with other ranks and another coordinator, and XLA is made for one. `start`
ends what the last gang left and starts anew where it must.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

_MMAP_MAX: Final = -4
_TRIM_THRESHOLD: Final = -1
_HEARTBEAT_S: Final = 10
_current: list[Place] = []


class NoSession(RuntimeError):
    """XLA cannot be had as asked; the message says in one line why."""


class GpuMissing(RuntimeError):
    """A GPU is asked for and there is none, or no JAX for it."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rank stands.

    Attributes
    ----------
    rank, size
        This rank and the number of ranks.
    coordinator
        ``host:port`` of rank 0.
    shards
        Devices of each rank.
    threads
        Threads of each rank.
    gpu
        Whether shards lie on GPUs.
    timeout_s
        Seconds for the ranks to find each other.
    """

    rank: int
    size: int
    coordinator: str
    shards: int
    threads: int
    gpu: bool
    timeout_s: float


@dataclass(slots=True)
class Session:
    """Devices of all ranks in order of rank, and the seconds of each phase of the start.

    Attributes
    ----------
    devices
        One for each shard.
    phases_s
        ``connect`` and ``devices``, in seconds.
    """

    devices: list[Any]
    phases_s: dict[str, float] = field(default_factory=dict)


@contextlib.contextmanager
def session(place: Place, *, own_process: bool) -> Iterator[Session]:
    """Have XLA with float64 available and the devices that were asked for.

    Parameters
    ----------
    place
        Where this rank stands.
    own_process
        Whether the process is the runtime's; else it is the user's, whose settings stay.

    Raises
    ------
    NoSession, GpuMissing
        With the reason in one line.
    """
    if own_process:
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # a lost rank is told by the runtime, in one line
        os.environ["NPROC"] = str(place.threads)  # XLA's number of threads
        _keep_memory()
    import jax

    started = [time.perf_counter()]
    _connect(place, own_process=own_process)
    started.append(time.perf_counter())
    devices = _devices(place)
    started.append(time.perf_counter())
    names = ("connect", "devices")
    phases = {name: after - before for name, before, after in zip(names, started, started[1:], strict=False)}
    try:
        with jax.enable_x64(True):
            yield Session(devices, phases)
    finally:
        if place.size > 1:
            _end()  # ranks of one gang end together: what stays connected would take the others for dead


def cache_directory() -> Path:
    """Return where compiled computations are kept: ``$XDG_CACHE_HOME/qhpc-miniapps/xla``, by default in ~/.cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "qhpc-miniapps" / "xla"


def _connect(place: Place, *, own_process: bool) -> None:
    """Bring up the ranks' connection, and the settings that must stand before the first device is used."""
    import jax

    if _current and _current[0] == place:
        return
    if _current and (_current[0].size > 1 or place.size > 1 or _current[0].shards != place.shards):
        _end()
    elif not _current and own_process and place.size * place.shards > 1 and _in_use():
        _forget()  # another mini-app's devices, which start anew when it is next called
    if not place.gpu:
        _use_cpus(place)
    jax.config.update("jax_compilation_cache_dir", str(cache_directory()))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    if place.size > 1:
        if not own_process:
            raise NoSession("several ranks need processes of their own: use engine 'processes' or 'mpi'")
        _join(place)
    _current[:] = [place]


def _use_cpus(place: Place) -> None:
    import jax

    jax.config.update("jax_platforms", "cpu")
    try:
        jax.config.update("jax_num_cpu_devices", place.shards)
    except RuntimeError as error:  # this process has used its devices already
        if len(jax.devices("cpu")) < place.shards:
            raise NoSession(
                f"shards_per_rank = {place.shards}: JAX was started in this process with {len(jax.devices('cpu'))} "
                "device(s) before; use engine 'processes', or a fresh process"
            ) from error
    if place.size > 1:
        jax.config.update("jax_cpu_collectives_implementation", "gloo")


def _join(place: Place) -> None:
    import jax

    try:
        jax.distributed.initialize(
            coordinator_address=place.coordinator,
            num_processes=place.size,
            process_id=place.rank,
            initialization_timeout=max(1, round(place.timeout_s)),
            heartbeat_timeout_seconds=_HEARTBEAT_S,
        )
    except Exception as error:
        line = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise NoSession(
            f"rank {place.rank} of {place.size} found no coordinator or not all ranks at {place.coordinator} within "
            f"{place.timeout_s:g} s: {line}"
        ) from error


def _end() -> None:
    """End what the last gang of this process left."""
    import jax

    if _current[0].size > 1:
        with contextlib.suppress(RuntimeError):
            jax.distributed.shutdown()
    _forget()
    _current.clear()


def _in_use() -> bool:
    """Tell whether XLA's devices were used in this process."""
    from jax._src import xla_bridge  # the public way to ask is to start it

    return bool(xla_bridge.backends_are_initialized())


def _forget() -> None:
    """Let XLA forget its devices and all that was compiled for them."""
    import jax
    from jax.extend.backend import clear_backends

    jax.clear_caches()
    clear_backends()


def _devices(place: Place) -> list[Any]:
    import jax

    try:
        found = jax.devices("gpu" if place.gpu else "cpu")
    except RuntimeError as error:
        if not place.gpu:
            raise
        raise GpuMissing(
            "gpu = true: JAX sees no GPU here (pip install 'jax[cuda12]' on a machine with one)"
        ) from error
    needed = place.size * place.shards
    mine = [device for device in found if device.process_index == place.rank]
    if len(mine) < place.shards or len(found) < needed:
        kind = GpuMissing if place.gpu else NoSession
        raise kind(f"{place.shards} device(s) a rank are needed, rank {place.rank} sees {len(mine)}")
    ranks = range(place.size)
    return [device for rank in ranks for device in [d for d in found if d.process_index == rank][: place.shards]]


@contextlib.contextmanager
def silent() -> Iterator[None]:
    """Drop what libraries print to standard output meanwhile: Gloo greets every rank."""
    kept = os.dup(1)
    with open(os.devnull, "wb") as nowhere:  # noqa: PTH123 - a device, not a path
        os.dup2(nowhere.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _keep_memory() -> None:
    """Have malloc keep what is freed: a state would else be given back and zeroed by the kernel at each evaluation."""
    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(_MMAP_MAX, 0)
        mallopt(_TRIM_THRESHOLD, 2**31 - 1)
