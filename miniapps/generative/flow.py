"""C.5 on the driver's side: search, then the same budget at random, then the numbers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from pilot_quantum import TaskDescription

from .._app import Features, Measurement, Metric, Unsupported
from .._qml.backend import GpuMissing
from .._variational.devices import Devices
from . import born
from .exchange import Exchange, Journal, at_random
from .learners import Learner, control_rng, learner

if TYPE_CHECKING:
    from pilot_quantum import Runtime

    from .params import Generative

POINTS: Final = 8
"""Points of the curves of error against circuits."""


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """The best circuits: that of the search and that of the control, each with its score.

    Circuits are sequences of operators, shape (T,), or angles, shape (P,).
    """

    circuit: NDArray[Any]
    score: float
    control_circuit: NDArray[Any]
    control_score: float


def run(params: Generative, runtime: Runtime) -> Measurement:
    """Search for the circuit of the lowest score.

    Stages: ``prepare`` (the model; what workers compile) and ``search``. Afterwards, untimed, the control.

    Raises
    ------
    miniapps.Unsupported
        If there are too few workers for the exchange, or no GPU where one is asked for.
    """
    _check_gpus(params, runtime)
    start_s = time.perf_counter()
    with runtime.stage("prepare"):
        seconds = params.circuit_seconds(sum(pilot.workers for pilot in runtime.pilots()))
        _check_workers(params, len(seconds))
        model = learner(params)
        try:
            _rehearse(model, runtime, len(seconds))
        except GpuMissing as error:
            raise Unsupported(f"trainer = 'gpu': {error}") from error
    devices = Devices(runtime, seconds)
    exchange = Exchange(params, model, devices)
    search_s = time.perf_counter()
    with runtime.stage("search"):
        found = exchange.run()
    end_s = time.perf_counter()
    metrics = _metrics(params, exchange, end_s - search_s, end_s)
    exchange.drain()
    control = at_random(params, model, devices, control_rng(params))
    metrics |= _against(params, model, found, control)
    metrics["time_to_value_s"] = Metric(end_s - start_s, "s", "lower")
    return Measurement(_answer(found, control), metrics, _digest(found, control))


def _answer(found: Journal, control: Journal) -> Answer:
    empty = np.zeros(0)
    circuit, blind = (empty if some.best is None else some.best for some in (found, control))
    return Answer(circuit, found.best_score, blind, control.best_score)


def _digest(found: Journal, control: Journal) -> str:
    """Return the SHA-256 of all scores and the best circuits; of asynchronous exchanges it differs between runs."""
    digest = sha256()
    for journal in (found, control):
        digest.update(np.concatenate(journal.scores).astype("<f8").tobytes())
        digest.update(np.ascontiguousarray(journal.best).astype("<f8").tobytes())
    return digest.hexdigest()


# ---------------------------------------------------------------- before the search


def _check_gpus(params: Generative, runtime: Runtime) -> None:
    if params.trainer == "gpu" and not sum(pilot.gpus for pilot in runtime.pilots()):
        raise Unsupported("trainer = 'gpu': no pilot of this case holds a GPU (gpus_per_node = 0)")


def _check_workers(params: Generative, count: int) -> None:
    if params.exchange == "asynchronous" and count <= params.trainers:
        raise Unsupported(
            f"exchange = 'asynchronous': {params.trainers} device(s) that learn and at least one that evaluates need "
            f"{params.trainers + 1} workers; there are {count}"
        )


def _rehearse(model: Learner, runtime: Runtime, workers: int) -> None:
    """Let every worker compile what it may be asked for: as many tasks of each kind as workers."""
    for kernel, args in model.rehearsal():
        task = TaskDescription(kernel, args, resources=model.resources)
        runtime.gather([runtime.submit(task) for _ in range(workers)])


# ---------------------------------------------------------------- numbers


def _metrics(params: Generative, exchange: Exchange, took_s: float, end_s: float) -> dict[str, Metric]:
    journal, split = exchange.journal, exchange.split
    idle = split.idle(end_s)
    circuits = params.batches * params.batch
    staleness = journal.staleness or [0]
    return {
        "circuits": Metric(circuits, "circuits"),
        "evaluated": Metric(journal.evaluated, "circuits"),
        "throughput": Metric(circuits / took_s, "circuits/s", "higher"),
        "idle_share": Metric(idle["all"], "1", "lower"),
        "trainer_idle_share": Metric(idle["trainer"], "1", "lower"),
        "evaluator_idle_share": Metric(idle["evaluator"], "1", "lower"),
        "devices": Metric(split.devices, "devices"),
        "trainers_mean": Metric(split.trainers_mean, "devices"),
        "trainers_last": Metric(split.trainers, "devices"),
        "role_changes": Metric(split.moves, "1"),
        "staleness_mean": Metric(float(np.mean(staleness)), "updates"),
        "staleness_max": Metric(max(staleness), "updates"),
        "dropped": Metric(journal.dropped, "batches", "lower"),
    }


def _against(params: Generative, model: Learner, found: Journal, control: Journal) -> dict[str, Metric]:
    """Return what was found and what the control found, at the end and on the way."""
    unit = "hartree" if params.model == "gqe" else "1"
    errors, blind = found.lowest() - model.lowest, control.lowest() - model.lowest
    metrics = {
        "value": Metric(found.best_score, unit),
        "error": Metric(float(errors[-1]), unit, "lower"),
        "control_error": Metric(float(blind[-1]), unit),
        "gain": Metric(_gain(float(errors[-1]), float(blind[-1])), "1", "higher"),
        "mean_last": Metric(float(found.scores[-1].mean()), unit),
    }
    for point in range(1, POINTS + 1):
        place = max(1, round(len(errors) * point / POINTS)) - 1
        metrics[f"circuits_at_{point}"] = Metric(place + 1, "circuits")
        metrics[f"error_at_{point}"] = Metric(float(errors[place]), unit)
        metrics[f"control_error_at_{point}"] = Metric(float(blind[place]), unit)
    if isinstance(model.recipe, born.Recipe) and found.best is not None:
        outcome = born.distributions(model.recipe, found.best[None])[0]
        metrics["total_variation"] = Metric(born.variation(model.recipe, outcome), "1", "lower")
    return metrics


def _gain(error: float, control: float) -> float | None:
    """Return by which factor the error is smaller than the control's; None where there is hardly an error left."""
    return control / error if error > 1e-9 else None


def estimate(params: Generative) -> Features:
    """Count what the case costs at most, control included."""
    portions = -(-params.batch // params.portion)
    learning = params.shards * (1 + params.updates) if params.model == "gqe" else 2
    gates = params.length if params.model == "gqe" else 3 * (params.n_qubits or 0) * params.layers
    circuits = params.batches * params.batch
    return Features(
        tasks=params.batches * (portions + learning + 1),
        memory_per_task=2**28,
        gates=2 * circuits * gates,
        extra={"circuits": 2 * circuits, "updates": params.batches * params.updates, "devices": params.devices or 2},
    )
