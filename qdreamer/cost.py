"""Our cost model: laws for the parts, list scheduling for the whole, an interval for the sum.

``seconds = planning + max(list schedule, dispatch) + reconstruction``, with a model for each kind of task and step.
Deviations of different models are taken as independent and added in quadrature; those of tasks of one model as common
to all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil, hypot, inf

from .demand import Demand, Job, Kind
from .model import Features, Model, Prediction
from .resources import Gpu, Qpu, Resources
from .schedule import TaskGroup, WorkerGroup, makespan

PROCESS_BYTES = 300 * 2**20
"""A worker process with its simulator loaded."""
GPU_CONTEXT_BYTES = 600 * 2**20
_GPU_SHOT_S = 2e-8
_TYPED_IN = 3.0
"""Factor either way of a time that follows from typed-in properties of a device."""


class NoModel(LookupError):
    """The cost model has no law that a task needs; the message names it."""


@dataclass(frozen=True, slots=True)
class Workers:
    """Workers that are used together: a number of each kind."""

    cpu: int = 0
    gpu: int = 0
    qpu: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.cpu + self.gpu + self.qpu

    def of(self, kind: Kind) -> int:
        """Return the number of one kind."""
        counts: Mapping[Kind, int] = {"cpu": self.cpu, "gpu": self.gpu, "qpu": self.qpu}
        return counts[kind]

    def __str__(self) -> str:
        names = {"cpu": "core", "gpu": "GPU", "qpu": "QPU"}
        counts = [(self.of("cpu"), names["cpu"]), (self.of("gpu"), names["gpu"]), (self.of("qpu"), names["qpu"])]
        return " + ".join(f"{count} {name}{'s' if count > 1 else ''}" for count, name in counts if count) or "nothing"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a way to the value costs.

    Attributes
    ----------
    seconds
        Projected time to value.
    stages
        Seconds of ``plan``, ``generate``, ``execute``, ``reconstruct``, as far as there are such stages.
    memory
        Bytes that one worker of each used kind needs, the largest.
    """

    seconds: Prediction
    stages: Mapping[str, float]
    memory: float


@dataclass(frozen=True, slots=True)
class CostModel:
    """Fitted laws by name, and the machine they were fitted on.

    Attributes
    ----------
    models
        A model for each role of `qdreamer.demand.ROLES`; missing ones make their executors unavailable.
    name
        For captions.
    fingerprint
        The machine that was calibrated; empty for typed-in coefficients.
    """

    models: Mapping[str, Model]
    name: str = "typed in"
    fingerprint: Mapping[str, str] = field(default_factory=dict)
    _cache: dict[tuple[str, tuple[tuple[str, float], ...]], Prediction] = field(default_factory=dict, repr=False)

    def predict(self, role: str, features: Features) -> Prediction:
        """Return the seconds of one task or step.

        Raises
        ------
        NoModel
            If there is no model for it.
        """
        if role not in self.models:
            raise NoModel(f"no model of {role!r}; there are: {', '.join(sorted(self.models)) or 'none'}")
        key = role, tuple(sorted(features.items()))
        if key not in self._cache:
            self._cache[key] = self.models[role].predict(features)
        return self._cache[key]

    def cost(self, demand: Demand, workers: Workers, resources: Resources) -> Cost:
        """Return what a demand costs on some of the resources.

        Raises
        ------
        NoModel
            If a model is missing.
        qdreamer.schedule.NoWorker
            If some task cannot run on these workers.
        """
        jobs = [(job, self.seconds_on(job, workers, resources)) for job in demand.jobs]
        execute, spread = self._execution(jobs, workers, demand)
        parts = [(stage, self.predict(role, features)) for stage, role, features in demand.steps]
        stages: dict[str, float] = {"plan": demand.planning_s} if demand.planning_s else {}
        for stage, found in [("execute", execute), *parts]:
            stages[stage] = stages.get(stage, 0.0) + found.value
        spreads = [spread, *(found for _, found in parts)]
        total = sum(stages.values())
        low = total - hypot(*(one.value - one.low for one in spreads))
        high = total + hypot(*(one.high - one.value for one in spreads))
        outside = any(found.extrapolated for found in [*spreads, *(p for _, on in jobs for p in on.values())])
        memory = max((needed(job, kind) for job, on in jobs for kind in on), default=0.0)
        return Cost(Prediction(total, max(low, 0.0), high, outside), stages, memory)

    def _execution(
        self, jobs: Sequence[tuple[Job, Mapping[Kind, Prediction]]], workers: Workers, demand: Demand
    ) -> tuple[Prediction, Prediction]:
        groups = [TaskGroup(job.count, {kind: p.value for kind, p in on.items()}) for job, on in jobs]
        work = sum(job.count * min((p.value for p in on.values()), default=0.0) for job, on in jobs)
        portions = max(1, ceil(work / demand.grain_s)) if demand.grain_s else workers.total
        sent = min(demand.tasks, max(portions, workers.total)) if demand.grain_s else demand.tasks
        batch, per_task = self._dispatch(sent, demand.bytes)
        there = [WorkerGroup(kind, min(portions, workers.of(kind))) for kind in _KINDS if workers.of(kind)]
        each = per_task * sent / max(1, demand.tasks)
        seconds = batch + makespan(groups, there, dispatch_s=each)
        sums = [0.0, 0.0, 0.0]
        for job, on in jobs:
            for place, pick in enumerate(("low", "value", "high")):
                sums[place] += job.count * min((getattr(p, pick) for p in on.values()), default=0.0)
        middle = sums[1] or 1.0
        whole = Prediction(seconds, seconds * sums[0] / middle, seconds * sums[2] / middle)
        return whole, whole

    def _dispatch(self, tasks: int, moved: float) -> tuple[float, float]:
        """Return the seconds that a batch of tasks and its bytes wait at least, and those of one task at the driver."""
        if "dispatch" not in self.models:
            return 0.0, 0.0
        none, many = (self.predict("dispatch", {"tasks": n, "bytes": moved}).value for n in (0, max(tasks, 1)))
        return none, (many - none) / max(tasks, 1)

    def seconds_on(self, job: Job, workers: Workers, resources: Resources) -> dict[Kind, Prediction]:
        """Return the seconds of a task on each kind of these workers that can run it."""
        found: dict[Kind, Prediction] = {}
        if "cpu" in job.kinds and workers.cpu:
            found["cpu"] = _scaled(self.predict(job.role, job.features), 1.0 / resources.core_speed)
        if "gpu" in job.kinds and workers.gpu:
            gpus = [gpu for gpu in resources.gpus if needed(job, "gpu") <= gpu.memory]
            if gpus:
                found["gpu"] = _rough(max(_gpu_seconds(job, gpu) for gpu in gpus))
        if "qpu" in job.kinds and workers.qpu:
            qpus = [qpu for qpu in resources.qpus if qpu.n_qubits >= job.width]
            if qpus and job.shots > 0:
                found["qpu"] = _rough(max(_qpu_seconds(job, qpu) for qpu in qpus))
        return found


