"""B.2 on the driver's side: one gang of ranks, its answer, what it cost and what the machine would allow."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from hashlib import sha256
from statistics import median
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from pilot_quantum import Resources, Runtime, TaskDescription

from .._app import Features, Measurement, Metric, Unsupported
from .._circuits import FAMILIES, CircuitSpec
from .kernels import Job, Missing, Share, run_rank
from .session import GpuMissing, NoSession

if TYPE_CHECKING:
    from .params import DistributedStateVector

_STATES: Final = {"expval": 3, "vjp": 7, "jacobian": 8}
"""States that XLA holds at a time, its own count for 24 qubits rounded up: whatever the depth."""
_OTHER_STATES: Final = {"expval": 2, "vjp": 4, "jacobian": 4}
_PROCESS_BYTES: Final = 700 * 2**20


def run(params: DistributedStateVector, runtime: Runtime) -> Measurement:
    """Run the circuit as one gang.

    Stage ``gang``: from the submission until the last rank has answered.

    Raises
    ------
    Unsupported
        If the installation or the pilots lack what is asked for; the message says what.
    """
    if params.gpu and sum(pilot.gpus for pilot in runtime.pilots()) < params.shards:
        raise Unsupported(
            f"gpu = true: {params.shards} GPU(s) are needed and the pilots of this case hold "
            f"{sum(pilot.gpus for pilot in runtime.pilots())} (gpus_per_node)"
        )
    start_s = time.perf_counter()
    with runtime.stage("gang"):
        task = runtime.submit(TaskDescription(run_rank, (job(params),), resources=resources(params), name="state"))
        try:
            (shares,) = runtime.gather([task])
        except (Missing, GpuMissing, NoSession) as error:
            if isinstance(error, NoSession) and "found no coordinator" in str(error):
                raise
            raise Unsupported(str(error)) from error
    elapsed_s = time.perf_counter() - start_s
    answer = joined([share for share in shares if share is not None])
    return Measurement(answer, metrics(params, answer, elapsed_s), digest(answer))


def joined(shares: Sequence[Share]) -> Share:
    """Return one answer: each value from the rank that has it, times of the slowest rank."""
    first = shares[0]
    values = first.values.copy()
    for share in shares[1:]:
        values = np.where(np.isnan(values), share.values, values)
    seconds = [max(times) for times in zip(*(share.evaluations_s for share in shares), strict=True)]
    return Share(values, first.gradient, seconds, first.phases_s, first.counts)


def digest(answer: Share) -> str:
    """Return the SHA-256 of values and gradient, as little-endian doubles."""
    found = sha256(answer.values.astype("<f8").tobytes())
    if answer.gradient is not None:
        found.update(np.ascontiguousarray(answer.gradient.astype("<f8")).tobytes())
    return found.hexdigest()


def spec(params: DistributedStateVector) -> CircuitSpec:
    """Return the recipe of the circuit."""
    return CircuitSpec(
        params.family, params.n_qubits, params.layers, params.seed, angle=params.angle, path=params.path or ""
    )


def job(params: DistributedStateVector) -> Job:
    """Return what all ranks are told."""
    return Job(
        spec=spec(params),
        terms=params.terms(),
        mode=params.mode,
        method=params.method,
        simulator=params.simulator or "jax",
        double=params.precision == "double",
        shards_per_rank=params.shards_per_rank,
        threads=params.threads,
        gpu=params.gpu,
        start_timeout_s=params.start_timeout_s,
        evaluations=params.evaluations,
        limits=params.limits,
        memory=memory(params),
        driver=os.getpid(),
    )


def memory(params: DistributedStateVector) -> int:
    """Return the bytes of one rank."""
    if params.method != "statevector":
        return _PROCESS_BYTES
    states = _STATES if params.simulator == "jax" else _OTHER_STATES
    vectors: int = states[params.mode]
    if params.simulator == "lightning" and params.mode == "jacobian":
        vectors += 2 * len(params.terms())
    return int(_PROCESS_BYTES + vectors * params.amplitude_bytes * 2**params.n_qubits // params.ranks)


def widest(bytes_per_rank: int, params: DistributedStateVector) -> int:
    """Return how many qubits fit into ranks with so much memory each, in this mode; 0 if none."""
    free = bytes_per_rank - _PROCESS_BYTES
    states = (_STATES if params.simulator == "jax" else _OTHER_STATES)[params.mode]
    amplitudes = max(0, free) * params.ranks // (states * params.amplitude_bytes)
    return int(max(0, amplitudes.bit_length() - 1))


def resources(params: DistributedStateVector) -> Resources:
    """Return what the gang asks for."""
    gpus = float(params.shards_per_rank) if params.gpu else 0.0
    held = 0 if params.gpu else memory(params)
    return Resources(cpus=params.threads, ranks=params.ranks, gpus_per_rank=gpus, memory=held)


def estimate(params: DistributedStateVector) -> Features:
    """Count what the case costs, each rank as a task, and how many qubits fit into 16, 40 and 80 GiB a rank."""
    gates = _gate_count(params)
    state = params.amplitude_bytes * 2.0 ** min(params.n_qubits, 1000) if params.method == "statevector" else 0.0
    extra = {
        "n_qubits": float(params.n_qubits),
        "ranks": float(params.ranks),
        "shards": float(params.shards),
        "state_bytes": state,
        "observables": float(len(params.terms())),
        "gpu_bytes_per_rank": float(memory(params)) if params.gpu else 0.0,
    }
    if params.method == "statevector":
        extra |= {f"qubits_in_{size}_gib": float(widest(size * 2**30, params)) for size in (16, 40, 80)}
    return Features(
        tasks=params.ranks,
        memory_per_task=_PROCESS_BYTES if params.gpu else memory(params),
        gates=gates,
        cpus_per_task=params.threads,
        extra=extra,
    )


def metrics(params: DistributedStateVector, answer: Share, elapsed_s: float) -> dict[str, Metric]:
    """Return the measured numbers."""
    execute_s = median(answer.evaluations_s)
    found = {
        "time_to_value_s": Metric(elapsed_s, "s", "lower"),
        "execute_s": Metric(execute_s, "s", "lower"),
        "ranks": Metric(params.ranks, "ranks"),
    }
    found |= {f"{name}_s": Metric(seconds, "s", "lower") for name, seconds in answer.phases_s.items()}
    units = {"state_bytes": "B", "exchanged_bytes": "B", "peak_rss": "B", "exchanges": "1", "compilations": "1"}
    units |= {"from_cache": "1", "memory_bandwidth": "B/s", "link_bandwidth": "B/s", "link_binds": "1"}
    found |= {name: Metric(answer.counts[name], unit) for name, unit in units.items() if name in answer.counts}
    for name in ("gate_by_gate", "fused", "link"):
        least = answer.counts.get(f"{name}_s", 0.0)
        if least:
            found[f"share_of_{name}_limit"] = Metric(least / execute_s, "1", "higher")
    return found


def loss(params: DistributedStateVector, values: NDArray[np.float64]) -> float:
    """Return the weighted sum of the values."""
    return float(sum(term.factor * value for term, value in zip(params.terms(), values, strict=True)))


def _gate_count(params: DistributedStateVector) -> int:
    if params.family != "file":
        return FAMILIES[params.family].gates(params.n_qubits, params.layers)
    from .._circuits.qiskit_io import load_circuit

    return len(load_circuit(params.path or "", 0).gates)
