"""The pipeline on the driver's side: a graph of tasks, and pilots that come and go with its wide stage."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from pilot_quantum import PilotDescription, PilotView, Resources, Runtime, Task, TaskDescription

from .._app import Features, Measurement, Metric, Unsupported
from .._qml.backend import GpuMissing
from .._qml.cifar import CLASSES, Split
from .._qml.compression import Recipe
from .._qml.images import ImageSource
from .kernels import (
    Compressed,
    Evaluation,
    Progress,
    Training,
    begin,
    compress_shard,
    encode_shard,
    evaluate,
    train_pass,
)

if TYPE_CHECKING:
    from .params import QmlPipeline

STAGES: Final = ("encode", "compress", "train", "evaluate")
_PRIORITY: Final = {"encode": 2, "compress": 1, "train": 3, "evaluate": 3}


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What the pipeline gives: circuits of both parts, the trained classifier, its evaluation."""

    tests: tuple[Compressed, ...]
    trained: Progress
    evaluation: Evaluation


@dataclass(slots=True)
class _Wide:
    """The pilot of the wide stage.

    Attributes
    ----------
    view
        None while it is not held.
    start_s, end_s
        When it was requested and released, seconds of the driver's monotonic clock.
    """

    runtime: Runtime
    template: PilotDescription
    view: PilotView | None = None
    start_s: float = 0.0
    end_s: float = 0.0

    def hold(self) -> None:
        self.start_s = time.monotonic()
        self.view = self.runtime.request_pilot(self.template)

    def release(self) -> None:
        if self.view is not None:
            self.runtime.release(self.view)
            self.view, self.end_s = None, time.monotonic()


@dataclass(slots=True)
class _Graph:
    """Submits tasks of stages and remembers them by stage."""

    params: QmlPipeline
    runtime: Runtime
    narrow: tuple[str, ...]
    tasks: dict[str, list[Task]] = field(default_factory=lambda: {stage: [] for stage in STAGES})

    def submit(self, stage: str, function: Any, *args: Any) -> Task:
        """Submit a task; training and evaluation stay on the pilots that are held all the time."""
        gpus = float(self.params.train_device == "gpu" and stage in ("train", "evaluate"))
        task = TaskDescription(
            function,
            args,
            name=stage,
            priority=_PRIORITY[stage],
            pilot=self.narrow if stage in ("train", "evaluate") else None,
            resources=Resources(gpus=gpus),
        )
        new = self.runtime.submit(task)
        self.tasks[stage].append(new)
        return new


def run(params: QmlPipeline, runtime: Runtime) -> Measurement:
    """Run the pipeline.

    Stages: ``encode``, ``compress``, ``train``, ``evaluate`` one after the other, or ``stream`` for all of them at
    once.

    Raises
    ------
    Unsupported
        If a GPU is asked for and no pilot, or no installed JAX, has one.
    """
    narrow = runtime.pilots()
    if params.train_device == "gpu" and not sum(pilot.gpus for pilot in narrow):
        raise Unsupported(
            "train_device = 'gpu': no GPU is present: no pilot of this case holds one (gpus_per_node = 0)"
        )
    graph = _Graph(params, runtime, tuple(pilot.name for pilot in narrow))
    wide = _Wide(runtime, PilotDescription(engine="processes", cores_per_node=params.wide_cores))
    start_s = time.monotonic()
    try:
        if params.allocation == "static":
            wide.hold()
        answer = (_streaming if params.schedule == "streaming" else _staged)(graph, wide)
    except GpuMissing as error:
        raise Unsupported(f"train_device = 'gpu': {error}") from error
    finally:
        wide.release()
    end_s = time.monotonic()
    cores = sum(pilot.cores for pilot in narrow)
    metrics = {**_answers(params, answer), **_times(graph, wide, cores, (start_s, end_s))}
    return Measurement(answer, metrics, digest(answer))


# ---------------------------------------------------------------- the graph


