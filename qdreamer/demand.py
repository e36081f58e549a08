"""What each way to a value has to do: tasks for workers and steps of the driver, in counts.

The names are those of the executors of circuit cutting, and the uncut ``full``, ``mps`` and ``device``. Every task and
step names the model that gives it seconds (`ROLES`); nothing here does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from .model import Features
from .plan_features import FragmentFeatures, PlanFeatures, power_of_two
from .workload import Workload

Kind = Literal["cpu", "gpu", "qpu"]

UNCUT = ("full", "mps", "device")
CUT = ("amplitude", "distinct", "branching", "reference")
EXECUTORS = (*UNCUT, *CUT)
ROLES: Mapping[str, str] = {
    "full": "statevector",
    "mps": "mps",
    "amplitude": "amplitude",
    "distinct": "subexperiments",
    "branching": "branching",
    "reference": "subexperiments",
    "contract": "contraction",
    "estimate": "contraction",
    "rows": "contraction",
    "rebuild": "reconstruction",
    "dispatch": "dispatch",
}
"""Law of each model that a cost model has: one for the tasks of each executor, and those of the driver's steps."""
CACHED_BITS = 20
"""A state vector of more qubits is in no cache of one core, so that memory's bandwidth counts."""
THREADED_BITS = 14
"""Aer computes wider states than this with several threads."""
PORTION_S = 0.025
"""Small tasks of a cut are packed into portions of about this length, except those of the published way."""
STATE_COPIES = 1.25
"""A dense simulation holds its state and, for a moment, part of a second one."""
MPS_COPIES = 3.0
"""An update holds the pair tensor and its factors beside the state."""


@dataclass(frozen=True, slots=True)
class Job:
    """Equal tasks of one kind.

    Attributes
    ----------
    role, features
        Which model gives its seconds, and its features, for one task.
    count
        How many.
    kinds
        Kinds of workers that can run it.
    memory
        Bytes of its working set on a CPU or GPU.
    width, gates, depth, shots
        What a GPU or QPU needs to know: ``gates`` of the task together, ``shots`` of one circuit.
    passes
        Amplitudes that the gates pass over, all shots and branches included.
    repeats
        How often its gates are applied: shots, where each is simulated anew.
    bytes
        Of its result, where it is large; what small results cost is in the cost of a task.
    """

    role: str
    features: Features
    count: int
    kinds: tuple[Kind, ...]
    memory: float
    width: int
    gates: float
    depth: int
    shots: int
    passes: float
    repeats: float = 1.0
    bytes: float = 0.0


@dataclass(frozen=True, slots=True)
class Demand:
    """What an executor has to do.

    Attributes
    ----------
    executor
        Its name.
    cuts
        0 for the whole circuit.
    jobs
        For workers.
    steps
        Of the driver: stage, role, features.
    planning_s
        Seconds that are known already: finding the cuts.
    driver_memory
        Bytes that the driver needs for reconstruction.
    plan
        The cuts; None for the whole circuit.
    grain_s
        Tasks are packed together up to about this many seconds.
    """

    executor: str
    cuts: int
    jobs: tuple[Job, ...]
    steps: tuple[tuple[str, str, Features], ...]
    planning_s: float = 0.0
    driver_memory: float = 0.0
    plan: PlanFeatures | None = None
    grain_s: float = 0.0

    @property
    def tasks(self) -> int:
        """Number of tasks."""
        return sum(job.count for job in self.jobs)

    @property
    def bytes(self) -> float:
        """Bytes of the large results of all tasks."""
        return sum(job.count * job.bytes for job in self.jobs)


