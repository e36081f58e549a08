"""Cases of circuit cutting as demands, their records as observations, and what a cost model predicts for them.

The counts of a case and of a record are made by the same functions, so a model is fitted to what it is asked about.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from .environment import machine, package_versions
from .filters import counting
from .planner import features_of, problem_of, workload_of
from .record import PredictionRecord, Record
from .state import MAIN_METRIC

if TYPE_CHECKING:
    from pathlib import Path

    from miniapps.circuit_cutting.params import CircuitCutting
    from qdreamer import CostModel, Observation
    from qdreamer.demand import Demand

    from .cases import Case

APP: Final = "circuit_cutting"
DISPATCH: Final = "dispatch"
CAMPAIGN: Final = "calibrate"
MODEL_FILE: Final = "model.json"
MODEL: Final = "qdreamer"
"""First word of the model name in predictions of the cost model."""
_PLANNINGS: Final = 3
_SAME: Final = ("qiskit-aer", "qiskit-aer-gpu", "numpy", "qiskit-addon-cutting")


def fingerprint() -> dict[str, str]:
    """Return what a calibration depends on: processor, usable cores, GPUs, versions of what computes."""
    here, versions = machine(), package_versions()
    facts = {"cpu": here["cpu"], "cores": here["cores_usable"], "gpus": ", ".join(here["gpus"]) or "none"}
    return {**{name: str(value) for name, value in facts.items()}, **{n: versions.get(n, "none") for n in _SAME}}


def model_file(results: Path) -> Path:
    """Return where `qhpc calibrate` keeps the model of a results directory."""
    return results / CAMPAIGN / MODEL_FILE


# ---------------------------------------------------------------- counts


def demand_of(params: CircuitCutting, *, workers: int) -> Demand:
    """Return what a case has to do; the seconds of planning are those that it takes here and now."""
    return _demand(params.model_dump_json(), workers)


@lru_cache(maxsize=512)
def _demand(text: str, workers: int) -> Demand:
    from dataclasses import replace

    from miniapps.circuit_cutting.flow import planned
    from miniapps.circuit_cutting.params import CircuitCutting
    from qdreamer.demand import UNCUT, cut, uncut

    params = CircuitCutting.model_validate_json(text)
    circuit, _, plan = planned(params)  # the first call may import and fill caches
    planning_s = min(_planning_s(params) for _ in range(_PLANNINGS))
    if params.executor in UNCUT:
        threads = params.threads if isinstance(params.threads, int) else workers
        whole = uncut(params.executor, workload_of(circuit, problem_of(params)[1]), shots=params.shots, threads=threads)
        return replace(whole, planning_s=planning_s)
    features = features_of(plan, planning_s=planning_s)
    return cut(params.executor, features, shots=params.shots, statistics=params.statistics)


def _planning_s(params: CircuitCutting) -> float:
    """Return the seconds of planning as a run has them, which looks for its cuts anew."""
    from miniapps.circuit_cutting.finders import forget
    from miniapps.circuit_cutting.flow import planned

    forget()
    start_s = time.perf_counter()
    planned(params)
    return time.perf_counter() - start_s


# ---------------------------------------------------------------- observations


def observations(records: Iterable[Record]) -> dict[str, list[Observation]]:
    """Return what records of this machine say about each role of the cost model.

    Tasks on single workers give the executors their seconds, the rest of the stage and no-ops of the app ``dispatch``
    the runtime's, the other stages those of the driver's steps. Of the repeats of a case the fastest counts in each
    stage: what disturbs a stage on a shared machine only adds to it.
    """
    best: dict[tuple[str, str], Observation] = {}
    for record in counting(records):
        if record.status != "ok" or record.kind != "measured":
            continue
        for role, one in _of_record(record):
            place = role, record.key
            if place not in best or one.seconds < best[place].seconds:
                best[place] = one
    found: dict[str, list[Observation]] = defaultdict(list)
    for (role, _), one in best.items():
        found[role].append(one)
    return dict(found)


def _of_record(record: Record) -> list[tuple[str, Observation]]:
    if record.app == APP and workers_of(record.pool) == 1:
        return _of_stages(record)
    if record.app == DISPATCH and record.params.get("measure") == "throughput":
        return [(DISPATCH, one) for one in _of_dispatch(record)]
    return []


def _of_stages(record: Record) -> list[tuple[str, Observation]]:
    from miniapps.circuit_cutting.params import CircuitCutting
    from qdreamer import Observation
    from qdreamer.demand import totals

    params = CircuitCutting.model_validate(record.params)
    demand = demand_of(params, workers=1)
    role, stages = demand.executor, record.stages_s
    tasks = {name: float(record.metrics[name].value or 0.0) for name in ("task_s_sum", "tasks")}
    pairs = [(role, Observation(totals(demand.jobs, role), tasks["task_s_sum"]))]
    waited_s = stages["execute"] - tasks["task_s_sum"]
    if waited_s > 0:
        pairs.append((DISPATCH, Observation({"tasks": tasks["tasks"], "bytes": demand.bytes}, waited_s)))
    pairs += [
        (step, Observation(features, stages[stage])) for stage, step, features in demand.steps if stages.get(stage)
    ]
    return pairs


def _of_dispatch(record: Record) -> list[Observation]:
    from qdreamer import Observation

    metric = record.metrics.get(MAIN_METRIC)
    if metric is None or not metric.value or record.params.get("task") != "noop":
        return []
    return [Observation({"tasks": float(record.params["n_tasks"]), "bytes": 0.0}, float(metric.value))]


def workers_of(pool: Sequence[Mapping[str, Any]]) -> int:
    """Return the workers of a pool; an inline pilot has one."""
    from pilot_quantum.launchers.local import usable_cores

    return sum(
        1 if pilot.get("engine") == "inline" else int(pilot.get("cores_per_node") or usable_cores()) for pilot in pool
    )


# ---------------------------------------------------------------- predictions


class CutPredictor:
    """Predicts cases of circuit cutting by a cost model; None for every other app.

    Parameters
    ----------
    model
        Calibrated or typed in.
    """

    def __init__(self, model: CostModel) -> None:
        self.model = model

    def __call__(self, case: Case) -> PredictionRecord | None:
        """Return the projected seconds of one repeat."""
        if case.app.name != APP:
            return None
        from qdreamer import NoModel, Workers, detect

        workers = workers_of(case.pool.as_record())
        try:
            cost = self.model.cost(demand_of(case.params, workers=workers), Workers(cpu=workers), detect())  # type: ignore[arg-type]  # an app of that name has these parameters
        except NoModel:
            return None
        found = cost.seconds
        name = f"{MODEL}: {self.model.name}{' (extrapolated)' if found.extrapolated else ''}"
        return PredictionRecord(
            model=name, metric=MAIN_METRIC, value=found.value, low=found.low, high=found.high, unit="s"
        )


def calibrated(results: Path) -> CostModel | None:
    """Return the cost model of a results directory if there is one and it is this machine's."""
    from qdreamer.calibration import BadCalibration, load

    file = model_file(results)
    if not file.is_file():
        return None
    try:
        return load(file, fingerprint=fingerprint())
    except BadCalibration:
        return None