def _shards(params: QmlPipeline) -> list[tuple[Split, int, int]]:
    """Return the shards in order: those for training, then those for testing."""
    parts: list[tuple[Split, int]] = [("train", params.n_train), ("test", params.n_test)]
    size = params.shard_size
    return [(split, start, min(start + size, n)) for split, n in parts for start in range(0, n, size)]


def _encode(graph: _Graph) -> list[Task]:
    images = images_of(graph.params)
    return [graph.submit("encode", encode_shard, images, *shard) for shard in _shards(graph.params)]


def _compress(graph: _Graph, encoded: Sequence[Task]) -> list[Task]:
    return [graph.submit("compress", compress_shard, shard, recipe_of(graph.params)) for shard in encoded]


def _train(graph: _Graph, compressed: Sequence[Task]) -> Task | Progress:
    params, training = graph.params, training_of(graph.params)
    progress: Task | Progress = begin(training)
    for shard in compressed:
        progress = graph.submit("train", train_pass, progress, shard, training, params.epochs_per_shard)
    return graph.submit("train", train_pass, progress, None, training, params.final_epochs)


def _evaluate(graph: _Graph, trained: Any, compressed: Sequence[Task]) -> Task:
    return graph.submit("evaluate", evaluate, trained, training_of(graph.params), *compressed)


def _streaming(graph: _Graph, wide: _Wide) -> Answer:
    """Submit the whole graph; each task starts when its own inputs are there."""
    runtime, n_train = graph.runtime, graph.params.n_train // graph.params.shard_size
    with runtime.stage("stream"):
        if wide.view is None:
            wide.hold()
        compressed = _compress(graph, _encode(graph))
        trained = _train(graph, compressed[:n_train])
        evaluation = _evaluate(graph, trained, compressed[n_train:])
        runtime.gather(compressed)
        if graph.params.allocation == "adaptive":
            wide.release()
        runtime.gather([evaluation])
    return _answer(graph, compressed[n_train:])


def _staged(graph: _Graph, wide: _Wide) -> Answer:
    """Run one stage after the other: each waits for all tasks of the one before."""
    runtime, n_train = graph.runtime, graph.params.n_train // graph.params.shard_size
    with runtime.stage("encode"):
        encoded = _encode(graph)
        runtime.gather(encoded)
    with runtime.stage("compress"):
        if wide.view is None:
            wide.hold()
        compressed = _compress(graph, encoded)
        runtime.gather(compressed)
        if graph.params.allocation == "adaptive":
            wide.release()
    with runtime.stage("train"):
        trained = _train(graph, compressed[:n_train])
        runtime.gather(graph.tasks["train"])
    with runtime.stage("evaluate"):
        runtime.gather([_evaluate(graph, trained, compressed[n_train:])])
    return _answer(graph, compressed[n_train:])


def _answer(graph: _Graph, tests: Sequence[Task]) -> Answer:
    return Answer(
        tuple(task.result() for task in tests),
        graph.tasks["train"][-1].result(),
        graph.tasks["evaluate"][-1].result(),
    )


def images_of(params: QmlPipeline) -> ImageSource:
    """Return the data set."""
    return ImageSource(params.source, params.path or "", params.image_size, params.seed)


def recipe_of(params: QmlPipeline) -> Recipe:
    """Return how one state is compressed."""
    return Recipe(params.n_wires, params.layers, params.sweeps, params.refinement, params.iterations)


def training_of(params: QmlPipeline) -> Training:
    """Return how the classifier is trained."""
    return Training(
        recipe_of(params),
        params.classifier_layers,
        CLASSES,
        params.batch_size,
        params.learning_rate,
        params.seed,
        params.train_device,
    )


# ---------------------------------------------------------------- numbers


def digest(answer: Answer) -> str:
    """Return the SHA-256 of all angles, the weights and the test logits."""
    found = sha256()
    shards = (*answer.trained.shards, *answer.tests)
    for array in (*(shard.angles for shard in shards), answer.trained.weights, answer.evaluation.logits):
        found.update(np.ascontiguousarray(array.astype("<f8")).tobytes())
    return found.hexdigest()


