"""C.4 on the driver's side: take whatever arrives, use it, and give the device something new at once."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field
from hashlib import sha256
from math import inf
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from numpy.typing import NDArray

from pilot_quantum import Retries, TaskDescription, WorkerLost

from .._app import Features, Measurement, Metric, Unsupported, Verdict
from .._variational import oracle, reference
from .._variational.devices import Devices, Done
from .._variational.optimise import start
from .._variational.problem import count_shifts
from .kernels import Device, NoWorkerToKill, improve, slopes

if TYPE_CHECKING:
    from collections.abc import Callable

    from pilot_quantum import Runtime

    from .params import VqaAsynchronous

Vector = NDArray[np.float64]
_NO_RETRY: Final = Retries(lost_worker=0)
"""What a lost worker did is out of date: its device gets a new task instead."""
_ROUNDS: Final = 2
"""Reports of a search before it may be ended."""


@final
@dataclass(slots=True)
class Journal:
    """What happened, in the order in which it happened.

    Attributes
    ----------
    points, at_s
        Parameters after every update, and when that was (`time.perf_counter`).
    staleness
        Of every gradient that arrived: how many updates its parameters were behind.
    dropped, lost, ended_early
        Gradients that were too stale, tasks that lost their worker, searches that were given up.
    converged
        Whether the search ended by itself.
    """

    points: list[Vector] = field(default_factory=list)
    at_s: list[float] = field(default_factory=list)
    staleness: list[int] = field(default_factory=list)
    dropped: int = 0
    lost: int = 0
    ended_early: int = 0
    converged: bool = False

    def add(self, theta: Vector) -> None:
        """Take down an update."""
        self.points.append(theta.copy())
        self.at_s.append(time.perf_counter())


def run(params: VqaAsynchronous, runtime: Runtime) -> Measurement:
    """Search for the lowest value.

    Stages: ``prepare`` and ``search``. Afterwards, untimed, the values of all points are found for the time to target.

    Raises
    ------
    miniapps.Unsupported
        If a fault is to be injected where tasks run in the driver's own process.
    """
    start_s = time.perf_counter()
    with runtime.stage("prepare"):
        seconds = params.circuit_seconds(sum(pilot.workers for pilot in runtime.pilots()))
        dispatch = Dispatch(params, Devices(runtime, seconds))
    search_s = time.perf_counter()
    with runtime.stage("search"):
        try:
            journal = (_descend if params.mode == "gradient" else _multistart)(params, dispatch)
        except NoWorkerToKill as error:
            raise Unsupported(str(error)) from error
    end_s = time.perf_counter()
    problem = params.recipe()
    values = [oracle.value(problem, theta) for theta in journal.points]
    best = int(np.argmin(values)) if params.mode == "starts" else len(values) - 1
    metrics = _metrics(params, journal, values, devices=dispatch.devices, clock_s=(search_s, end_s))
    metrics["time_to_value_s"] = Metric(end_s - start_s, "s", "lower")
    answer = reference.Optimum(values[best], journal.points[best])
    return Measurement(answer, metrics, _digest(answer))


def _digest(answer: reference.Optimum) -> str:
    """Return the SHA-256 of the result; it differs between runs, since the order of arrival does."""
    return sha256(np.array([answer.value, *answer.theta], dtype="<f8").tobytes()).hexdigest()


@final
class Dispatch:
    """Gives devices their tasks, and one of them the injected fault."""

    def __init__(self, params: VqaAsynchronous, devices: Devices) -> None:
        self.devices = devices
        self.qualities = params.qualities(len(devices))
        self._kill_at = params.kill_at
        self._sent = 0

    def start(self, device: int, kernel: Callable[..., Any], *args: Any, label: Any) -> None:
        """Give an idle device the task ``kernel(*args, device)``."""
        fault = os.getpid() if self._sent == self._kill_at else 0
        place = Device(self.devices.circuit_s[device], self.qualities[device], fault)
        self._sent += 1
        self.devices.start(device, TaskDescription(kernel, (*args, place), retries=_NO_RETRY), label=label)

    def next(self, journal: Journal) -> Done:
        """Wait for a task; it may have lost its worker, whose device is idle again, and has no result then."""
        done = self.devices.next()
        if isinstance(done.error, WorkerLost):
            journal.lost += 1
        elif done.error is not None:
            raise done.error
        return done


# ---------------------------------------------------------------- one solution


def _descend(params: VqaAsynchronous, dispatch: Dispatch) -> Journal:
    """Move one solution with every gradient that arrives, on parameters that may be some updates old.

    Blocks of parameters are handed out in turn, as in EQC (Stein et al., 2022). The search has converged when the last
    known slope of every parameter is small; no device waits for that to be found out.
    """
    problem = params.recipe()
    theta = start(problem, params.spread, params.seed)
    blocks = [(i, min(i + params.block, theta.size)) for i in range(0, theta.size, params.block)]
    known = np.full(theta.size, inf)
    journal = Journal()
    journal.add(theta)
    sent = version = 0
    while len(journal.staleness) < params.max_updates:
        for device in dispatch.devices.idle():
            block = blocks[sent % len(blocks)]
            dispatch.start(device, slopes, problem, theta.copy(), block, label=(block, version))
            sent += 1
        done = dispatch.next(journal)
        if done.error is not None:
            continue
        block, began = done.label
        journal.staleness.append(version - began)
        if params.staleness is not None and version - began > params.staleness:
            journal.dropped += 1
            continue
        where = slice(*block)
        known[where] = np.abs(done.result) / dispatch.qualities[done.device]
        theta[where] -= params.learning_rate * _weight(params, dispatch.qualities, done.device) * done.result
        version += 1
        journal.add(theta)
        if known.max() <= params.precision:
            journal.converged = True
            break
    return journal


def _weight(params: VqaAsynchronous, qualities: list[float], device: int) -> float:
    return qualities[device] * len(qualities) / sum(qualities) if params.weights == "quality" else 1.0


# ---------------------------------------------------------------- several solutions


@dataclass(slots=True)
class _Search:
    theta: Vector
    value: float = inf
    reports: int = 0


def _multistart(params: VqaAsynchronous, dispatch: Dispatch) -> Journal:
    """Search from every start in chunks; the best value known decides which searches go on.

    A search ends when a chunk improves it by less than ``precision``, or when it has reported twice and is worse than
    the best one by more than ``margin``.
    """
    problem = params.recipe()
    waiting = [_Search(start(problem, params.spread, params.seed + number)) for number in range(params.starts)]
    journal, best, chunks = Journal(), inf, 0
    while (waiting or dispatch.devices.flying) and chunks < params.max_updates:
        for device in dispatch.devices.idle()[: len(waiting)]:
            search = waiting.pop(0)
            dispatch.start(device, improve, problem, search.theta, params.chunk, label=search)
        done = dispatch.next(journal)
        search = done.label
        if done.error is not None:
            waiting.append(search)
            continue
        chunks += 1
        before, (search.value, search.theta) = search.value, done.result.best
        search.reports += 1
        best = min(best, search.value)
        journal.add(search.theta)
        if search.reports >= _ROUNDS and search.value > best + params.margin:
            journal.ended_early += 1
        elif before - search.value > params.precision:
            waiting.append(search)
    journal.converged = not waiting and not dispatch.devices.flying
    return journal


# ---------------------------------------------------------------- numbers


def _metrics(
    params: VqaAsynchronous, journal: Journal, values: list[float], *, devices: Devices, clock_s: tuple[float, float]
) -> dict[str, Metric]:
    began_s, end_s = clock_s
    problem = params.recipe()
    unit = "hartree" if problem.is_molecule else "edges"
    lowest, best = reference.target(problem), min(values)
    reached = _first_within(params, values, lowest)
    staleness = journal.staleness or [0]
    return {
        "value": Metric(best, unit),
        "error": Metric(None if lowest is None else best - lowest, unit, "lower"),
        "updates": Metric(len(journal.points), "updates"),
        "throughput": Metric(len(journal.points) / (end_s - began_s), "updates/s", "higher"),
        "time_to_target_s": Metric(None if reached is None else journal.at_s[reached] - began_s, "s", "lower"),
        "idle_share": Metric(1 - sum(devices.busy_s) / (len(devices) * (end_s - began_s)), "1", "lower"),
        "staleness_mean": Metric(float(np.mean(staleness)), "updates"),
        "staleness_max": Metric(max(staleness), "updates"),
        "dropped": Metric(journal.dropped, "gradients", "lower"),
        "ended_early": Metric(journal.ended_early, "searches"),
        "workers_lost": Metric(journal.lost, "workers"),
        "converged": Metric(int(journal.converged), "1", "higher"),
        "devices": Metric(len(devices), "devices"),
    }


def _first_within(params: VqaAsynchronous, values: list[float], lowest: float | None) -> int | None:
    """Return the first update from which on all values were within the tolerance of the known optimum."""
    if lowest is None:
        return None
    limit = lowest + reference.tolerance_in_units(params)
    outside = [place for place, value in enumerate(values) if value > limit]
    if params.mode == "starts":
        return next((place for place, value in enumerate(values) if value <= limit), None)
    first = outside[-1] + 1 if outside else 0
    return first if first < len(values) else None


def check(params: VqaAsynchronous, measurement: Measurement) -> Verdict:
    """Compare with full configuration interaction, the theory of rings, or an independent simulation."""
    return reference.reached(params, measurement.answer)


def estimate(params: VqaAsynchronous) -> Features:
    """Count what the case costs at most."""
    return Features(
        tasks=params.max_updates,
        memory_per_task=2**24,
        extra={"circuits_per_gradient": count_shifts(params.recipe()), "devices": params.devices or 2},
    )
