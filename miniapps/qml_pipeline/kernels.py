"""What a worker does in each stage: encode a shard, compress it, train on what has arrived, evaluate.

Between stages travel arrays: states of a shard (64 KiB an image), then its angles (205 numbers an image), then the
weights. The classifier sees what the compressed circuits prepare, simulated from their angles, not the original images.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._qml import classifier, compression
from .._qml.backend import DeviceKind, device, started
from .._qml.cifar import Labels, Split
from .._qml.compression import Recipe
from .._qml.encoding import decode, encode
from .._qml.images import ImageSource, load

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Encoded:
    """States of a shard, shape (m, 2ⁿ), and its classes, shape (m,)."""

    states: Floats
    labels: Labels


@dataclass(frozen=True, slots=True, eq=False)
class Compressed:
    """Circuits of a shard: angles, shape (m, n_angles); fidelities, shape (m,); classes, shape (m,)."""

    angles: Floats
    fidelities: Floats
    labels: Labels


@dataclass(frozen=True, slots=True)
class Training:
    """How the classifier is trained."""

    recipe: Recipe
    layers: int
    classes: int
    batch_size: int
    learning_rate: float
    seed: int
    device: DeviceKind


@dataclass(frozen=True, slots=True, eq=False)
class Progress:
    """A training so far.

    Attributes
    ----------
    shards
        What has arrived, in order.
    weights
        Shape (layers, n, 3).
    optimiser
        Leaves of Adam's state; empty before the first step.
    losses
        Mean loss of each epoch.
    """

    shards: tuple[Compressed, ...]
    weights: Floats
    optimiser: tuple[NDArray[Any], ...]
    losses: tuple[float, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """Logits of the test images, shape (n, classes), and shares of right answers.

    Attributes
    ----------
    baselines
        Of classical models of about as many parameters, by name.
    baseline_parameters
        Free parameters of each of them.
    """

    logits: Floats
    accuracy: float
    baselines: dict[str, float]
    baseline_parameters: int


def encode_shard(images: ImageSource, split: Split, start: int, stop: int) -> Encoded:
    """Read or crop images and encode them."""
    pixels, labels = load(images, split, start, stop)
    return Encoded(encode(pixels), labels)


def compress_shard(shard: Encoded, recipe: Recipe) -> Compressed:
    """Fit a circuit to each state of a shard."""
    fitted = [compression.compress(state, recipe) for state in shard.states]
    return Compressed(
        np.stack([angles for angles, _, _ in fitted]), np.array([fidelity for _, fidelity, _ in fitted]), shard.labels
    )


def begin(training: Training) -> Progress:
    """Return a training that has not begun."""
    weights = classifier.initial_weights(training.recipe.n_wires, training.layers, training.seed)
    return Progress((), weights, (), ())


def train_pass(before: Progress, new: Compressed | None, training: Training, epochs: int) -> Progress:
    """Take in a shard and train some epochs on all that has arrived.

    The order of batches depends on the seed and the number of epochs so far, not on the time at which shards arrive.
    """
    import optax

    jax = started()
    shards = before.shards if new is None else (*before.shards, new)
    states, labels = _inputs(shards, training)
    weights, losses = jax.numpy.asarray(before.weights), list(before.losses)
    step = classifier.step(training.classes, training.learning_rate)
    leaves, tree = jax.tree.flatten(optax.adam(training.learning_rate).init(weights))
    optimiser = jax.tree.unflatten(tree, before.optimiser or leaves)
    with jax.default_device(device(training.device)):
        for _ in range(epochs):
            rows = _batches(len(labels), training, len(losses))
            total = 0.0
            for row in rows:
                loss, _, _, weights, optimiser = step(weights, optimiser, states[row], labels[row])
                total += float(loss)
            losses.append(total / len(rows))
    kept = tuple(np.asarray(leaf) for leaf in jax.tree.leaves(optimiser))
    return Progress(shards, np.asarray(weights), kept, tuple(losses))


def _batches(n: int, training: Training, epoch: int) -> NDArray[np.int64]:
    order = np.random.default_rng((training.seed, 17, epoch)).permutation(n)
    steps = n // training.batch_size
    return order[: steps * training.batch_size].reshape(steps, -1)


def _inputs(shards: tuple[Compressed, ...], training: Training) -> tuple[Floats, Labels]:
    n, layers = training.recipe.n_wires, training.recipe.layers
    states = [prepared(shard.angles.tobytes(), len(shard.labels), n, layers) for shard in shards]
    return np.concatenate(states), np.concatenate([shard.labels for shard in shards])


@lru_cache(maxsize=512)
def prepared(angles: bytes, m: int, n: int, layers: int) -> Floats:
    """Return the states that circuits prepare, shape (m, 2ⁿ), from the bytes of their angles; kept in this process."""
    rows = np.frombuffer(angles).reshape(m, -1)
    return np.stack([np.asarray(_preparer(n, layers)(row)) for row in rows])


@lru_cache(maxsize=4)
def _preparer(n: int, layers: int) -> Any:
    return started().jit(compression.statevector(n, layers))


def evaluate(trained: Progress, training: Training, *tests: Compressed) -> Evaluation:
    """Classify the test images, and let classical models of as many parameters do the same."""
    jax = started()
    states, labels = _inputs(tests, training)
    with jax.default_device(device(training.device)):
        found = classifier.predictor(training.classes)(jax.numpy.asarray(trained.weights), states)
    logits = np.asarray(found, dtype=np.float64)
    features = max(1, trained.weights.size // (training.classes - 1) - 1)
    known, known_labels = _inputs(trained.shards, training)
    baselines = {
        "colour": _regression(_colours(known), known_labels, _colours(states), labels),
        "pca": _regression(*_principal(known, known_labels, states, features), labels),
    }
    accuracy = float(np.mean(logits.argmax(axis=1) == labels))
    return Evaluation(logits, accuracy, baselines, (training.classes - 1) * (features + 1))


def _colours(states: Floats) -> Floats:
    """Return the mean red, green and blue of compressed images: three features that nothing was fitted to."""
    return np.asarray(decode(states).mean(axis=(1, 2)))


def _principal(known: Floats, labels: Labels, new: Floats, features: int) -> tuple[Floats, Labels, Floats]:
    middle = known.mean(axis=0)
    _, _, axes = np.linalg.svd(known - middle, full_matrices=False)
    return (known - middle) @ axes[:features].T, labels, (new - middle) @ axes[:features].T


def _regression(known: Floats, known_labels: Labels, new: Floats, labels: Labels) -> float:
    """Return the share of right answers of a softmax regression."""
    from sklearn.linear_model import LogisticRegression

    scale = known.std(axis=0) + 1e-12
    model = LogisticRegression(C=100.0, max_iter=5000).fit(known / scale, known_labels)
    return float(np.mean(model.predict(new / scale) == labels))
