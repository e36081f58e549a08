"""From records to observations, and from observations to predictions.

The only place where a mini-app's counts (`MiniApp.estimate`) meet measured seconds. Pure but for the import of the
mini-apps; nothing is started.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from miniapps import Features, MiniApp, Params, UnknownMiniApp
from miniapps import load as load_app

from .environment import cpu_model
from .filters import counting
from .record import PredictionRecord, Record
from .state import MAIN_METRIC

if TYPE_CHECKING:
    from qdreamer import Model, Observation

    from .cases import Case

LAW: Final = "batch_time"
HISTORY: Final = "history"
DISTINCT_CASES: Final = 8
"""A law is fitted to no fewer different cases: two more than it has terms."""

Group = tuple[str, int, str]
"""Cases that one model describes: app, version, and everything that is no count."""


@dataclass(frozen=True, slots=True)
class Observed:
    """One measured repeat with its counts.

    Attributes
    ----------
    key
        Case it belongs to.
    group
        Cases that may be described by the same coefficients.
    features
        Counts of the case, with ``workers``.
    seconds
        Measured time to value.
    """

    key: str
    group: Group
    features: Mapping[str, float]
    seconds: float


def observations(records: Iterable[Record]) -> list[Observed]:
    """Return every repeat that is measured, ok and has a time, with the counts of its case.

    Records of an app that is not installed, or of parameters it no longer accepts, give none.
    """
    found, known = [], dict[str, Mapping[str, float] | None]()
    for record in counting(records):
        seconds = _seconds(record)
        if seconds is None:
            continue
        if record.key not in known:
            known[record.key] = _features_of_record(record)
        features = known[record.key]
        if features is not None:
            group = group_of(record.app, record.app_version, record.params, record.pool)
            found.append(Observed(record.key, group, features, seconds))
    return found


def features_of(app: MiniApp, params: Params, pool: Sequence[Mapping[str, Any]], *, cores: int) -> dict[str, float]:
    """Return the counts of a case: the app's own, and ``workers``.

    Parameters
    ----------
    app, params
        What runs.
    pool
        The pilots, as in a record.
    cores
        Cores of a node for pilots that take all there are.
    """
    counts: Features = app.estimate(params)
    named = {
        "tasks": counts.tasks,
        "memory_per_task": counts.memory_per_task,
        "gates": counts.gates,
        "shots": counts.shots,
        "cpus_per_task": counts.cpus_per_task,
    }
    return {**counts.extra, **named, "workers": _workers(pool, cores)}


def group_of(app: str, version: int, params: Mapping[str, Any], pool: Sequence[Mapping[str, Any]]) -> Group:
    """Return which cases share their coefficients with this one: those that differ in numbers only."""
    words = {name: level for name, level in params.items() if not _is_number(level)}
    engines = sorted({str(pilot.get("engine")) for pilot in pool})
    return app, version, json.dumps([words, engines], sort_keys=True, default=str)


def predictor(records: Iterable[Record], *, machine: str | None = None) -> Callable[[Case], PredictionRecord | None]:
    """Return a function that predicts the seconds of one repeat of a case.

    It answers from the history of the very case (median and range), else from a law fitted to the other cases of its
    group, else with None. Nothing is fitted before it is asked for.

    Parameters
    ----------
    records
        What was measured before.
    machine
        Processor whose records are preferred; None means this one's. If it has none, all records count.
    """
    rows = _of_machine([record for record in records if record.kind == "measured"], machine or cpu_model())
    return _Predictor(rows) if rows else _no_prediction


def _no_prediction(case: Case) -> None:  # noqa: ARG001 - stands in for a predictor
    return None


class _Predictor:
    """Answers `predictor`; fits each group once."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records
        self._history = _history(records)
        self._cores = max((_cores(record) for record in records), default=1)
        self._observed: dict[Group, list[Observed]] | None = None
        self._models: dict[Group, Model | None] = {}

    def __call__(self, case: Case) -> PredictionRecord | None:
        past = self._history.get(case.key)
        if past:
            return _prediction(HISTORY, median(past), min(past), max(past))
        pool = case.pool.as_record()
        model = self._model(group_of(case.app.name, case.app.version, case.values, pool))
        if model is None:
            return None
        found = model.predict(features_of(case.app, case.params, pool, cores=self._cores))
        name = f"{model.law.name}{' (extrapolated)' if found.extrapolated else ''}"
        return _prediction(name, found.value, found.low, found.high)

    def _model(self, group: Group) -> Model | None:
        if self._observed is None:
            self._observed = defaultdict(list)
            for one in observations(self._records):
                self._observed[one.group].append(one)
        if group not in self._models:
            self._models[group] = _fitted(self._observed.get(group, []))
        return self._models[group]


def _fitted(observed: Sequence[Observed]) -> Model | None:
    if len({one.key for one in observed}) < DISTINCT_CASES:
        return None
    try:
        from qdreamer import Observation, fit, laws
    except ImportError:  # scipy comes with an extra; the history needs none
        return None
    rows: list[Observation] = [Observation(one.features, one.seconds) for one in observed]
    return fit(laws.load(LAW), rows)


def _prediction(model: str, value: float, low: float, high: float) -> PredictionRecord:
    return PredictionRecord(model=model, metric=MAIN_METRIC, value=value, low=low, high=high, unit="s")


# ---------------------------------------------------------------- reading records


def _history(records: Iterable[Record]) -> dict[str, list[float]]:
    found: dict[str, list[float]] = defaultdict(list)
    for record in counting(records):
        seconds = _seconds(record)
        if seconds is not None:
            found[record.key].append(seconds)
    return dict(found)


def _of_machine(records: list[Record], cpu: str) -> list[Record]:
    here = [record for record in records if _machine(record).get("cpu") == cpu]
    return here or records


def _features_of_record(record: Record) -> dict[str, float] | None:
    try:
        app = load_app(record.app)
        if app.version != record.app_version:
            return None
        return features_of(app, app.params.model_validate(record.params), record.pool, cores=_cores(record))
    except (UnknownMiniApp, ImportError, OSError, ValueError):
        return None


def _seconds(record: Record) -> float | None:
    metric = record.metrics.get(MAIN_METRIC)
    counts = record.kind == "measured" and record.status == "ok" and metric is not None
    if not counts or metric is None or metric.value is None or metric.value <= 0:
        return None
    return float(metric.value)


def _machine(record: Record) -> Mapping[str, Any]:
    found = record.environment.get("machine")
    return found if isinstance(found, dict) else {}


def _cores(record: Record) -> int:
    return int(_machine(record).get("cores_usable") or 1)


def _workers(pool: Sequence[Mapping[str, Any]], cores: int) -> int:
    return max(1, sum(int(pilot.get("nodes") or 1) * int(pilot.get("cores_per_node") or cores) for pilot in pool))


def _is_number(level: object) -> bool:
    return isinstance(level, int | float) and not isinstance(level, bool)
