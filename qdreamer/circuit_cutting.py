"""The Circuit Cutting Resource Optimizer: engine, number of cuts and workers for one circuit (paper, section 6.2).

::

    recommend(circuit, observable, detect(), planner=planner).best     # Advice(verdict=…, executor=…, cuts=…, …)

Every executor is tried without cuts and with every plan of the planner, on growing numbers of cores, on the GPUs, on
the QPUs and on all of them together. What does not fit is left out with its reason, before anything is ranked.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .advice import Advice, Recommendation, Rejected, Verdict
from .cost import Cost, CostModel, NoModel, Workers, misfit
from .defaults import typed_in
from .demand import CUT, UNCUT, Demand, cut, uncut
from .plan_features import PlanFeatures, Planner, power_of_two
from .resources import Resources
from .sampling import SAMPLED, device_bias, error_bound, shots_for, uncut_error, uncut_shots
from .schedule import NoWorker
from .workload import Observable, Workload, analyze

DEFAULT_SHOTS = 4096
"""Of executors and devices that sample by their nature, where neither shots nor a target error is given."""
USELESS = 0.5
"""Without a target, a value that may be wrong by more than this share of the observable's norm counts as none."""
_MOST_SHOTS = 10**9
_ALIKE = 0.02
"""A way that is less than this slower but needs fewer workers counts as better."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is wanted of a value.

    Attributes
    ----------
    target_error
        Largest standard error; None for any below `USELESS`.
    shots
        Of each circuit or subexperiment; None means what the target error needs, else exact values from simulators and
        `DEFAULT_SHOTS` elsewhere.
    executors
        Which may be used.
    """

    target_error: float | None = None
    shots: int | None = None
    executors: tuple[str, ...] = (*UNCUT, *CUT)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.executors) - {*UNCUT, *CUT})
        if unknown:
            raise ValueError(f"executors: {', '.join(unknown)} unknown; valid: {', '.join((*UNCUT, *CUT))}")
        if self.target_error is not None and not self.target_error > 0:
            raise ValueError(f"target_error = {self.target_error!r}: must be positive, or None")
        if self.shots is not None and self.shots < 0:
            raise ValueError(f"shots = {self.shots!r}: must be 0 (exact) or more, or None")


def recommend(
    circuit: Any,
    observable: Observable | None,
    resources: Resources,
    target_error: float | None = None,
    *,
    planner: Planner | None = None,
    model: CostModel | None = None,
    shots: int | None = None,
    executors: Sequence[str] = (*UNCUT, *CUT),
) -> Recommendation:
    """Return the ways to a value, ranked by projected time.

    Parameters
    ----------
    circuit
        A ``QuantumCircuit``, or an analysed `Workload` (the planner then gets it as it is).
    observable
        What is asked for; None means Z on the last qubit.
    resources
        `qdreamer.detect()`, a machine file, or typed in.
    target_error
        Largest standard error that is wanted; None for any below `USELESS`.
    planner
        Makes cut plans; None means that cutting is not considered.
    model
        A calibrated cost model; None means typed-in coefficients, whose intervals are wide.
    shots, executors
        See `Wish`.

    Raises
    ------
    qdreamer.workload.BadCircuit
        If the circuit cannot be analysed.
    """
    start = time.perf_counter()
    wish = Wish(target_error, shots, tuple(executors))
    workload = circuit if isinstance(circuit, Workload) else analyze(circuit, observable)
    plans = list(planner(circuit, workload.observable)) if planner is not None and set(executors) & set(CUT) else []
    search = _Search(workload, resources, model or typed_in(), wish)
    fitting = [found for option in _options(plans, wish) for found in search.best_of(option)]
    ranked = _with_reasons(sorted(fitting, key=_order), search) or [_nothing(search, plans)]
    name = search.model.name
    return Recommendation(tuple(ranked), tuple(search.rejected), workload, resources, name, time.perf_counter() - start)


def _order(advice: Advice) -> float:
    return advice.seconds.value if advice.seconds else float("inf")


# ---------------------------------------------------------------- the ways


@dataclass(frozen=True, slots=True)
class _Option:
    """An executor, with a plan or without."""

    executor: str
    plan: PlanFeatures | None

    @property
    def name(self) -> str:
        if self.plan is None:
            return self.executor
        return f"{self.executor}, {self.plan.cuts} cut{'s' if self.plan.cuts > 1 else ''}"


def _options(plans: Sequence[PlanFeatures], wish: Wish) -> Iterator[_Option]:
    yield from (_Option(name, None) for name in UNCUT if name in wish.executors)
    for plan in plans:
        fitting = plan.executors or CUT
        yield from (_Option(name, plan) for name in CUT if name in wish.executors and name in fitting)


@dataclass(frozen=True, slots=True)
class _Shots:
    """Shots of each circuit or subexperiment, and the error that they and the device leave."""

    count: int
    error: float
    bias: float


