"""What each way to a value has to do: tasks for workers and steps of the driver, in counts.

The names are those of the executors of circuit cutting, and the uncut ``full``, ``mps`` and ``device``. Every task and
step names the law that gives it seconds; nothing here does.
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
STATE_COPIES = 1.25
"""A dense simulation holds its state and, for a moment, part of a second one."""
MPS_COPIES = 3.0
"""An update holds the pair tensor and its factors beside the state."""
RESULT_BYTES = 4096.0


@dataclass(frozen=True, slots=True)
class Job:
    """Equal tasks of one kind.

    Attributes
    ----------
    law, features
        Law and features of one task.
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
    """

    law: str
    features: Features
    count: int
    kinds: tuple[Kind, ...]
    memory: float
    width: int
    gates: float
    depth: int
    shots: int
    passes: float


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
        Of the driver: stage, law, features.
    planning_s
        Seconds that are known already: finding the cuts.
    driver_memory
        Bytes that the driver needs for reconstruction.
    plan
        The cuts; None for the whole circuit.
    """

    executor: str
    cuts: int
    jobs: tuple[Job, ...]
    steps: tuple[tuple[str, str, Features], ...]
    planning_s: float = 0.0
    driver_memory: float = 0.0
    plan: PlanFeatures | None = None

    @property
    def tasks(self) -> int:
        """Number of tasks."""
        return sum(job.count for job in self.jobs)


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
    features = _dense(workload.n_qubits, workload.gates, 1, shots=shots * terms, threads=threads)
    if executor == "mps":
        bonds = workload.bonds
        law: Features = {"gates": workload.gates, "updates": bonds.updates, "svd": bonds.svd, "shots": shots * terms}
        memory = 16.0 * bonds.amplitudes * MPS_COPIES
        job = _job("mps", law, ("cpu",), workload=workload, shots=shots, memory=memory, passes=bonds.svd)
    elif executor == "device":
        job = _job("qpu", {}, ("qpu",), workload=workload, shots=shots * terms, memory=0.0, passes=0.0)
    else:
        memory = 16.0 * power_of_two(workload.n_qubits) * STATE_COPIES
        kinds: tuple[Kind, ...] = ("cpu", "gpu")
        passes = float(features["amplitudes"])
        job = _job("statevector", features, kinds, workload=workload, shots=shots, memory=memory, passes=passes)
    return Demand(executor, 0, (job,), ())


def _job(
    law: str,
    features: Features,
    kinds: tuple[Kind, ...],
    *,
    workload: Workload,
    shots: int,
    memory: float,
    passes: float,
) -> Job:
    return Job(
        law=law,
        features=features,
        count=1,
        kinds=kinds,
        memory=memory,
        width=workload.n_qubits,
        gates=workload.gates,
        depth=workload.depth,
        shots=shots,
        passes=passes,
    )


def cut(executor: str, plan: PlanFeatures, *, shots: int) -> Demand:
    """Return what a cut plan demands of an executor.

    Parameters
    ----------
    executor
        One of `CUT`.
    plan
        The cuts.
    shots
        Of each subexperiment; ``amplitude`` does not depend on them.
    """
    jobs, steps = _MAKERS[executor](plan, shots)
    memory = 16.0 * plan.largest_tensor if executor != "reference" else 8.0 * plan.rows * shots
    return Demand(executor, plan.cuts, tuple(jobs), tuple(steps), plan.planning_s, memory, plan)


_Made = tuple[list[Job], list[tuple[str, str, Features]]]


def _amplitude(plan: PlanFeatures, _shots: int) -> _Made:
    jobs = [
        Job(
            law="amplitude",
            features={
                "fragments": 1,
                "gates": one.gates,
                "amplitudes": one.amplitudes,
                "gram": one.gram,
            },
            count=1,
            kinds=("cpu", "gpu"),
            memory=one.amplitude_bytes,
            width=one.width,
            gates=one.gates,
            depth=one.depth,
            shots=0,
            passes=one.amplitudes,
        )
        for one in plan.fragments
    ]
    return jobs, [_generation(len(plan.fragments), sum(f.gates for f in plan.fragments)), _contraction(plan)]


