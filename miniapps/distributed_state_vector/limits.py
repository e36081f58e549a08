"""What the machine allows: bandwidths, measured once a process, and the least time from bytes. Worker side.

Two limits of the memory: *gate by gate*, every one-qubit gate reads and writes the state once and every controlled or
diagonal gate half of it; *fused*, three passes over the state for each layer of the circuit. A gradient counts four
times the values: forward, two vectors back, one read for the derivatives.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import median
from typing import Any, Final

from .elements import Gate

_MEMORY_BYTES: Final = 256 * 2**20
_LINK_BYTES: Final = 32 * 2**20
_TRIES: Final = 5
_GRADIENT: Final = 4
_HALF: Final = frozenset({"cx", "cy", "cz", "cp", "crx", "cry", "crz", "rz", "p", "z", "s", "sdg", "t", "tdg", "rzz"})


@dataclass(frozen=True, slots=True)
class Bandwidths:
    """Measured bandwidths, in bytes a second.

    Attributes
    ----------
    memory
        Read and written in place, all shards together and at the same time.
    link
        Sent by one shard while all exchange half of what they have; None for a single shard.
    """

    memory: float
    link: float | None


@dataclass(frozen=True, slots=True)
class Limits:
    """The least times of one evaluation, in seconds.

    Attributes
    ----------
    gate_by_gate, fused
        Of the memory, see above.
    link
        Of the exchanges; 0 if there are none.
    """

    gate_by_gate: float
    fused: float
    link: float

    @property
    def binds(self) -> str:
        """Which term is the largest: ``"link"`` or ``"memory"``."""
        return "link" if self.link > self.fused else "memory"


def passes(gates: Iterable[Gate]) -> float:
    """Return how often a simulator that works gate by gate reads and writes the state."""
    return sum(0.5 if name in _HALF else 1.0 for name, _, _ in gates)


def limits(found: Bandwidths, state_bytes: float, shards: int, *, work: tuple[float, int, float, str]) -> Limits:
    """Return the least times.

    Parameters
    ----------
    found
        The bandwidths.
    state_bytes
        s·2ⁿ.
    shards
        P.
    work
        Passes gate by gate, stages, states sent in all exchanges together, mode.
    """
    gate_passes, stages, volume, mode = work
    times = 1 if mode == "expval" else _GRADIENT
    link = volume * state_bytes / shards / found.link if found.link else 0.0
    traffic = 2 * state_bytes * times / found.memory
    exchanges = 1 if mode == "expval" else 3
    return Limits(gate_passes * traffic, 3 * stages * traffic, link * exchanges)


def measure(devices: Sequence[Any]) -> Bandwidths:
    """Measure the bandwidths of these devices; the first call of a process measures, later ones remember."""
    return _measured(tuple(devices))


@lru_cache(maxsize=4)
def _measured(devices: tuple[Any, ...]) -> Bandwidths:
    import jax
    import jax.numpy as jnp
    import numpy as np
    from jax import lax
    from jax.sharding import Mesh, NamedSharding, PartitionSpec

    count = len(devices)
    mesh, split = Mesh(np.array(devices), ("shard",)), PartitionSpec("shard")
    sharding = NamedSharding(mesh, split)

    def array(size: int) -> Any:
        return jax.jit(lambda: jnp.ones(count * size, jnp.float32), out_shardings=sharding)()

    def swap(part: Any) -> Any:
        return lax.all_to_all(part.reshape(count, -1), "shard", 0, 0, tiled=True).reshape(-1)

    size = _MEMORY_BYTES // 4 // count
    in_place = jax.jit(lambda x: x * 1.0000001, donate_argnums=0)
    memory = 2 * 4 * size * count / _time(in_place, array(size))
    if count == 1:
        return Bandwidths(memory, None)
    sent = _LINK_BYTES // 4 // count * count
    exchange = jax.jit(jax.shard_map(swap, mesh=mesh, in_specs=split, out_specs=split), donate_argnums=0)
    return Bandwidths(memory, 4 * sent * (1 - 1 / count) / _time(exchange, array(sent)))


def _time(function: Any, array: Any) -> float:
    array = function(array).block_until_ready()
    seconds = []
    for _ in range(_TRIES):
        start = time.perf_counter()
        array = function(array).block_until_ready()
        seconds.append(time.perf_counter() - start)
    return median(seconds)
