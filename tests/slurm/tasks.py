"""What the tests of this folder run on nodes."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any


def node(_number: int) -> str:
    """Return the name of the node."""
    time.sleep(0.02)
    return os.environ["SLURMD_NODENAME"]


def bell(*, device: Any) -> set[str]:
    """Return the outcomes of a Bell pair."""
    text = 'OPENQASM 2.0; include "qelib1.inc"; qreg q[2]; creg c[2]; h q[0]; cx q[0],q[1]; measure q -> c;'
    return set(device.run([text], shots=100)[0])


def slow(number: int, seconds: float = 0.1) -> int:
    """Return the number after a while."""
    time.sleep(seconds)
    return number


def noted(number: int, file: str) -> int:
    """Write a line to a file, so that one can see how often a task ran."""
    with Path(file).open("a") as lines:
        lines.write(f"{number}\n")
    time.sleep(0.1)
    return number


def summed(number: int, ranks: Any) -> tuple[int, int, int, str]:
    """Return rank, size, the sum over all ranks, and the node."""
    world = ranks.communicator
    return world.rank, world.size, world.allreduce(number + world.rank), os.environ["SLURMD_NODENAME"]


def gathered(number: int, ranks: Any) -> tuple[float, int]:
    """Let JAX sum over the processes of the gang; return the sum and the number of processes."""
    import jax

    jax.distributed.initialize(ranks.coordinator, ranks.size, ranks.rank)
    import jax.numpy as jnp
    from jax.experimental.multihost_utils import process_allgather

    parts = process_allgather(jnp.asarray([float(number + ranks.rank)]))
    return float(parts.sum()), jax.process_count()


def bound(ranks: Any) -> tuple[str, str]:
    """Return the node and the GPUs of a rank."""
    return os.environ["SLURMD_NODENAME"], os.environ["CUDA_VISIBLE_DEVICES"]


def environment(names: list[str]) -> dict[str, str | None]:
    """Return variables of the worker."""
    return {name: os.environ.get(name) for name in names}
