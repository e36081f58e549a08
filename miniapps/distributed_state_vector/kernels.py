"""What a rank does: build the circuit, compute its share, time it. Worker side."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .._circuits.families import build
from .._circuits.gates import Circuit
from .._circuits.spec import CircuitSpec
from .observables import Term
from .session import Place


class Missing(RuntimeError):
    """A simulator lacks what it needs in this installation; the message says what."""


class TooLittleMemory(MemoryError):
    """A rank's host has less memory than its share of the state needs."""


@dataclass(frozen=True, slots=True)
class Job:
    """What all ranks are told.

    Attributes
    ----------
    spec
        Recipe of the circuit.
    terms
        The observables.
    mode, method, simulator
        As in the parameters.
    double
        complex128, else complex64.
    shards_per_rank, threads, gpu, start_timeout_s
        As in the parameters.
    evaluations
        Timed evaluations.
    limits
        Whether bandwidths are measured.
    memory
        Bytes a rank needs.
    driver
        Process id of the driver: a rank that has it is not in a process of its own.
    """

    spec: CircuitSpec
    terms: tuple[Term, ...]
    mode: str
    method: str
    simulator: str
    double: bool
    shards_per_rank: int
    threads: int
    gpu: bool
    start_timeout_s: float
    evaluations: int
    limits: bool
    memory: int
    driver: int

    @property
    def weights(self) -> NDArray[np.float64]:
        """Factors of the terms, shape (m,)."""
        return np.array([term.factor for term in self.terms])


@dataclass(slots=True)
class Share:
    """What a rank returns.

    Attributes
    ----------
    values
        Values of the Pauli strings, without factors, shape (m,); those of other ranks are nan.
    gradient
        Derivatives of the weighted sum (``vjp``), shape (parameters,), or of each string (``jacobian``), shape
        (m, parameters); None for ``expval``. Parameters are those of all gates, in order.
    evaluations_s
        Seconds of each timed evaluation.
    phases_s
        Seconds of the phases before: import, connect, devices, build, compile.
    counts
        What was counted and measured: bytes, exchanges, limits, compilations, memory.
    """

    values: NDArray[np.float64]
    gradient: NDArray[np.float64] | None
    evaluations_s: list[float]
    phases_s: dict[str, float] = field(default_factory=dict)
    counts: dict[str, float] = field(default_factory=dict)


_SIMULATORS: Final = {
    "jax": "jax_simulator",
    "lightning": "lightning_simulator",
    "aer": "aer_simulator",
    "quimb": "quimb_simulator",
    "stim": "stim_simulator",
    "cudaq": "cudaq_simulator",
}


_PACKAGES: Final = {"cudaq": "cudaq"}
"""What to install for a simulator that no extra brings: CUDA-Q picks its build by the CUDA that is there."""


def run_rank(job: Job, ranks: Any) -> Share | None:
    """Compute this rank's share.

    Returns
    -------
    Share or None
        Of the state vector only rank 0 answers, with everything; of the other methods each rank answers with its share
        of the observables.

    Raises
    ------
    Missing, TooLittleMemory
        With one line that says what.
    """
    refuse_too_little_memory(job.memory, job.gpu, ranks.rank)
    if own_process(job):
        os.environ["OMP_NUM_THREADS"] = str(job.threads)  # read when the simulators' libraries are loaded
    start = time.perf_counter()
    try:
        module = import_module(f".{_SIMULATORS[job.simulator]}", __package__)
    except ImportError as error:
        package = _PACKAGES.get(job.simulator, "'qhpc-miniapps[statevector]'")
        raise Missing(f"simulator {job.simulator!r} needs {error.name}: pip install {package}") from error
    imported_s = time.perf_counter() - start
    compute: Callable[[Job, Circuit, Place], Share] = module.compute
    place = Place(
        ranks.rank, ranks.size, ranks.coordinator, job.shards_per_rank, job.threads, job.gpu, job.start_timeout_s
    )
    share = compute(job, build(job.spec), place)
    share.phases_s["import"] = imported_s
    share.counts["peak_rss"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return share if ranks.rank == 0 or job.method != "statevector" else None


def refuse_too_little_memory(needed: int, gpu: bool, rank: int) -> None:
    """Refuse work that does not fit into the memory that is available on this host now.

    Raises
    ------
    TooLittleMemory
        With both numbers.
    """
    available = available_memory()
    if not gpu and available is not None and needed > available:
        raise TooLittleMemory(
            f"rank {rank} needs {needed / 2**30:.3g} GiB and its host has {available / 2**30:.3g} GiB available; "
            "take fewer qubits, or more ranks on other hosts"
        )


def available_memory() -> int | None:
    """Return the bytes that this host can still give, or None if it does not say (not Linux)."""
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:  # noqa: PTH123 - a plain read of one small file
            found = dict(line.split(":", 1) for line in lines)
        return int(found["MemAvailable"].split()[0]) * 1024
    except (OSError, KeyError, ValueError):
        return None


def own_process(job: Job) -> bool:
    """Tell whether this process belongs to the runtime, not to the user."""
    return os.getpid() != job.driver


def shared_terms(job: Job, place: Place) -> list[int]:
    """Return the positions of the terms that this rank computes."""
    return list(range(place.rank, len(job.terms), place.size))