def _answers(params: QmlPipeline, answer: Answer) -> dict[str, Metric]:
    fidelities = np.concatenate([shard.fidelities for shard in (*answer.trained.shards, *answer.tests)])
    share, n = answer.evaluation.accuracy, params.n_test
    z = 1.96
    middle, spread = share + z * z / (2 * n), z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low, high = (float((middle + sign * spread) / (1 + z * z / n)) for sign in (-1, 1))
    baselines = {f"baseline_{name}_accuracy": Metric(value, "1") for name, value in answer.evaluation.baselines.items()}
    return {
        "fidelity_mean": Metric(float(fidelities.mean()), "1", "higher"),
        "fidelity_min": Metric(float(fidelities.min()), "1", "higher"),
        "test_accuracy": Metric(share, "1", "higher"),
        "test_accuracy_low": Metric(low, "1"),  # Wilson's 95 % interval
        "test_accuracy_high": Metric(high, "1"),
        "weights": Metric(int(answer.trained.weights.size), "1"),
        "baseline_parameters": Metric(answer.evaluation.baseline_parameters, "1"),
        **baselines,
        "train_loss_first": Metric(answer.trained.losses[0], "1"),
        "train_loss_last": Metric(answer.trained.losses[-1], "1", "lower"),
    }


def _times(graph: _Graph, wide: _Wide, cores: int, span: tuple[float, float]) -> dict[str, Metric]:
    """Return the makespan, when each stage and the wide pilot began and ended, and core-seconds.

    Stage times are from the first dispatch to the last return, both on the driver's clock.
    """
    start_s, end_s = span
    makespan_s = end_s - start_s
    held_s = wide.end_s - wide.start_s
    whole_s = (cores + graph.params.wide_cores) * makespan_s
    kept_s = cores * makespan_s + graph.params.wide_cores * held_s
    metrics = {"time_to_value_s": Metric(makespan_s, "s", "lower")}
    busy_s = 0.0
    for stage, tasks in graph.tasks.items():
        traces = [task.trace() for task in tasks]
        begun = min((t.dispatched_s for t in traces if t.dispatched_s is not None), default=start_s)
        ended = max((t.returned_s for t in traces if t.returned_s is not None), default=start_s)
        run_s = sum(t.run_s or 0.0 for t in traces)
        busy_s += run_s
        metrics[f"{stage}_start_s"] = Metric(begun - start_s, "s")
        metrics[f"{stage}_end_s"] = Metric(ended - start_s, "s")
        metrics[f"{stage}_run_s"] = Metric(run_s, "s", "lower")
        metrics[f"{stage}_tasks"] = Metric(len(tasks), "tasks")
    return {
        **metrics,
        "wide_start_s": Metric(wide.start_s - start_s, "s"),
        "wide_end_s": Metric(wide.end_s - start_s, "s"),
        "core_seconds": Metric(kept_s, "core·s", "lower"),
        "core_seconds_busy": Metric(busy_s, "core·s"),
        "core_seconds_saved": Metric(whole_s - kept_s, "core·s", "higher"),
        "narrow_cores": Metric(cores, "cores"),
    }


def estimate(params: QmlPipeline) -> Features:
    """Count what the pipeline costs."""
    shards = _shards(params)
    train = params.n_train // params.shard_size + 1
    passes = params.sweeps + params.iterations * (params.refinement != "none")
    gates = params.layers * (params.n_wires - 1)
    images = params.n_train + params.n_test
    return Features(
        tasks=2 * len(shards) + train + 1,
        memory_per_task=16 * images * 2**params.n_wires + 400 * 2**20,
        gates=images * passes * gates,
        extra={"images": images, "n_qubits": params.n_wires, "shards": len(shards), "passes": passes},
    )