def uncut(executor: str, workload: Workload, *, shots: int, threads: int = 1) -> Demand:
    """Return what the whole circuit demands of ``full``, ``mps`` or ``device``.

    Parameters
    ----------
    executor
        One of `UNCUT`.
    workload
        The analysed circuit.
    shots
        0 for an exact value; a device always samples.
    threads
        Cores of the one task.
    """
    terms = len(workload.observable.terms)
    if executor == "mps":
        bonds = workload.bonds
        features: Features = {
            "gates": workload.gates,
            "controlled": _controlled(workload),
            "updates": bonds.updates,
            "touched": bonds.touched,
            "svd": bonds.svd,
            "readout": bonds.readout * terms,
        }
        job = _whole(executor, features, workload, shots, memory=16.0 * bonds.amplitudes * MPS_COPIES)
    elif executor == "device":
        job = _whole(executor, {}, workload, shots * terms, memory=0.0)
    else:
        width = workload.n_qubits
        over = workload.passes * power_of_two(width)
        features = {
            "circuits": 1,
            "gates": workload.gates,
            "controlled": _controlled(workload),
            "amplitudes": over,
            "uncached": over if width > CACHED_BITS else 0.0,
            "readout": terms * power_of_two(width),
            "threads": threads if width > THREADED_BITS else 1,
        }
        memory = 16.0 * power_of_two(workload.n_qubits) * STATE_COPIES
        job = _whole(executor, features, workload, shots, memory=memory)
    return Demand(executor, 0, (job,), ())


_CONTROLLED = ("cp", "cu1", "crx", "cry", "crz", "cu", "cu3")


def _controlled(workload: Workload) -> int:
    return sum(workload.kinds.get(name, 0) for name in _CONTROLLED)


_RUN_ON: Mapping[str, tuple[Kind, ...]] = {"full": ("cpu", "gpu"), "mps": ("cpu",), "device": ("qpu",)}


def _whole(executor: str, features: Features, workload: Workload, shots: int, *, memory: float) -> Job:
    return Job(
        role=executor,
        features=features,
        count=1,
        kinds=_RUN_ON[executor],
        memory=memory,
        width=workload.n_qubits,
        gates=workload.gates,
        depth=workload.depth,
        shots=shots,
        passes=float(features.get("amplitudes", 0.0)),
    )


def cut(executor: str, plan: PlanFeatures, *, shots: int, statistics: str = "distinct") -> Demand:
    """Return what a cut plan demands of an executor.

    Parameters
    ----------
    executor
        One of `CUT`.
    plan
        The cuts.
    shots
        Of each subexperiment; 0 for the exact value of ``amplitude``.
    statistics
        Whose shots ``amplitude`` draws: those of ``"distinct"`` or of the published ``"rows"``.
    """
    jobs, steps = _MAKERS[executor](plan, shots)
    if executor == "amplitude" and shots:
        steps = [_rows(plan) if statistics == "rows" else _drawing(plan)]
    memory = 16.0 * plan.largest_tensor if executor != "reference" else 8.0 * plan.rows * shots
    grain_s = 0.0 if executor == "reference" else PORTION_S
    return Demand(executor, plan.cuts, tuple(jobs), tuple(steps), plan.planning_s, memory, plan, grain_s)


_Made = tuple[list[Job], list[tuple[str, str, Features]]]


def _amplitude(plan: PlanFeatures, _shots: int) -> _Made:
    jobs = [
        Job(
            role="amplitude",
            features={
                "fragments": 1,
                "steps": one.steps or one.gates,
                "moved": one.moved or one.amplitudes,
                "uncached": one.uncached,
                "flops": one.flops or 4.0 * one.amplitudes,
                "gram": one.gram,
                "overlaps": one.parts * float(one.states) ** 2,
            },
            count=1,
            kinds=("cpu", "gpu"),
            memory=one.amplitude_bytes,
            width=one.width,
            gates=one.gates,
            depth=one.depth,
            shots=0,
            passes=one.amplitudes,
            bytes=16.0 * one.parts * float(one.states) ** 2,
        )
        for one in plan.fragments
    ]
    return jobs, [_contraction(plan)]


def _distinct(plan: PlanFeatures, shots: int) -> _Made:
    counts = [(one, (one.variants, one.mid_variants)) for one in plan.fragments]
    jobs = [job for one, count in counts for job in _sampled("distinct", one, count, shots=shots)]
    return jobs, [_estimation(plan)]


