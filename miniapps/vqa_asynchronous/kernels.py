"""What a worker does: some slopes of the value, or a piece of a search."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .._variational import oracle
from .._variational.emulation import hold
from .._variational.optimise import Path, Settings, minimise

if TYPE_CHECKING:
    from .._variational.problem import Problem

Vector = NDArray[np.float64]


class NoWorkerToKill(RuntimeError):
    """An injected fault would kill the driver: the pilot's engine runs tasks in the driver's own process."""


@dataclass(frozen=True, slots=True)
class Device:
    """What a task must know of its device.

    Attributes
    ----------
    circuit_s
        Emulated seconds of a circuit.
    quality
        Share of the signal that its noise leaves: global depolarising noise shrinks every slope by it.
    driver
        Process of the driver if this task shall kill its worker; 0 for a healthy one.
    """

    circuit_s: float
    quality: float = 1.0
    driver: int = 0


def slopes(problem: Problem, theta: Vector, block: tuple[int, int], device: Device) -> tuple[Vector, float]:
    """Return the slopes of the parameters ``block[0]`` … ``block[1] - 1``, and how long the device was busy."""
    _break(device)
    since_s = time.perf_counter()
    found, circuits = oracle.slopes(problem, theta, *block)
    return device.quality * found, hold(since_s, circuits, device.circuit_s)


def improve(problem: Problem, theta: Vector, steps: int, device: Device) -> tuple[Path, float]:
    """Search on from ``theta`` for some steps of L-BFGS; return the path, and how long the device was busy."""
    _break(device)
    since_s = time.perf_counter()
    settings = Settings("lbfgs", steps, 1.0, 1e-9)
    path = minimise(lambda point: oracle.evaluate(problem, point, "parameter_shift"), theta, settings)
    return path, hold(since_s, len(path.values) * oracle.n_shifts(problem), device.circuit_s)


def _break(device: Device) -> None:
    if device.driver == os.getpid():
        raise NoWorkerToKill("kill_at: this engine has no worker process of its own; take 'processes' or 'ray'")
    if device.driver:
        os.kill(os.getpid(), signal.SIGKILL)
