"""B.3 on the driver's side: plan the cuts, run the portions, put the value together."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import groupby
from struct import pack
from typing import TYPE_CHECKING, Any, Final

from pilot_quantum import Resources, Runtime

from .._app import Features, Measurement, Metric, Unsupported
from .._circuits.gates import Circuit
from .choice import chosen, decided
from .circuits import circuit_of
from .cutting import make_plan
from .executors import UNCUT, Portion, Problem, Settings, load
from .finders import forget
from .observables import terms
from .plan import CutPlan, Cuts
from .sampling import Estimate
from .states import trimmed

if TYPE_CHECKING:
    from .params import CircuitCutting

_SAMPLED: Final = ("distinct", "branching")


@dataclass(frozen=True, slots=True)
class Answer:
    """The value, and how it was reached.

    Attributes
    ----------
    estimate
        Value, standard error, shots.
    circuit, plan
        What was asked, whole and in pieces.
    """

    estimate: Estimate
    circuit: Circuit
    plan: CutPlan


def run(params: CircuitCutting, runtime: Runtime) -> Measurement:
    """Compute the value of the case.

    Stages: ``plan`` (building the gate list, finding cuts, counting), ``execute`` (making subexperiments, submitting,
    until the last answer is here), ``reconstruct`` (from answers to the value and its error).

    Raises
    ------
    Unsupported
        If a GPU is asked for and no pilot has one.
    miniapps.circuit_cutting.plan.BadCuts
        If the circuit cannot be cut as asked.
    """
    pilots = runtime.pilots()
    start_s = time.perf_counter()
    with runtime.stage("plan"):
        forget()  # every repeat looks for its cuts
        params = decided(params, circuit_of(params)) if params.executor == "auto" else params
        circuit, cuts, plan = planned(params)
    settings = _settings(params, pilots)
    with runtime.stage("execute"):
        problem = Problem(circuit, terms(params.observable, circuit.n_qubits), cuts, plan, settings)
        job = load(params.executor)(problem)
        tasks = [
            task
            for resources, some in _alike(job.portions, settings)
            for task in runtime.submit_many(job.function, [portion.work for portion in some], resources=resources)
        ]
        parts = runtime.gather(tasks)
        answers = {key: answer for _, some in parts for key, answer in some.items()}
    with runtime.stage("reconstruct"):
        found = job.finish(answers)
    elapsed_s = time.perf_counter() - start_s
    metrics = {"time_to_value_s": Metric(elapsed_s, "s", "lower"), **_metrics(found, plan, [s for s, _ in parts])}
    return Measurement(Answer(found, circuit, plan), metrics, digest(found))


def planned(params: CircuitCutting) -> tuple[Circuit, Cuts, CutPlan]:
    """Return the circuit of a case, where it is cut, and the plan."""
    circuit = circuit_of(params)
    params = decided(params, circuit)
    cuts = Cuts() if params.executor in UNCUT else chosen(params, circuit)
    observable = terms(params.observable, circuit.n_qubits)
    return circuit, cuts, make_plan(circuit, cuts, observable, reuse=params.executor == "amplitude")


def digest(estimate: Estimate) -> str:
    """Return the SHA-256 of value and standard error to the last bit."""
    return sha256(pack("<dd", estimate.value, estimate.standard_error)).hexdigest()


def estimate(params: CircuitCutting) -> Features:
    """Count what the case costs, from its plan; no subexperiment is made."""
    params = decided(params, circuit_of(params))
    circuit, _, plan = planned(params)
    single = params.precision == "single"
    amplitude_bytes = 8 if single else 16
    whole = params.executor in UNCUT
    circuits = {"reference": plan.published, "amplitude": len(plan.fragments)}.get(params.executor, plan.distinct)
    memory = {
        "full": amplitude_bytes * 2**circuit.n_qubits,
        "mps": 2**28,
        "amplitude": max(trimmed(fragment).memory(amplitude_bytes) for fragment in plan.fragments),
    }.get(params.executor, 2 * amplitude_bytes * 2**plan.width)
    return Features(
        tasks=1 if whole else circuits,
        memory_per_task=memory,
        gates=sum(fragment.gates for fragment in plan.fragments),
        shots=params.shots * (len(plan.terms) if whole else circuits),
        cpus_per_task=params.threads if isinstance(params.threads, int) else 1,
        extra=counts(plan),
    )


def counts(plan: CutPlan) -> dict[str, float]:
    """Return the numbers of a plan that models are made of."""
    return {
        "n_qubits": plan.n_qubits,
        "cuts": len(plan.cuts),
        "fragments": len(plan.fragments),
        "width": plan.width,
        "rank": float(plan.rank),
        "published": float(plan.published),
        "distinct": float(plan.distinct),
        "mid_circuit": float(sum(fragment.mid_circuit_variants for fragment in plan.fragments)),
        "work": plan.work,
        "contraction": plan.contraction,
    }


def _settings(params: CircuitCutting, pilots: Sequence[Any]) -> Settings:
    gpus, workers = sum(pilot.gpus for pilot in pilots), sum(pilot.workers for pilot in pilots)
    if params.gpu is True and gpus == 0:
        raise Unsupported("gpu = true: no pilot of this case holds a GPU (gpus_per_node = 0)")
    cores = max((pilot.workers for pilot in pilots), default=1)
    threads = (cores if params.executor == "full" else 1) if params.threads == "auto" else params.threads
    return Settings(
        shots=params.shots,
        seed=params.seed,
        statistics=params.statistics,
        backend=params.backend,
        precision=params.precision,
        device="GPU" if params.gpu and gpus else "CPU",
        threads=threads,
        slots=max(1, workers // threads),
    )


def _alike(portions: Sequence[Portion], settings: Settings) -> list[tuple[Resources, list[Portion]]]:
    """Return neighbouring portions of equal memory together, with what each needs."""
    gpus = 1.0 if settings.device == "GPU" else 0.0
    return [
        (Resources(cpus=settings.threads, gpus=gpus, memory=memory), list(some))
        for memory, some in groupby(portions, key=lambda portion: portion.memory)
    ]


def _metrics(found: Estimate, plan: CutPlan, seconds: Sequence[float]) -> dict[str, Metric]:
    """Return the numbers of an answer; ``seconds`` are those of its tasks, on their workers."""
    numbers = counts(plan)
    return {
        "value": Metric(found.value, "1"),
        "standard_error": Metric(found.standard_error, "1"),
        "shots": Metric(found.shots, "shots"),
        "tasks": Metric(len(seconds), "tasks"),
        "task_s_sum": Metric(sum(seconds), "s"),
        "task_s_longest": Metric(max(seconds), "s"),
        **{name: Metric(numbers[name], name) for name in ("cuts", "fragments", "width", "published", "distinct")},
    }
