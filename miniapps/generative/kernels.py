"""What a worker does: propose circuits, evaluate some, or find the slopes of a share of what was evaluated."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._variational.emulation import hold
from . import born, pool

Floats = NDArray[np.float64]
Evaluated = tuple[Floats, Any]
"""Score of each circuit, shape (B,), lower is better; and what learning needs beside it, or None."""


def evaluate_sequences(recipe: pool.Recipe, sequences: pool.Sequences, circuit_s: float) -> tuple[Evaluated, float]:
    """Return the energies of circuits, and how long the device was busy."""
    since_s = time.perf_counter()
    found = pool.energies(recipe, sequences)
    return (found, None), hold(since_s, len(sequences), circuit_s)


def evaluate_angles(recipe: born.Recipe, angles: Floats, circuit_s: float) -> tuple[Evaluated, float]:
    """Return the losses of circuits with their distributions, shape (B, 2ⁿ), and how long the device was busy."""
    since_s = time.perf_counter()
    found = born.distributions(recipe, angles)
    return (born.losses(recipe, found), found), hold(since_s, len(angles), circuit_s)


def propose_sequences(*given: Any) -> tuple[NDArray[np.int32], float]:
    """Return sequences, shape (B, T), and the seconds it took; for the arguments see `transformer.propose`."""
    from . import transformer

    since_s = time.perf_counter()
    return transformer.propose(*given), time.perf_counter() - since_s


def learn_sequences(*given: Any) -> tuple[tuple[float, NDArray[np.float32]], float]:
    """Return loss and gradient, and the seconds it took; for the arguments see `transformer.gradient`."""
    from . import transformer

    since_s = time.perf_counter()
    return transformer.gradient(*given), time.perf_counter() - since_s


def propose_angles(angles: Floats) -> tuple[Floats, float]:
    """Return the circuits of one gradient, shape (1 + 2P, P), and the seconds it took."""
    since_s = time.perf_counter()
    return born.shifted(angles), time.perf_counter() - since_s


def learn_angles(recipe: born.Recipe, found: born.Distributions) -> tuple[tuple[float, Floats], float]:
    """Return loss and gradient of the outcomes of the circuits of `propose_angles`, and the seconds it took."""
    since_s = time.perf_counter()
    loss = float(born.losses(recipe, found[:1])[0])
    return (loss, born.slopes(recipe, found)), time.perf_counter() - since_s
