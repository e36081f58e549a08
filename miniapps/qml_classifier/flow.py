"""The classifier on the driver's side: one timing task, one training, or many."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pilot_quantum import Resources, Runtime, TaskDescription

from .._app import Features, Measurement, Metric, Unsupported
from .._qml import classifier
from .._qml.backend import GpuMissing, started
from .._qml.images import ImageSource
from .kernels import (
    Floats,
    Setting,
    Sizes,
    Timed,
    Trained,
    batches,
    held_out,
    logits,
    shard_gradient,
    time_steps,
    train,
)
from .params import CLASSES

if TYPE_CHECKING:
    from .params import QmlClassifier

_TRIAL_STREAM = 13


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """One training with the setting it used."""

    setting: Setting
    trained: Trained


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What came out: timed steps, or trainings with the chosen one first."""

    timed: Timed | None = None
    trials: tuple[Trial, ...] = ()


def run(params: QmlClassifier, runtime: Runtime) -> Measurement:
    """Do what the case's ``task`` says; its name is that of the stage.

    Raises
    ------
    Unsupported
        If a GPU is asked for and no pilot, or no installed JAX, has one.
    """
    if params.device == "gpu" and not sum(pilot.gpus for pilot in runtime.pilots()):
        raise Unsupported("device = 'gpu': no GPU is present: no pilot of this case holds one (gpus_per_node = 0)")
    start_s = time.perf_counter()
    try:
        with runtime.stage(params.task):
            answer, metrics = _TASKS[params.task](params, runtime)
    except GpuMissing as error:
        raise Unsupported(f"device = 'gpu': {error}") from error
    whole = {"time_to_value_s": Metric(time.perf_counter() - start_s, "s", "lower")}
    return Measurement(answer, {**whole, **metrics}, digest(answer))


def digest(answer: Answer) -> str:
    """Return the SHA-256 of loss and gradient, or of all trained weights and test logits."""
    arrays: list[NDArray[Any]] = []
    if answer.timed is not None:
        arrays = [np.array([answer.timed.loss]), answer.timed.gradient]
    for trial in answer.trials:
        arrays += [trial.trained.weights, trial.trained.test]
    found = sha256()
    for array in arrays:
        found.update(np.ascontiguousarray(array.astype("<f8")).tobytes())
    return found.hexdigest()


def setting_of(params: QmlClassifier) -> Setting:
    """Return the setting that the parameters name."""
    return Setting(
        ImageSource(params.source, params.path or "", params.image_size, params.seed),
        params.mode,
        params.layers,
        CLASSES,
        params.batch_size,
        params.precision,
        params.learning_rate,
        params.device,
    )


def sizes_of(params: QmlClassifier) -> Sizes:
    """Return how many images a training uses; only a search validates."""
    return Sizes(params.n_train, params.n_validation if params.task == "search" else 0, params.n_test, params.epochs)


def estimate(params: QmlClassifier) -> Features:
    """Count what the case costs."""
    epoch = params.n_train // params.batch_size
    steps = {
        "step": 1 + params.steps,
        "train": params.epochs * epoch,
        "search": params.n_trials * params.epochs * epoch,
    }
    tasks = {"step": 1, "train": 1 if params.shards == 1 else params.epochs * epoch * params.shards}
    images = params.batch_size if params.task == "step" else params.n_train + params.n_validation + params.n_test
    gates = params.layers * 2 * params.n_wires
    return Features(
        tasks=tasks.get(params.task, params.n_trials),
        memory_per_task=memory(params),
        gates=3 * gates * params.batch_size * steps[params.task],
        extra={"images": images, "n_qubits": params.n_wires, "steps": steps[params.task], "weights": 3 * gates / 2},
    )


def memory(params: QmlClassifier) -> int:
    """Return the bytes of one task: the states of its images, some copies of a batch, and the libraries."""
    images = params.batch_size if params.task == "step" else params.n_train + params.n_validation + params.n_test
    copies = (8 if params.mode in ("direct", "fused") else 40) * params.layers
    return int((8 * images + 16 * copies * params.batch_size) * 2**params.n_wires + 400 * 2**20)


def _resources(params: QmlClassifier) -> Resources:
    return Resources(gpus=1.0 if params.device == "gpu" else 0.0, memory=memory(params))


def _submit(params: QmlClassifier, runtime: Runtime, function: Callable[..., Any], *args: Any) -> Any:
    return runtime.submit(TaskDescription(function, args, resources=_resources(params)))


# ---------------------------------------------------------------- tasks


def _step(params: QmlClassifier, runtime: Runtime) -> tuple[Answer, dict[str, Metric]]:
    (timed,) = runtime.gather([_submit(params, runtime, time_steps, setting_of(params), params.steps)])
    middle = float(np.median(timed.step_s))
    metrics = {
        "step_s": Metric(middle, "s", "lower"),
        "step_min_s": Metric(float(timed.step_s.min()), "s", "lower"),
        "step_max_s": Metric(float(timed.step_s.max()), "s", "lower"),
        "first_call_s": Metric(timed.first_call_s, "s", "lower"),
        "throughput": Metric(params.batch_size / middle, "images/s", "higher"),
        "loss": Metric(timed.loss, "1"),
    }
    return Answer(timed=timed), metrics