_KINDS: tuple[Kind, ...] = ("cpu", "gpu", "qpu")


def needed(job: Job, kind: Kind) -> float:
    """Return the bytes that a worker of a kind needs for a task of this job."""
    extra = {"cpu": PROCESS_BYTES, "gpu": GPU_CONTEXT_BYTES, "qpu": 0.0}[kind]
    return extra + (0.0 if kind == "qpu" else job.memory)


def misfit(demand: Demand, workers: Workers, resources: Resources) -> str | None:
    """Return why a demand does not fit on these workers, with the numbers; None if it fits.

    Every task must fit on each used kind of worker that runs its kind; the largest tasks may meet on one node. The
    driver rebuilds on the first node.
    """
    used = [kind for kind in _KINDS if workers.of(kind)]
    for job in demand.jobs:
        able = [kind for kind in used if kind in job.kinds]
        if not able:
            return f"tasks of {job.role!r} do not run on {workers}"
        if "qpu" in able and job.shots == 0:
            return "a QPU gives no exact value; state shots or a target error"
    reasons = (_misfit_of[kind](demand.jobs, workers, resources) for kind in used)
    reason = next((reason for reason in reasons if reason), None)
    if reason is None and demand.driver_memory + PROCESS_BYTES > resources.memory:
        return f"reconstruction needs {_gib(demand.driver_memory)}, a node has {_gib(resources.memory)}"
    return reason


def _misfit_cpu(jobs: Sequence[Job], workers: Workers, resources: Resources) -> str | None:
    places = ceil(workers.cpu / resources.nodes)
    at_once, total = 0, 0.0
    for job in sorted((job for job in jobs if "cpu" in job.kinds), key=lambda job: -job.memory):
        taken = min(job.count, places - at_once)
        at_once, total = at_once + taken, total + taken * needed(job, "cpu")
    if total > resources.memory:
        return f"{at_once} task(s) at once need {_gib(total)}, a node has {_gib(resources.memory)}"
    return None


def _misfit_gpu(jobs: Sequence[Job], _workers: Workers, resources: Resources) -> str | None:
    each = max((needed(job, "gpu") for job in jobs if "gpu" in job.kinds), default=0.0)
    smallest = min((gpu.memory for gpu in resources.gpus), default=0)
    return f"a task needs {_gib(each)}, a GPU has {_gib(smallest)}" if each > smallest else None


def _misfit_qpu(jobs: Sequence[Job], _workers: Workers, resources: Resources) -> str | None:
    width = max((job.width for job in jobs if "qpu" in job.kinds), default=0)
    narrowest = min((qpu.n_qubits for qpu in resources.qpus), default=0)
    return f"{width} qubits, a QPU has {narrowest}" if width > narrowest else None


_misfit_of = {"cpu": _misfit_cpu, "gpu": _misfit_gpu, "qpu": _misfit_qpu}


def _gib(count: float) -> str:
    return "more than any machine" if count == inf else f"{count / 2**30:.3g} GiB"


def _scaled(found: Prediction, factor: float) -> Prediction:
    return Prediction(found.value * factor, found.low * factor, found.high * factor, found.extrapolated)


def _rough(seconds: float) -> Prediction:
    return Prediction(seconds, seconds / _TYPED_IN, seconds * _TYPED_IN, extrapolated=True)


def _gpu_seconds(job: Job, gpu: Gpu) -> float:
    """Return seconds of a task that reads and writes each amplitude (16 bytes) once a gate, and starts its kernel."""
    return job.gates * job.repeats * gpu.launch_s + 2.0 * 16.0 * job.passes / gpu.bandwidth + job.shots * _GPU_SHOT_S


def _qpu_seconds(job: Job, qpu: Qpu) -> float:
    """Return the vendor's usage estimate of one job; see `qdreamer.models.qpu_duration`."""
    return qpu.job_s + job.shots * (qpu.repetition_s + qpu.readout_s + job.depth * qpu.layer_s)
