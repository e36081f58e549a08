"""C.2 on the driver's side: the loop, its distance from the circuits, and what that distance costs."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from .._app import Features, Measurement, Metric, Verdict
from .._variational import oracle, reference
from .._variational.optimise import Path, Settings, minimise, start
from .._variational.problem import SUBSPACES, count_gates, count_shifts
from . import subspace
from .kernels import Loop, evaluate, optimise

if TYPE_CHECKING:
    from pilot_quantum import Runtime

    from .params import VqaSequential

Vector = NDArray[np.float64]
_EVALUATIONS: Final = {"lbfgs": 1.2, "adam": 1.0, "cobyla": 1.0}
"""Evaluations of an iteration, about."""


def run(params: VqaSequential, runtime: Runtime) -> Measurement:
    """Search for the lowest value.

    Stages: ``prepare`` (recipe and start) and ``search``; of subspace diagonalisation see `subspace.run`.
    """
    if params.method == "sqd":
        return subspace.run(params, runtime)
    start_s = time.perf_counter()
    with runtime.stage("prepare"):
        problem = params.recipe()
        loop = Loop(problem, params.gradient, start(problem, params.spread, params.seed), settings(params))
    search_s = time.perf_counter()
    with runtime.stage("search"):
        if params.placement == "colocated":
            path, quantum_s = runtime.gather([runtime.submit(optimise, loop)])[0]
            tasks = 1
        else:
            path, quantum_s = _apart(loop, params.queue_s, runtime)
            tasks = len(path.values)
    end_s = time.perf_counter()
    value, theta = path.best
    metrics = _metrics(params, path, end_s - search_s, quantum_s)
    metrics["time_to_value_s"] = Metric(end_s - start_s, "s", "lower")
    metrics["tasks"] = Metric(tasks, "tasks")
    return Measurement(reference.Optimum(value, theta), metrics, path.digest())


def settings(params: VqaSequential) -> Settings:
    """Return how to search."""
    return Settings(params.optimiser, params.max_iterations, params.learning_rate, params.precision)


def _apart(loop: Loop, queue_s: float, runtime: Runtime) -> tuple[Path, float]:
    """Run the loop here and every evaluation as a task; return the path and the seconds of the circuits."""
    spent_s = 0.0

    def ask(theta: Vector) -> Vector:
        nonlocal spent_s
        if queue_s:
            time.sleep(queue_s)  # the declared wait in the queue of a shared device
        answer, seconds = runtime.gather([runtime.submit(evaluate, loop.problem, loop.gradient, theta)])[0]
        spent_s += seconds
        result: Vector = answer
        return result

    return minimise(ask, loop.theta, loop.settings), spent_s


def _metrics(params: VqaSequential, path: Path, search_s: float, quantum_s: float) -> dict[str, Metric]:
    problem = params.recipe()
    evaluations = len(path.values)
    circuits = evaluations * (oracle.n_shifts(problem) if params.gradient == "parameter_shift" else 1)
    lowest, best = reference.target(problem), path.best[0]
    unit = "hartree" if problem.is_molecule else "edges"
    queued_s = evaluations * params.queue_s
    return {
        "value": Metric(best, unit),
        "error": Metric(None if lowest is None else best - lowest, unit, "lower"),
        "evaluations": Metric(evaluations, "evaluations", "lower"),
        "throughput": Metric(evaluations / search_s, "evaluations/s", "higher"),
        "circuits": Metric(circuits, "circuits"),
        "quantum_share": Metric(quantum_s / search_s, "1", "higher"),
        "coupling_per_evaluation_s": Metric((search_s - quantum_s - queued_s) / evaluations, "s", "lower"),
    }


def check(params: VqaSequential, measurement: Measurement) -> Verdict:
    """Compare with full configuration interaction, the theory of rings, or an independent simulation."""
    if params.method == "sqd":
        return reference.molecular(SUBSPACES[params.problem], measurement.answer, reference.tolerance(params))
    return reference.reached(params, measurement.answer)


def estimate(params: VqaSequential) -> Features:
    """Count what the case costs at most: searches that converge end earlier."""
    if params.method == "sqd":
        return subspace.estimate(params)
    problem = params.recipe()
    evaluations = round(_EVALUATIONS[params.optimiser] * params.max_iterations)
    circuits = count_shifts(problem) if params.gradient == "parameter_shift" else 1
    return Features(
        tasks=1 if params.placement == "colocated" else evaluations,
        memory_per_task=16 * 2**problem.n_qubits * min(circuits, 64),
        gates=evaluations * circuits * count_gates(problem),
        extra={"evaluations": evaluations, "circuits": evaluations * circuits, "n_qubits": problem.n_qubits},
    )