def _distinct(plan: PlanFeatures, shots: int) -> _Made:
    jobs = [job for one in plan.fragments for job in _sampled(one, one.variants, one.mid_variants, shots=shots)]
    return jobs, [_generation(plan.variants, sum(f.variants * f.gates for f in plan.fragments)), _contraction(plan)]


def _reference(plan: PlanFeatures, shots: int) -> _Made:
    jobs = [job for one in plan.fragments for job in _sampled(one, one.rows, one.mid_rows, shots=shots)]
    rebuilt: Features = {"rows": plan.rows, "shots": shots}
    made = _generation(plan.rows, sum(f.rows * f.gates for f in plan.fragments))
    return jobs, [made, ("reconstruct", "reconstruction", rebuilt)]


def _branching(plan: PlanFeatures, shots: int) -> _Made:
    jobs: list[Job] = []
    for one in plan.fragments:
        jobs += _sampled(one, one.variants - one.mid_variants, 0, shots=shots)
        if one.mid_variants:
            states = one.branches / one.mid_variants
            passes = states * one.gates * power_of_two(one.width)
            features = {"circuits": 1, "branch_gates": states * one.gates, "branch_amplitudes": passes, "shots": shots}
            jobs.append(_simulated("branching", features, one, one.mid_variants, shots=shots, passes=passes))
    return jobs, [_generation(plan.variants, sum(f.variants * f.gates for f in plan.fragments)), _contraction(plan)]


_MAKERS: Mapping[str, Callable[[PlanFeatures, int], _Made]] = {
    "amplitude": _amplitude,
    "distinct": _distinct,
    "branching": _branching,
    "reference": _reference,
}


def _sampled(one: FragmentFeatures, total: float, mid: float, *, shots: int) -> list[Job]:
    """Return the subexperiments of a fragment: those sampled from their final state, and those run shot by shot."""
    plain, slow = round(total - mid), round(mid)
    dense = _dense(one.width, one.gates, 1, shots=shots, threads=1)
    passes = float(dense["amplitudes"])
    jobs = [_simulated("statevector", dense, one, plain, shots=shots, passes=passes)]
    if slow:
        anew = {"circuits": 1, "gates": one.gates, "amplitudes": passes, "shots": shots}
        jobs.append(_simulated("trajectories", anew, one, slow, shots=shots, passes=passes * shots))
    return [job for job in jobs if job.count]


def _simulated(law: str, features: Features, one: FragmentFeatures, count: int, *, shots: int, passes: float) -> Job:
    return Job(
        law=law,
        features=features,
        count=count,
        kinds=("cpu", "gpu", "qpu"),
        memory=one.state_bytes * STATE_COPIES,
        width=one.width,
        gates=one.gates,
        depth=one.depth,
        shots=shots,
        passes=passes,
    )


def _dense(width: int, gates: int, circuits: int, *, shots: int, threads: int) -> Features:
    return {
        "circuits": circuits,
        "gates": gates,
        "amplitudes": gates * power_of_two(width),
        "shots": shots,
        "threads": threads,
    }


def _generation(circuits: float, gates: float) -> tuple[str, str, Features]:
    return "generate", "generation", {"circuits": circuits, "gates": gates}


def _contraction(plan: PlanFeatures) -> tuple[str, str, Features]:
    return "reconstruct", "contraction", {"tensors": plan.terms * len(plan.fragments), "flops": plan.flops}


_PER_TASK: Mapping[str, tuple[str, ...]] = {"statevector": ("threads",), "trajectories": ("shots",)}
"""Features that are no sums over tasks, by law."""


def totals(jobs: Sequence[Job], law: str) -> Features:
    """Return the features of all tasks of a law together; laws are linear, so they may be fitted to sums."""
    found: dict[str, float] = {}
    for job in (job for job in jobs if job.law == law):
        for name, amount in job.features.items():
            alike = name in _PER_TASK.get(law, ())
            found[name] = amount if alike else found.get(name, 0.0) + job.count * amount
    return found