def _train(params: QmlClassifier, runtime: Runtime) -> tuple[Answer, dict[str, Metric]]:
    setting, sizes = setting_of(params), sizes_of(params)
    if params.shards > 1:
        trained = _data_parallel(params, runtime)
    else:
        (trained,) = runtime.gather([_submit(params, runtime, train, setting, sizes)])
    return Answer(trials=(Trial(setting, trained),)), _training_metrics(params, [Trial(setting, trained)])


def _search(params: QmlClassifier, runtime: Runtime) -> tuple[Answer, dict[str, Metric]]:
    settings, sizes = trial_settings(params), sizes_of(params)
    found = runtime.gather([_submit(params, runtime, train, setting, sizes) for setting in settings])
    trials = [Trial(setting, trained) for setting, trained in zip(settings, found, strict=True)]
    chosen = min(trials, key=lambda trial: (-validation_accuracy(params, trial), trial.trained.losses[-1]))
    ordered = [chosen, *(trial for trial in trials if trial is not chosen)]
    metrics = {
        **_training_metrics(params, ordered),
        "chosen_learning_rate": Metric(chosen.setting.learning_rate, "1"),
        "validation_accuracy": Metric(validation_accuracy(params, chosen), "1", "higher"),
    }
    return Answer(trials=tuple(ordered)), metrics


_TASKS: dict[str, Callable[[Any, Runtime], tuple[Answer, dict[str, Metric]]]] = {
    "step": _step,
    "train": _train,
    "search": _search,
}


def trial_settings(params: QmlClassifier) -> list[Setting]:
    """Return the settings of a search: learning rates drawn log-uniformly between 0.001 and 0.3, other weights each."""
    rng = np.random.default_rng((params.seed, _TRIAL_STREAM))
    rates = 10 ** rng.uniform(-3, np.log10(0.3), params.n_trials)
    return [replace(setting_of(params), learning_rate=float(rate)) for rate in rates]


def validation_accuracy(params: QmlClassifier, trial: Trial) -> float:
    """Return the share of right answers of a trial on the images that choose."""
    return accuracy(trial.trained.validation, labels_of(params, held_out(sizes_of(params))[0]))


def labels_of(params: QmlClassifier, span: tuple[Any, int, int]) -> NDArray[np.int64]:
    """Return the classes of images."""
    from .kernels import data

    return data(setting_of(params).images, *span)[1]


def accuracy(found: Floats, labels: NDArray[np.int64]) -> float:
    """Return the share of images whose largest logit is that of their class."""
    return float(np.mean(found.argmax(axis=1) == labels))


def wilson(share: float, n: int, z: float = 1.96) -> tuple[float, float]:
    """Return Wilson's 95 % interval of a share of ``n``."""
    middle, spread = share + z * z / (2 * n), z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return float((middle - spread) / (1 + z * z / n)), float((middle + spread) / (1 + z * z / n))


def _training_metrics(params: QmlClassifier, trials: Sequence[Trial]) -> dict[str, Metric]:
    best = trials[0].trained
    share = accuracy(best.test, labels_of(params, held_out(sizes_of(params))[1]))
    low, high = wilson(share, params.n_test)
    curves = {
        f"{name}_epoch_{epoch + 1}": Metric(float(values[epoch]), "1")
        for name, values in (("loss", best.losses), ("accuracy", best.accuracies))
        for epoch in range(params.epochs)
    }
    return {
        "test_accuracy": Metric(share, "1", "higher"),
        "test_accuracy_low": Metric(low, "1"),
        "test_accuracy_high": Metric(high, "1"),
        "train_loss": Metric(float(best.losses[-1]), "1", "lower"),
        "train_accuracy": Metric(float(best.accuracies[-1]), "1", "higher"),
        "train_s": Metric(sum(trial.trained.train_s for trial in trials), "s", "lower"),
        "first_call_s": Metric(max(trial.trained.first_call_s for trial in trials), "s", "lower"),
        "weights": Metric(best.weights.size, "1"),
        **curves,
    }


def _data_parallel(params: QmlClassifier, runtime: Runtime) -> Trained:
    """Train with each batch shared by tasks: mean of their gradients, Adam here."""
    import optax

    setting, sizes = setting_of(params), sizes_of(params)
    started()
    adam = optax.adam(params.learning_rate)
    weights = classifier.initial_weights(params.n_wires, params.layers, params.seed)
    optimiser = adam.init(weights)
    losses, shares = np.zeros(sizes.epochs), np.zeros(sizes.epochs)
    start_s, first_call_s = time.perf_counter(), 0.0
    for epoch in range(sizes.epochs):
        rows = batches(sizes.n_train, params.batch_size, params.seed, epoch)
        for row in rows:
            parts = [
                _submit(params, runtime, shard_gradient, setting, sizes.n_train, part, weights)
                for part in np.array_split(row, params.shards)
            ]
            loss, share, gradient = (np.mean(column, axis=0) for column in zip(*runtime.gather(parts), strict=True))
            losses[epoch] += float(loss) / len(rows)
            shares[epoch] += float(share) / len(rows)
            updates, optimiser = adam.update(gradient, optimiser, weights)
            weights = np.asarray(optax.apply_updates(weights, updates), np.float64)
            first_call_s = first_call_s or time.perf_counter() - start_s
    train_s = time.perf_counter() - start_s
    validation, test = runtime.gather(
        [_submit(params, runtime, logits, setting, weights, span) for span in held_out(sizes)]
    )
    return Trained(weights, losses, shares, validation, test, train_s, first_call_s)
