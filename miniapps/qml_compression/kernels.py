"""What a worker does: read or crop its images, encode them, fit a circuit to each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from .._qml import ansatz, compression
from .._qml.backend import DeviceKind
from .._qml.cifar import Split
from .._qml.compression import Recipe
from .._qml.encoding import Indexing, encode
from .._qml.images import ImageSource, load
from . import published

Floats = NDArray[np.float64]
Method = Literal["dense", "published"]
COSTS: Final = ("sweep_s", "refine_s", "cpu_s")


@dataclass(frozen=True, slots=True)
class Job:
    """What is common to all batches of a case."""

    images: ImageSource
    split: Split
    indexing: Indexing
    recipe: Recipe
    method: Method
    device: DeviceKind


@dataclass(frozen=True, slots=True)
class Batch:
    """The images ``start`` … ``stop - 1`` of a job: what one task carries."""

    job: Job
    start: int
    stop: int


@dataclass(frozen=True, slots=True, eq=False)
class Fitted:
    """Circuits of several images, one a row.

    Attributes
    ----------
    angles
        Shape (m, n_angles), radians.
    fidelities
        |⟨t|ψ⟩|² as the fit has computed it, shape (m,).
    costs
        Columns `COSTS`, shape (m, 3): wall seconds of both stages, CPU seconds of both together.
    compile_s
        Seconds spent compiling for this batch: only a process's first batch has any.
    """

    angles: Floats
    fidelities: Floats
    costs: Floats
    compile_s: float


def run_batch(batch: Batch) -> Fitted:
    """Fit the images of one batch.

    Raises
    ------
    miniapps._qml.cifar.DataError
        If the user's files are not what they should be.
    miniapps._qml.backend.GpuMissing
        If a GPU is asked for and this worker has none.
    """
    job = batch.job
    states = targets(batch)
    if job.method == "published":
        return _stacked([published.compress(state, job.recipe) for state in states], 0.0)
    if job.device == "gpu":
        return _at_once(states, job)
    before = compression.compile_seconds()
    compression.compiled(job.recipe)
    spent_s = compression.compile_seconds() - before
    return _stacked([compression.compress(state, job.recipe) for state in states], spent_s)


def targets(batch: Batch) -> Floats:
    """Return the states of a batch's images, shape (m, 2ⁿ)."""
    images, _ = load(batch.job.images, batch.job.split, batch.start, batch.stop)
    return encode(images, batch.job.indexing)


def _at_once(states: Floats, job: Job) -> Fitted:
    angles, fidelities, costs, compile_s = compression.compress_many(states, job.recipe, job.device)
    rows = np.tile([costs.sweep_s, costs.refine_s, costs.cpu_s], (len(states), 1)) / len(states)
    return Fitted(angles, fidelities, rows, compile_s)


def _stacked(results: Sequence[tuple[Floats, float, compression.Cost]], compile_s: float) -> Fitted:
    return Fitted(
        np.stack([angles for angles, _, _ in results]),
        np.array([fidelity for _, fidelity, _ in results]),
        np.array([[getattr(cost, name) for name in COSTS] for _, _, cost in results]),
        compile_s,
    )


def joined(parts: Sequence[Fitted]) -> Fitted:
    """Join the circuits of consecutive batches."""
    return Fitted(
        np.concatenate([part.angles for part in parts]),
        np.concatenate([part.fidelities for part in parts]),
        np.concatenate([part.costs for part in parts]),
        sum(part.compile_s for part in parts),
    )


def openqasm(fitted: Fitted, recipe: Recipe) -> list[str]:
    """Return the circuits as OpenQASM 3 programs."""
    return [ansatz.openqasm(row, recipe.n_wires, recipe.layers) for row in fitted.angles]
