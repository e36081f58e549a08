"""C.3 on the driver's side: deal the pieces of every iteration to the devices, wait for all, move, again."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from typing import TYPE_CHECKING, Final, final

import numpy as np
from numpy.typing import NDArray

from .._app import Features, Measurement, Metric, Verdict
from .._variational import oracle, reference
from .._variational.devices import Devices
from .._variational.optimise import Path, Settings, Steps, minimise, start
from .._variational.problem import count_shifts
from .kernels import Portion, evaluate

if TYPE_CHECKING:
    from pilot_quantum import Runtime

    from .._variational.problem import Problem
    from .params import VqaParallel

Vector = NDArray[np.float64]
Piece = tuple[int, int]
"""Which of the searches, and which piece of its evaluation."""
_PRUDENCE: Final = 0.5
"""How much a new observation of a device's speed counts."""


def run(params: VqaParallel, runtime: Runtime) -> Measurement:
    """Search for the lowest value.

    Stages: ``prepare`` (recipe and starts) and ``search``.
    """
    start_s = time.perf_counter()
    with runtime.stage("prepare"):
        seconds = params.circuit_seconds(sum(pilot.workers for pilot in runtime.pilots()))
        barrier = Barrier(params, Devices(runtime, seconds))
        settings = Settings(params.optimiser, params.max_iterations, params.learning_rate, params.precision)
        thetas = [start(barrier.problem, params.spread, params.seed + number) for number in range(params.starts)]
    search_s = time.perf_counter()
    with runtime.stage("search"):
        if params.starts == 1:
            paths = [minimise(lambda theta: barrier.answers([theta])[0], thetas[0], settings)]
        else:
            paths = _together(barrier, thetas, settings)
    end_s = time.perf_counter()
    value, theta = min((path.best for path in paths), key=lambda best: best[0])
    metrics = _metrics(params, paths, barrier, end_s - search_s)
    metrics["time_to_value_s"] = Metric(end_s - start_s, "s", "lower")
    return Measurement(reference.Optimum(value, theta), metrics, digest(paths))


def digest(paths: Sequence[Path]) -> str:
    """Return the hash of one path, which is the sequential app's, or the SHA-256 of those of all paths."""
    parts = [path.digest() for path in paths]
    return parts[0] if len(parts) == 1 else sha256("".join(parts).encode()).hexdigest()


def _together(barrier: Barrier, thetas: list[Vector], settings: Settings) -> list[Path]:
    """Advance several searches in step; those that have ended take no more part."""
    searches = [(Steps(settings, theta), Path()) for theta in thetas]
    while running := [pair for pair in searches if not pair[0].ended]:
        answers = barrier.answers([steps.theta for steps, _ in running])
        for (steps, path), answer in zip(running, answers, strict=True):
            path.add(steps.theta, float(answer[0]))
            steps.follow(answer)
    return [path for _, path in searches]


