"""What a worker does: some pieces of one iteration."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .._variational import oracle
from .._variational.emulation import hold

if TYPE_CHECKING:
    from .._variational.problem import Problem

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Portion:
    """Pieces ``start`` … ``stop - 1`` of an evaluation at ``theta``: shifted circuits, or parts of the Hamiltonian."""

    problem: Problem
    gradient: str
    theta: Vector
    start: int
    stop: int


def evaluate(portions: list[Portion], circuit_s: float) -> tuple[list[Vector], float]:
    """Return the answers of each portion, shape (pieces,) or (pieces, 1 + P), and how long the device was busy."""
    since_s = time.perf_counter()
    answers = [_evaluated(portion) for portion in portions]
    return answers, hold(since_s, sum(portion.stop - portion.start for portion in portions), circuit_s)


def _evaluated(portion: Portion) -> Vector:
    where = range(portion.start, portion.stop)
    if portion.gradient == "adjoint":
        return np.stack([oracle.adjoint(portion.problem, portion.theta, part) for part in where])
    return oracle.shifted(portion.problem, portion.theta, portion.start, portion.stop)