def _reference(plan: PlanFeatures, shots: int) -> _Made:
    jobs = [job for one in plan.fragments for job in _sampled("reference", one, (one.rows, one.mid_rows), shots=shots)]
    return jobs, [("reconstruct", "rebuild", {"rows": plan.rows, "shots": shots})]


def _branching(plan: PlanFeatures, shots: int) -> _Made:
    jobs: list[Job] = []
    for one in plan.fragments:
        for count, states in (
            (one.variants - one.mid_variants, 1.0),
            (one.mid_variants, one.branches / max(1, one.mid_variants)),
        ):
            passes = states * one.gates * power_of_two(one.width)
            features = {"circuits": 1, "branch_gates": states * one.gates, "branch_amplitudes": passes, "shots": shots}
            jobs.append(_variant("branching", features, one, count, shots=shots, repeats=states))
    return [job for job in jobs if job.count], [_estimation(plan)]


_MAKERS: Mapping[str, Callable[[PlanFeatures, int], _Made]] = {
    "amplitude": _amplitude,
    "distinct": _distinct,
    "branching": _branching,
    "reference": _reference,
}


def _sampled(role: str, one: FragmentFeatures, counts: tuple[float, float], *, shots: int) -> list[Job]:
    """Return the subexperiments of a fragment: those sampled from their final state, and those run shot by shot."""
    passes = one.gates * power_of_two(one.width)
    plain = {"circuits": 1, "gates": one.gates, "amplitudes": passes, "shots": shots}
    slow = {**plain, "mid_shot_gates": shots * one.gates, "mid_shot_amplitudes": shots * passes}
    fast = {**plain, "mid_shot_gates": 0, "mid_shot_amplitudes": 0}
    total, mid = (round(count) for count in counts)
    jobs = [
        _variant(role, fast, one, total - mid, shots=shots, repeats=1.0),
        _variant(role, slow, one, mid, shots=shots, repeats=float(shots)),
    ]
    return [job for job in jobs if job.count]


def _variant(role: str, features: Features, one: FragmentFeatures, count: int, *, shots: int, repeats: float) -> Job:
    return Job(
        role=role,
        features=features,
        count=count,
        kinds=("cpu", "gpu", "qpu"),
        memory=one.state_bytes * STATE_COPIES,
        width=one.width,
        gates=one.gates,
        depth=one.depth,
        shots=shots,
        passes=repeats * one.gates * power_of_two(one.width),
        repeats=repeats,
    )


def _contraction(plan: PlanFeatures) -> tuple[str, str, Features]:
    return "reconstruct", "contract", {"tensors": plan.terms * len(plan.fragments), "flops": plan.flops}


def _estimation(plan: PlanFeatures) -> tuple[str, str, Features]:
    """Return the contraction of sampled values and of their slopes: one contraction a fragment, and one more."""
    return _contractions(plan, len(plan.fragments) + 1)


def _drawing(plan: PlanFeatures) -> tuple[str, str, Features]:
    """Return the same with shots dealt out and drawn before, which takes one more contraction a fragment."""
    return _contractions(plan, 2 * len(plan.fragments) + 1)


def _contractions(plan: PlanFeatures, number: int) -> tuple[str, str, Features]:
    """Return so many contractions of all tensors and links, which visit every variant."""
    tensors = float(plan.terms * number * (len(plan.fragments) + plan.cuts))
    return "reconstruct", "estimate", {"tensors": tensors, "flops": number * (plan.flops + plan.variants)}


def _rows(plan: PlanFeatures) -> tuple[str, str, Features]:
    """Return the drawing of every published row for itself."""
    return "reconstruct", "rows", {"tensors": float(plan.terms * len(plan.fragments)), "flops": plan.rows * plan.cuts}


def totals(jobs: Sequence[Job], role: str) -> Features:
    """Return the features of all tasks of a role together; laws are linear, so they may be fitted to sums."""
    found: dict[str, float] = {}
    for job in (job for job in jobs if job.role == role):
        for name, amount in job.features.items():
            found[name] = amount if name == "threads" else found.get(name, 0.0) + job.count * amount
    return found
