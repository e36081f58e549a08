"""JAX in a worker: one thread, double precision available, and the device that was asked for. Worker side."""

from __future__ import annotations

import os
from functools import lru_cache
from typing import Any, Literal

DeviceKind = Literal["cpu", "gpu"]


class GpuMissing(Exception):
    """A GPU was asked for, and JAX finds none on this worker."""


@lru_cache(maxsize=1)
def started() -> Any:
    """Return the module ``jax``, set up once for each process.

    A pilot gives each worker one core, so XLA must not start a thread for every core of the machine: ``NPROC`` is the
    size of its pools. (Compiling has threads of its own.)
    """
    os.environ.setdefault("NPROC", "1")
    os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen=false {os.environ.get('XLA_FLAGS', '')}".strip()
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax


def device(kind: DeviceKind) -> Any:
    """Return the first device of a kind.

    Raises
    ------
    GpuMissing
        If there is none; the message says what JAX has instead.
    """
    jax = started()
    try:
        return jax.devices(kind)[0]
    except RuntimeError:
        have = ", ".join(sorted({entry.platform for entry in jax.devices()}))
        raise GpuMissing(
            f"no {kind.upper()} is present on this worker: JAX {jax.__version__} has {have} only"
        ) from None
