"""The compression stage on the driver's side: cut the images into tasks, collect the circuits, count the cost."""

from __future__ import annotations

import time
from hashlib import sha256
from math import ceil
from typing import TYPE_CHECKING, Final

import numpy as np

from pilot_quantum import Resources, Runtime

from .._app import Features, Measurement, Metric, Unsupported
from .._qml.ansatz import n_angles
from .._qml.backend import GpuMissing
from .._qml.compression import Recipe
from .._qml.images import ImageSource
from .kernels import COSTS, Batch, Fitted, Job, joined, run_batch

if TYPE_CHECKING:
    from .params import QmlCompression

# Rough seconds of one core; they only choose the size of a task, never a reported number.
_GATE_AMPLITUDE_S: Final = 5e-9
_CALL_S: Final = 2e-5
_PUBLISHED: Final = 100.0
_TASK_S: Final = 0.5
_TASKS_A_WORKER: Final = 8


def run(params: QmlCompression, runtime: Runtime) -> Measurement:
    """Compress the images of the case as tasks.

    Stages: ``submit``, ``compress`` (until the last circuit is here), ``reduce``.

    Raises
    ------
    Unsupported
        If a GPU is asked for and no pilot, or no installed JAX, has one.
    """
    pilots = runtime.pilots()
    if params.device == "gpu" and not sum(pilot.gpus for pilot in pilots):
        raise Unsupported("device = 'gpu': no GPU is present: no pilot of this case holds one (gpus_per_node = 0)")
    start_s = time.perf_counter()
    with runtime.stage("submit"):
        size = images_per_task(params, max(1, sum(pilot.workers for pilot in pilots)))
        tasks = runtime.submit_many(run_batch, batches(params, size), resources=_resources(params))
    with runtime.stage("compress"):
        try:
            parts = runtime.gather(tasks)
        except GpuMissing as error:
            raise Unsupported(f"device = 'gpu': {error}") from error
    with runtime.stage("reduce"):
        answer = joined(parts)
    elapsed_s = time.perf_counter() - start_s
    return Measurement(answer, _metrics(params, answer, elapsed_s, len(tasks)), digest(answer))


def digest(answer: Fitted) -> str:
    """Return the SHA-256 of all angles in the order of the images."""
    return sha256(np.ascontiguousarray(answer.angles.astype("<f8")).tobytes()).hexdigest()


def estimate(params: QmlCompression) -> Features:
    """Count what the case costs; ``images_per_task = "auto"`` is counted for one worker."""
    gates = params.layers * (params.n_wires - 1)
    passes = params.sweeps + params.iterations * (params.refinement != "none")
    return Features(
        tasks=ceil(params.n_images / images_per_task(params, 1)),
        memory_per_task=memory(params),
        gates=params.n_images * passes * gates,
        extra={
            "images": params.n_images,
            "n_qubits": params.n_wires,
            "angles": n_angles(params.n_wires, params.layers),
            "passes": passes,
        },
    )


def images_per_task(params: QmlCompression, slots: int) -> int:
    """Return how many images a task carries.

    The automatic value makes tasks of about half a second by a rough count, small enough that every worker gets
    several, so that none waits long for the last one. On a GPU it is all images of a worker's share at once.
    """
    if params.images_per_task != "auto":
        return min(params.images_per_task, params.n_images)
    share = ceil(params.n_images / slots)
    if params.device == "gpu":
        return share
    return max(1, min(int(_TASK_S / image_seconds(params)), ceil(share / _TASKS_A_WORKER)))


def image_seconds(params: QmlCompression) -> float:
    """Return a rough time of one image on one core."""
    gates = params.layers * (params.n_wires - 1)
    passes = params.sweeps + params.iterations * (params.refinement != "none")
    once = _CALL_S + _GATE_AMPLITUDE_S * 2.0**params.n_wires
    return passes * gates * once * (_PUBLISHED if params.method == "published" else 1)


def memory(params: QmlCompression) -> int:
    """Return the bytes of one task: the target behind every gate, for each state that is fitted at once."""
    at_once = images_per_task(params, 1) if params.device == "gpu" else 1
    return int(at_once * params.layers * params.n_wires * 8 * 2**params.n_wires + 300 * 2**20)


def recipe(params: QmlCompression) -> Recipe:
    """Return how one state is fitted."""
    return Recipe(params.n_wires, params.layers, params.sweeps, params.refinement, params.iterations)


def batches(params: QmlCompression, size: int) -> list[Batch]:
    """Return the images of the case in portions of ``size``."""
    images = ImageSource(params.source, params.path or "", params.image_size, params.seed)
    job = Job(images, params.split, params.indexing, recipe(params), params.method, params.device)
    first, end = params.first_image, params.first_image + params.n_images
    return [Batch(job, start, min(start + size, end)) for start in range(first, end, size)]


def _resources(params: QmlCompression) -> Resources:
    return Resources(gpus=1.0 if params.device == "gpu" else 0.0, memory=memory(params))


def _metrics(params: QmlCompression, answer: Fitted, elapsed_s: float, tasks: int) -> dict[str, Metric]:
    costs = dict(zip(COSTS, answer.costs.T, strict=True))
    image_s = costs["sweep_s"] + costs["refine_s"]
    return {
        "time_to_value_s": Metric(elapsed_s, "s", "lower"),
        "throughput": Metric(params.n_images / elapsed_s, "images/s", "higher"),
        "fidelity_mean": Metric(float(answer.fidelities.mean()), "1", "higher"),
        "fidelity_min": Metric(float(answer.fidelities.min()), "1", "higher"),
        "cpu_per_image_s": Metric(float(costs["cpu_s"].mean()), "s", "lower"),
        "sweep_per_image_s": Metric(float(costs["sweep_s"].mean()), "s", "lower"),
        "refine_per_image_s": Metric(float(costs["refine_s"].mean()), "s", "lower"),
        "image_max_s": Metric(float(image_s.max()), "s", "lower"),
        "compile_s": Metric(answer.compile_s, "s", "lower"),
        "images": Metric(params.n_images, "images"),
        "angles": Metric(answer.angles.shape[1], "angles"),
        "tasks": Metric(tasks, "tasks"),
    }
