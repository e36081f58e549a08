"""What a worker does: one evaluation, or the whole loop beside the circuits."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .._variational import oracle
from .._variational.optimise import Path, Settings, minimise

if TYPE_CHECKING:
    from .._variational.problem import Problem

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """A whole search: where it begins, along which gradient, and how."""

    problem: Problem
    gradient: str
    theta: Vector
    settings: Settings


def evaluate(problem: Problem, gradient: str, theta: Vector) -> tuple[Vector, float]:
    """Return value and gradient (see `oracle.evaluate`), and the seconds that the circuits took."""
    start_s = time.perf_counter()
    answer = oracle.evaluate(problem, theta, gradient)
    return answer, time.perf_counter() - start_s


def optimise(loop: Loop) -> tuple[Path, float]:
    """Run the loop here; return every evaluation, and the seconds that the circuits took together."""
    spent_s = 0.0

    def ask(theta: Vector) -> Vector:
        nonlocal spent_s
        answer, seconds = evaluate(loop.problem, loop.gradient, theta)
        spent_s += seconds
        return answer

    return minimise(ask, loop.theta, loop.settings), spent_s
