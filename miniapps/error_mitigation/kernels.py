"""What a worker does: run variants of a circuit with noise and count their outcomes."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .program import Batch, Noise
from .transfer import probabilities

Counts = NDArray[np.float64]
"""How often each outcome was seen, or its probability; shape (variants, 2ᵐ) for m measured qubits."""


@dataclass(frozen=True, slots=True)
class Work:
    """What one task carries."""

    batches: tuple[Batch, ...]
    noise: Noise


@dataclass(frozen=True, slots=True, eq=False)
class Ran:
    """What came of it.

    Attributes
    ----------
    counts
        Of each batch.
    busy_s
        Seconds in the kernel.
    devices
        Number of circuits on each device; empty for simulators in the worker.
    start_s, end_s
        First submission and last result, seconds of the devices' clock; None where there is none.
    qpu_s, cost
        What was used, as far as devices tell.
    projected
        Whether that clock is simulated.
    """

    counts: tuple[Counts, ...]
    busy_s: float
    devices: dict[str, int]
    start_s: float | None = None
    end_s: float | None = None
    qpu_s: float = 0.0
    cost: float = 0.0
    projected: bool = False


def evaluate(work: Work) -> Ran:
    """Run every variant of every batch; those with shots are sampled, each from its own seed."""
    start_s = time.perf_counter()
    counts = tuple(_counted(batch, work.noise) for batch in work.batches)
    return Ran(counts, time.perf_counter() - start_s, {})


def _counted(batch: Batch, noise: Noise) -> Counts:
    found = probabilities(batch.program, rows(batch), noise)
    if not any(batch.shots):
        return found
    found = np.clip(found, 0, None)
    found /= found.sum(axis=1, keepdims=True)
    each = zip(found, batch.shots, batch.seeds, strict=True)
    drawn = [np.random.default_rng(seed).multinomial(shots, chances) for chances, shots, seed in each]
    return np.array(drawn, dtype=np.float64)


def rows(batch: Batch) -> NDArray[np.uint8]:
    """Return the Pauli operators of a batch, shape (variants, gates)."""
    found = np.zeros((len(batch.frames), len(batch.program.gates)), dtype=np.uint8)
    for number, frame in enumerate(batch.frames):
        if frame:
            found[number] = np.frombuffer(frame, dtype=np.uint8)
    return found