# ---------------------------------------------------------------- the search


class _Search:
    """Tries ways on workers, and remembers why some are not possible."""

    def __init__(self, workload: Workload, resources: Resources, model: CostModel, wish: Wish) -> None:
        self.workload, self.resources, self.model, self.wish = workload, resources, model, wish
        self.norm = workload.observable.norm
        self.rejected: list[Rejected] = []

    def best_of(self, option: _Option) -> list[Advice]:
        """Return the best advice of a way on each kind of workers; empty if it is not possible on any."""
        found, reasons = [], dict[str, None]()
        for workers in _kinds(self.resources):
            if not _useful(self._demand(option, workers, 1), workers):
                continue
            shots = self._shots(option, workers)
            best, reason = (None, shots) if isinstance(shots, str) else self._grown(option, workers, shots)
            if best is not None:
                found.append(best)
            elif reason:
                reasons[reason] = None
        if not found:
            self.rejected.append(Rejected(option.name, "; ".join(reasons) or "there is no device that runs it"))
        return found

    def _grown(self, option: _Option, most: Workers, shots: _Shots) -> tuple[Advice | None, str | None]:
        """Return the best number of workers of a kind, from one upwards, or why there is none."""
        best: Advice | None = None
        reason: str | None = None
        for workers in _growing(most):
            demand = self._demand(option, workers, shots.count)
            if _more_than_useful(demand, workers):
                break
            problem = misfit(demand, workers, self.resources)
            if problem is not None:
                reason = reason or problem
                break
            try:
                cost = self.model.cost(demand, workers, self.resources)
            except (NoModel, NoWorker) as error:
                return None, str(error)
            if best is None or cost.seconds.value < (1 - _ALIKE) * _order(best):
                best = _advice(option, workers, cost, shots)
        return best, reason

    def _demand(self, option: _Option, workers: Workers, shots: int) -> Demand:
        if option.plan is None:
            return uncut(option.executor, self.workload, shots=shots, threads=max(1, workers.cpu))
        return cut(option.executor, option.plan, shots=shots)

    def _shots(self, option: _Option, workers: Workers) -> _Shots | str:
        """Return shots and error of a way on a kind of workers, or why the error is too large."""
        bias = self._bias(option) if workers.qpu else 0.0
        target = self.wish.target_error
        most = USELESS * self.norm if target is None else target
        left = most - bias
        if left <= 0:
            return f"error up to {bias:.2g} from noise of the device; wanted {most:.2g}"
        count = self._count(option, None if target is None else left, sampled=workers.qpu > 0)
        if count > _MOST_SHOTS:
            return f"would need {count:.2g} shots of each circuit"
        error = bias + (self._error(option, count) if count else 0.0)
        if error > most * (1 + 1e-9):
            return f"error up to {error:.2g} with {count} shots; wanted {most:.2g}"
        return _Shots(count, error, bias)

    def _count(self, option: _Option, target: float | None, *, sampled: bool) -> int:
        must = sampled or option.executor in SAMPLED or option.executor == "device"
        if self.wish.shots is not None and (self.wish.shots or not must):
            return self.wish.shots
        if not must:
            return 0
        if target is None:
            return DEFAULT_SHOTS
        if option.plan is None:
            return uncut_shots(target, self.norm)
        return shots_for(_statistics(option.executor), option.plan, target, self.norm)

    def _error(self, option: _Option, shots: int) -> float:
        if option.plan is None:
            return uncut_error(shots, self.norm)
        return error_bound(_statistics(option.executor), option.plan, shots, self.norm)

    def _bias(self, option: _Option) -> float:
        qpu = max(self.resources.qpus, key=lambda one: one.two_qubit_error)
        gates, gamma = self.workload.two_qubit_gates, 1.0
        if option.plan is not None:
            share = gates / max(1, self.workload.gates)
            gates, gamma = round(share * max(f.gates for f in option.plan.fragments)), option.plan.gamma
        counts = {"gates": gates, "measured": max(1, len(self.workload.observable.support))}
        return self.norm * gamma * device_bias(counts, qpu.two_qubit_error, qpu.readout_error)


def _statistics(executor: str) -> str:
    """Return whose statistics an executor has: amplitudes reproduce those of distinct subexperiments."""
    return "reference" if executor == "reference" else "distinct"


def _advice(option: _Option, workers: Workers, cost: Cost, shots: _Shots) -> Advice:
    return Advice(
        verdict=_verdict(option),
        executor=option.executor,
        cuts=option.plan.cuts if option.plan else 0,
        workers=workers,
        shots=shots.count,
        seconds=cost.seconds,
        stages=cost.stages,
        memory=cost.memory,
        error=shots.error,
        reason="",
        plan=option.plan,
    )


