"""B.1 on the driver's side: cut the batch into tasks, collect the answers, count the cost."""

from __future__ import annotations

import time
from hashlib import sha256
from math import ceil
from typing import TYPE_CHECKING, Final

import numpy as np

from pilot_quantum import DeviceRequest, Resources, Runtime

from .._app import Features, Measurement, Metric, Unsupported
from .._circuits import FAMILIES, Ensemble
from .aer import GpuMissing, Simulator
from .kernels import DRAWN_QUBITS, GROUP_BYTES, Batch, Job, Samples, Values, joined, run_batch
from .on_device import Ran, run_batch_on_device

if TYPE_CHECKING:
    from .params import CircuitExecution

# Rough costs of one circuit on one core, in seconds. They only choose the size of a task, never a reported number.
_CIRCUIT_S: Final = 2e-4
_GATE_S: Final = 8e-6
_AMPLITUDE_S: Final = 2e-9
_TASK_S: Final = 0.025
_SHOT_BY_SHOT: Final = ("stabilizer", "matrix_product_state")


def run(params: CircuitExecution, runtime: Runtime) -> Measurement:
    """Run all circuits of the case as tasks.

    Stages: ``submit`` (cutting and submitting), ``execute`` (until the last answer is here), ``reduce`` (joining them).

    Raises
    ------
    Unsupported
        If a GPU is asked for and no pilot, or no installed Aer, has one.
    """
    pilots = runtime.pilots()
    gpu = _uses_gpu(params, sum(pilot.gpus for pilot in pilots))
    start_s = time.perf_counter()
    with runtime.stage("submit"):
        job = Job(ensemble(params), params.observables or "", params.shots, _simulator(params, gpu=gpu))
        slots = max(1, sum(pilot.workers for pilot in pilots) // params.threads)
        size = circuits_per_task(params, slots)
        batches = [Batch(job, i, min(i + size, params.n_circuits)) for i in range(0, params.n_circuits, size)]
        kernel = run_batch if params.device == "aer" else run_batch_on_device
        tasks = runtime.submit_many(kernel, batches, resources=_resources(params, gpu=gpu))
    with runtime.stage("execute"):
        try:
            parts = runtime.gather(tasks)
        except GpuMissing as error:
            raise Unsupported(f"gpu = {params.gpu!r}: {error}") from error
    with runtime.stage("reduce"):
        ran = [part for part in parts if isinstance(part, Ran)]
        answer = joined([part.answer if isinstance(part, Ran) else part for part in parts])
    elapsed_s = time.perf_counter() - start_s
    metrics = _metrics(params, _projected_s(ran) or elapsed_s, len(tasks))
    return Measurement(answer, {**metrics, **_device_metrics(ran)}, digest(answer))


def _projected_s(ran: list[Ran]) -> float | None:
    """Return the time on a simulated clock from the first submission to the last result; None on the real one."""
    if not ran or not all(part.projected for part in ran):
        return None
    return max(part.end_s or 0.0 for part in ran) - min(part.start_s or 0.0 for part in ran)


def _device_metrics(ran: list[Ran]) -> dict[str, Metric]:
    used = [part for part in ran if part.devices]
    if not used:
        return {}
    return {
        "qpu_s": Metric(sum(part.qpu_s for part in used), "s"),
        "cost": Metric(sum(part.cost for part in used), "1"),
        "devices": Metric(len({name for part in used for name in part.devices}), "devices"),
    }


def digest(answer: Samples | Values) -> str:
    """Return the SHA-256 of all answers in the order of the circuits, as little-endian 64-bit numbers."""
    if isinstance(answer, Values):
        arrays = [answer.values.astype("<f8")]
    else:
        arrays = [answer.sizes.astype("<i8"), answer.counts.astype("<i8"), answer.outcomes.astype("<u8")]
    found = sha256()
    for array in arrays:
        found.update(str(array.shape).encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()


def estimate(params: CircuitExecution) -> Features:
    """Count what the case costs; ``circuits_per_task = "auto"`` is counted for one worker."""
    circuits, observables = params.n_circuits, len(params.paulis())
    tasks = ceil(circuits / circuits_per_task(params, 1))
    counts = _gate_counts(params)
    whole, rest = divmod(circuits, len(counts))
    return Features(
        tasks=tasks,
        memory_per_task=memory(params),
        gates=whole * sum(counts) + sum(counts[:rest]),
        shots=params.shots * circuits * max(1, observables),
        cpus_per_task=params.threads,
        extra={
            "circuits": circuits,
            "n_qubits": params.n_qubits,
            "observables": observables,
            "circuits_per_task": ceil(circuits / tasks),
            "gate_amplitudes": _gate_amplitudes(params) * circuits,
        },
    )


def ensemble(params: CircuitExecution) -> Ensemble:
    """Return the recipe of the case's circuits."""
    return Ensemble(
        family=params.family,
        n_qubits=params.n_qubits,
        layers=params.layers,
        seed=params.seed,
        angle=params.angle,
        path=params.path or "",
        programs=len(_gate_counts(params)),
    )


def circuits_per_task(params: CircuitExecution, slots: int) -> int:
    """Return how many circuits a task carries.

    The automatic value makes tasks of about 25 ms by a rough count of gates and amplitudes, and rounds their number up
    to a multiple of the ``slots`` that run at a time; it is never less than one circuit.
    """
    if params.circuits_per_task != "auto":
        return min(params.circuits_per_task, params.n_circuits)
    if params.device == "pilot":
        return max(1, ceil(params.n_circuits / slots))
    gates = max(_gate_counts(params))
    circuit_s = _CIRCUIT_S + _GATE_S * gates + _AMPLITUDE_S * _gate_amplitudes(params) / params.threads
    if params.method in _SHOT_BY_SHOT and not params.paulis():
        circuit_s += _AMPLITUDE_S * params.shots * 16 * _amplitudes(params)
    tasks = slots * ceil(params.n_circuits * circuit_s / (_TASK_S * slots))
    return max(1, ceil(params.n_circuits / tasks))


def memory(params: CircuitExecution) -> int:
    """Return the bytes of one task: one state, since circuits follow each other, and a group of answers."""
    if params.device == "pilot":  # the states are on the devices; here are the circuits
        return GROUP_BYTES
    amplitude = 16 if params.precision == "double" else 8
    answers = 0 if params.paulis() else 16 * 2 ** min(params.n_qubits, DRAWN_QUBITS)
    return amplitude * _amplitudes(params) + max(answers, GROUP_BYTES)


def _amplitudes(params: CircuitExecution) -> int:
    """Return the complex numbers of one state: 2ⁿ; 4ⁿ; 2·n·χ² and the workspace as much again; n² bits."""
    n, family = params.n_qubits, FAMILIES.get(params.family)
    clifford = family is not None and family.clifford
    if params.method == "stabilizer" or (params.method == "automatic" and clifford):
        return ceil(n * n / 16)
    if params.method == "matrix_product_state":
        bits = n // 2 if family is None else family.bond_bits(n, params.layers)
        return int(4 * n * 4**bits)
    return int((4 if params.method == "density_matrix" else 2) ** n)


def _gate_amplitudes(params: CircuitExecution) -> float:
    """Return gates x numbers of the state of one circuit: the work of the dense methods."""
    return float(max(_gate_counts(params)) * min(_amplitudes(params), 2**200))


def _gate_counts(params: CircuitExecution) -> tuple[int, ...]:
    """Return the gates of the case's circuits: one number if they are alike, else one for each circuit of the file."""
    if params.path is None:
        return (FAMILIES[params.family].gates(params.n_qubits, params.layers),)
    from .._circuits.qiskit_io import load_circuits

    return tuple(max(1, circuit.size()) for circuit in load_circuits(params.path))


def _uses_gpu(params: CircuitExecution, present: int) -> bool:
    if params.gpu is True and present == 0:
        raise Unsupported("gpu = true: no pilot of this case holds a GPU (gpus_per_node = 0)")
    return bool(params.gpu) and present > 0


def _simulator(params: CircuitExecution, *, gpu: bool) -> Simulator:
    return Simulator(params.method, params.precision, "GPU" if gpu else "CPU", params.threads)


def _resources(params: CircuitExecution, *, gpu: bool) -> Resources:
    if params.device == "pilot":
        return Resources(device=DeviceRequest(min_qubits=params.n_qubits, shots=params.shots))
    return Resources(cpus=params.threads, gpus=1.0 if gpu else 0.0, memory=memory(params))


def _metrics(params: CircuitExecution, elapsed_s: float, tasks: int) -> dict[str, Metric]:
    measurements = params.n_circuits * max(1, len(params.paulis()))
    return {
        "time_to_value_s": Metric(elapsed_s, "s", "lower"),
        "throughput": Metric(params.n_circuits / elapsed_s, "circuits/s", "higher"),
        "circuits": Metric(params.n_circuits, "circuits"),
        "shots": Metric(params.shots * measurements, "shots"),
        "tasks": Metric(tasks, "tasks"),
    }