@final
@dataclass(slots=True)
class Barrier:
    """Evaluates several points at once, and waits for the last piece.

    Attributes
    ----------
    params, devices
        What is split how, and over what.
    ends_s
        Clock (`time.perf_counter`) at the end of every iteration.
    wall_s
        Seconds of all iterations together, from the first submission to the last answer of each.
    """

    params: VqaParallel
    devices: Devices
    ends_s: list[float] = field(default_factory=list)
    wall_s: float = 0.0
    problem: Problem = field(init=False)
    _pieces: int = field(init=False)
    _speeds: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self.problem = self.params.recipe()
        shifts = self.params.gradient == "parameter_shift"
        self._pieces = oracle.n_shifts(self.problem) if shifts else self.problem.parts
        self._speeds = [1.0] * len(self.devices)

    def answers(self, thetas: Sequence[Vector]) -> list[Vector]:
        """Return value and gradient at every point, as one evaluation in one piece would give them."""
        began_s = time.perf_counter()
        queues = self._dealt([(number, piece) for number in range(len(thetas)) for piece in range(self._pieces)])
        found: dict[Piece, Vector] = {}
        while True:
            self._feed(queues, thetas)
            if not self.devices.flying:
                break
            self._take(found)
        self.ends_s.append(time.perf_counter())
        self.wall_s += self.ends_s[-1] - began_s
        return [self._joined([found[number, piece] for piece in range(self._pieces)]) for number in range(len(thetas))]

    def _feed(self, queues: list[deque[list[Piece]]], thetas: Sequence[Vector]) -> None:
        for device in self.devices.idle():
            if queues[device]:
                pieces = queues[device].popleft()
                portions = [self._portion(run, thetas[run[0][0]]) for run in _runs(pieces)]
                self.devices.start(device, evaluate, portions, self.devices.circuit_s[device], label=pieces)

    def _take(self, found: dict[Piece, Vector]) -> None:
        before_s = list(self.devices.busy_s)
        done = self.devices.next()
        if done.error is not None:
            raise done.error
        rate = len(done.label) / max(self.devices.busy_s[done.device] - before_s[done.device], 1e-9)
        known = self._speeds[done.device]
        self._speeds[done.device] = rate if known == 1.0 else known + _PRUDENCE * (rate - known)
        answers = [answer for portion in done.result for answer in portion]
        found.update(zip(done.label, answers, strict=True))

    def _portion(self, pieces: list[Piece], theta: Vector) -> Portion:
        return Portion(self.problem, self.params.gradient, theta, pieces[0][1], pieces[-1][1] + 1)

    def _dealt(self, pieces: list[Piece]) -> list[deque[list[Piece]]]:
        """Return a queue of portions for each device; with ``late`` they share one."""
        if self.params.balance == "late":
            size = self.params.portion
            shared = deque(pieces[i : i + size] for i in range(0, len(pieces), size))
            return [shared] * len(self.devices)
        speeds = self._speeds if self.params.balance == "measured" else [1.0] * len(self.devices)
        edges = np.rint(np.cumsum([0.0, *speeds]) / sum(speeds) * len(pieces)).astype(int).tolist()
        shares = [pieces[i:j] for i, j in pairwise(edges)]
        return [deque([share] if share else []) for share in shares]

    def _joined(self, answers: list[Vector]) -> Vector:
        if self.params.gradient == "parameter_shift":
            return oracle.assembled(self.problem, np.array(answers))
        return oracle.added(answers)


def _runs(pieces: list[Piece]) -> list[list[Piece]]:
    """Cut a portion where another search begins."""
    numbers = dict.fromkeys(number for number, _ in pieces)
    return [[piece for piece in pieces if piece[0] == number] for number in numbers]


def _metrics(params: VqaParallel, paths: Sequence[Path], barrier: Barrier, search_s: float) -> dict[str, Metric]:
    problem, devices = barrier.problem, barrier.devices
    unit = "hartree" if problem.is_molecule else "edges"
    evaluations = sum(len(path.values) for path in paths)
    lowest, best = reference.target(problem), min(min(path.values) for path in paths)
    busy = sum(devices.busy_s) / (len(devices) * barrier.wall_s)
    return {
        "value": Metric(best, unit),
        "error": Metric(None if lowest is None else best - lowest, unit, "lower"),
        "evaluations": Metric(evaluations, "evaluations", "lower"),
        "throughput": Metric(evaluations / search_s, "evaluations/s", "higher"),
        "iterations": Metric(len(barrier.ends_s), "iterations"),
        "idle_share": Metric(1 - busy, "1", "lower"),
        "time_to_target_s": Metric(_time_to_target(params, paths, barrier, search_s), "s", "lower"),
        "devices": Metric(len(devices), "devices"),
    }


def _time_to_target(params: VqaParallel, paths: Sequence[Path], barrier: Barrier, search_s: float) -> float | None:
    """Return the seconds until a value was within the tolerance of the known optimum; None if there is none."""
    lowest = reference.target(barrier.problem)
    if lowest is None:
        return None
    limit = lowest + reference.tolerance_in_units(params)
    first = min((k for path in paths for k, value in enumerate(path.values) if value <= limit), default=None)
    began_s = barrier.ends_s[-1] - search_s
    return None if first is None else barrier.ends_s[first] - began_s


def check(params: VqaParallel, measurement: Measurement) -> Verdict:
    """Compare with full configuration interaction, the theory of rings, or an independent simulation."""
    return reference.reached(params, measurement.answer)


def estimate(params: VqaParallel) -> Features:
    """Count what the case costs at most, on two devices if their number is not given."""
    problem = params.recipe()
    pieces = params.starts * (count_shifts(problem) if params.gradient == "parameter_shift" else problem.parts)
    devices = params.devices or 2
    tasks = -(-pieces // params.portion) if params.balance == "late" else min(devices, pieces)
    return Features(
        tasks=tasks * params.max_iterations,
        memory_per_task=2**24,
        extra={"pieces": pieces, "iterations": params.max_iterations, "devices": devices},
    )