def _verdict(option: _Option) -> Verdict:
    if option.plan is not None:
        return "cut"
    verdicts: dict[str, Verdict] = {"mps": "use MPS", "device": "run on a QPU"}
    return verdicts.get(option.executor, "do not cut")


def _kinds(resources: Resources) -> list[Workers]:
    """Return the largest sets of workers: each kind alone, and all together."""
    gpus = sum(gpu.count for gpu in resources.gpus) * resources.nodes
    qpus = sum(qpu.count for qpu in resources.qpus)
    sets = [Workers(cpu=resources.workers), Workers(gpu=gpus), Workers(qpu=qpus)]
    if gpus:
        sets.append(Workers(cpu=resources.workers, gpu=gpus))
    return [workers for workers in sets if workers.total]


def _useful(demand: Demand, workers: Workers) -> bool:
    """Tell whether every task runs on some kind of these workers, and every kind runs some task."""
    kinds = [kind for kind in ("cpu", "gpu", "qpu") if getattr(workers, kind)]
    some = all(any(kind in job.kinds for kind in kinds) for job in demand.jobs)
    return some and all(any(kind in job.kinds for job in demand.jobs) for kind in kinds)


def _growing(most: Workers) -> Iterator[Workers]:
    """Yield 1, 2, 4, … workers up to all; sets of several kinds only as a whole."""
    kinds = [kind for kind in ("cpu", "gpu", "qpu") if getattr(most, kind)]
    if len(kinds) > 1:
        yield most
        return
    count = 1
    while count < most.total:
        yield replace(most, **{kinds[0]: count})
        count *= 2
    yield most


def _more_than_useful(demand: Demand, workers: Workers) -> bool:
    """Tell whether there are more than twice as many workers as tasks; one task of several threads may use them all."""
    threaded = any("threads" in job.features for job in demand.jobs) and demand.cuts == 0
    return not (threaded and not workers.gpu) and workers.total > 1 and workers.total >= 2 * demand.tasks


# ---------------------------------------------------------------- words


def _with_reasons(ranked: Sequence[Advice], search: _Search) -> list[Advice]:
    return [replace(one, reason=_reason(one, ranked, search)) for one in ranked]


def _reason(one: Advice, ranked: Sequence[Advice], search: _Search) -> str:
    if one is not ranked[0] and ranked[0].seconds and one.seconds:
        longest = max(one.stages, key=lambda stage: one.stages[stage])
        factor = one.seconds.value / max(ranked[0].seconds.value, 1e-12)
        return f"{factor:.3g} × slower than {ranked[0].name}; most of it is to {longest}"
    return f"{_why(one, search.workload)}; {_against(one, ranked, search.rejected)}"


def _why(one: Advice, workload: Workload) -> str:
    if one.plan is not None:
        widths = " + ".join(str(fragment.width) for fragment in sorted(one.plan.fragments, key=lambda f: -f.width)[:6])
        more = " + …" if len(one.plan.fragments) > 6 else ""
        work = (
            f"{sum(f.states for f in one.plan.fragments)} states"
            if one.executor == "amplitude"
            else f"{one.plan.variants if one.executor != 'reference' else one.plan.rows:.6g} subexperiments"
        )
        return f"{one.cuts} cut(s) leave {widths}{more} of {workload.n_qubits} qubits, {work}"
    if one.executor == "mps":
        return f"bonds of at most 2^{workload.bonds.bits} hold the whole state of {workload.n_qubits} qubits"
    if one.executor == "device":
        return f"the whole circuit fits a QPU, error up to {one.error:.2g}"
    return f"the whole state of {workload.n_qubits} qubits takes {16 * power_of_two(workload.n_qubits) / 2**30:.3g} GiB"


def _against(one: Advice, ranked: Sequence[Advice], rejected: Sequence[Rejected]) -> str:
    others = [other for other in ranked if (other.verdict, other.cuts) != (one.verdict, one.cuts)]
    if others and others[0].seconds and one.seconds:
        factor = others[0].seconds.value / max(one.seconds.value, 1e-12)
        return f"next best is {others[0].name}, {factor:.3g} × slower"
    if rejected:
        return f"{rejected[0].name} is not possible: {rejected[0].reason}"
    return "nothing else was considered"


def _nothing(search: _Search, plans: Sequence[PlanFeatures]) -> Advice:
    """Return the advice that nothing fits, with what comes closest."""
    tried = f"{len(plans)} cut plan(s)" if plans else "no cut plan"
    reasons = "; ".join(f"{one.name}: {one.reason}" for one in search.rejected[:4])
    return Advice(
        verdict="cannot fit",
        executor="",
        cuts=0,
        workers=Workers(),
        shots=0,
        seconds=None,
        stages={},
        memory=16.0 * power_of_two(search.workload.n_qubits),
        error=0.0,
        reason=f"nothing reaches the value on {search.resources.describe()}, {tried} tried: {reasons}",
    )
