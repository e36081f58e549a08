"""What a worker does: time steps, train on its own, or give the gradient of a share of a batch.

A timer stops only when the device is done (``block_until_ready``); the first call, which compiles, is timed apart.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from .._qml import classifier
from .._qml.backend import DeviceKind, device, started
from .._qml.cifar import Labels, Split
from .._qml.encoding import encode
from .._qml.images import ImageSource, load
from .modes import step_of

if TYPE_CHECKING:
    from .params import Mode

Floats = NDArray[np.float64]
Span = tuple[Split, int, int]
"""Images by split, first, one after the last."""


@dataclass(frozen=True, slots=True)
class Setting:
    """What a step, a training and a trial have in common.

    Attributes
    ----------
    images
        Data set; its seed is also that of weights and of the order of batches.
    """

    images: ImageSource
    mode: Mode
    layers: int
    classes: int
    batch_size: int
    precision: classifier.Precision
    learning_rate: float
    device: DeviceKind


@dataclass(frozen=True, slots=True)
class Sizes:
    """Images for training, validation (the next ones of the same regions) and testing, and passes over the first."""

    n_train: int
    n_validation: int
    n_test: int
    epochs: int


@dataclass(frozen=True, slots=True, eq=False)
class Timed:
    """Steps that were timed.

    Attributes
    ----------
    loss, gradient
        Of the first step: at the initial weights.
    first_call_s
        Seconds of the first call, compiling included.
    step_s
        Seconds of each later step, shape (steps,).
    """

    loss: float
    gradient: Floats
    first_call_s: float
    step_s: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """A finished training.

    Attributes
    ----------
    weights
        Shape (layers, n, 3).
    losses, accuracies
        Mean loss and share of right answers over each epoch's batches, shape (epochs,).
    validation, test
        Logits of those images, shape (n, classes).
    train_s
        Seconds of all steps.
    first_call_s
        Seconds of the first step, compiling included; also inside ``train_s``.
    """

    weights: Floats
    losses: Floats
    accuracies: Floats
    validation: Floats
    test: Floats
    train_s: float
    first_call_s: float


@lru_cache(maxsize=4)
def data(images: ImageSource, split: Split, start: int, stop: int) -> tuple[Floats, Labels]:
    """Return states and labels of images; kept for the next call in this process."""
    pixels, labels = load(images, split, start, stop)
    return encode(pixels), labels


def time_steps(setting: Setting, steps: int) -> Timed:
    """Run one step to compile, then ``steps`` timed ones on the same batch.

    Raises
    ------
    miniapps._qml.backend.GpuMissing
        If a GPU is asked for and this worker has none.
    """
    jax = started()
    with jax.default_device(device(setting.device)):
        states, labels = (jax.device_put(part) for part in _batch(setting, *data_of_batch(setting)))
        step = step_of(setting.mode, setting.images.n_qubits, setting.classes, learning_rate=setting.learning_rate)
        weights, optimiser = _start(setting)
        seconds: list[float] = []
        first: tuple[Any, ...] = ()
        for number in range(1 + steps):
            start_s = time.perf_counter()
            found = jax.block_until_ready(step(weights, optimiser, states, labels))
            seconds.append(time.perf_counter() - start_s)
            if number == 0:
                first = found
            weights, optimiser = found[3:]
    return Timed(float(first[0]), np.asarray(first[1], dtype=np.float64), seconds[0], np.array(seconds[1:]))


def data_of_batch(setting: Setting) -> tuple[Floats, Labels]:
    """Return the batch on which steps are timed."""
    return data(setting.images, "train", 0, setting.batch_size)


def _batch(setting: Setting, states: Floats, labels: Labels) -> tuple[Any, Labels]:
    return states.astype(classifier.real(setting.precision)), labels


def _start(setting: Setting) -> tuple[Any, Any]:
    import optax

    jnp = started().numpy
    first = classifier.initial_weights(setting.images.n_qubits, setting.layers, setting.images.seed)
    weights = jnp.asarray(first, classifier.real(setting.precision))
    return weights, optax.adam(setting.learning_rate).init(weights)


def batches(n_train: int, batch_size: int, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return the images of each step of an epoch, shape (steps, batch); what does not fill a batch is left out."""
    order = np.random.default_rng((seed, 11, epoch)).permutation(n_train)
    steps = n_train // batch_size
    return order[: steps * batch_size].reshape(steps, batch_size)


def train(setting: Setting, sizes: Sizes) -> Trained:
    """Train on one worker and give the logits of validation and test images."""
    jax = started()
    with jax.default_device(device(setting.device)):
        states, labels = _batch(setting, *data(setting.images, "train", 0, sizes.n_train))
        step = step_of(setting.mode, setting.images.n_qubits, setting.classes, learning_rate=setting.learning_rate)
        weights, optimiser = _start(setting)
        losses, shares = np.zeros(sizes.epochs), np.zeros(sizes.epochs)
        start_s, first_call_s = time.perf_counter(), 0.0
        for epoch in range(sizes.epochs):
            rows = batches(sizes.n_train, setting.batch_size, setting.images.seed, epoch)
            for row in rows:
                found = step(weights, optimiser, states[row], labels[row])
                losses[epoch] += float(found[0]) / len(rows)
                shares[epoch] += float(found[2]) / len(rows)
                weights, optimiser = found[3:]
                first_call_s = first_call_s or time.perf_counter() - start_s
        train_s = time.perf_counter() - start_s
        validation, test = (logits(setting, weights, span) for span in held_out(sizes))
    return Trained(np.asarray(weights, np.float64), losses, shares, validation, test, train_s, first_call_s)


def held_out(sizes: Sizes) -> tuple[Span, Span]:
    """Return which images validate and which test."""
    return ("train", sizes.n_train, sizes.n_train + sizes.n_validation), ("test", 0, sizes.n_test)


def logits(setting: Setting, weights: Any, span: Span) -> Floats:
    """Return the logits of images, shape (n, classes)."""
    if span[2] <= span[1]:
        return np.zeros((0, setting.classes))
    states, _ = _batch(setting, *data(setting.images, *span))
    given = started().numpy.asarray(weights, states.dtype)
    return np.asarray(classifier.predictor(setting.classes)(given, states), dtype=np.float64)


def shard_gradient(
    setting: Setting, n_train: int, rows: NDArray[np.int64], weights: Floats
) -> tuple[float, float, Any]:
    """Return mean loss, share right and mean gradient of some of the training images at given weights."""
    jax = started()
    with jax.default_device(device(setting.device)):
        states, labels = _batch(setting, *data(setting.images, "train", 0, n_train))
        given = jax.numpy.asarray(weights, states.dtype)
        (loss, found), gradient = classifier.gradient_of(setting.classes)(given, states[rows], labels[rows])
        right = float(np.mean(np.argmax(np.asarray(found), axis=1) == labels[rows]))
        return float(loss), right, np.asarray(gradient, np.float64)
