"""One repeat of one case: run, check, and whatever happens becomes a record.

This is the place where the harness catches everything that a mini-app may raise: a failed repeat is a record with its
reason, never a missing row.
"""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections.abc import Mapping
from concurrent.futures import CancelledError
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from miniapps import Measurement, Metric, Unsupported, Verdict
from pilot_quantum import PilotFailed, RunTrace, UnsatisfiableRequest, summarize

from .environment import load
from .errors import one_line
from .record import CheckRecord, ErrorRecord, MetricRecord, Record, Status
from .settle import STAGE
from .state import MAIN_METRIC

if TYPE_CHECKING:
    from collections.abc import Callable

    from .cases import Case
    from .plan import PlannedCase
    from .session import PoolSession

UNCHECKED: Final = Verdict("unchecked")
_FRAMES: Final = 12
_LONGEST_MESSAGE: Final = 2000


@dataclass(frozen=True, slots=True)
class Origin:
    """What the records of one run have in common.

    Attributes
    ----------
    campaign
        Name of the campaign.
    environment
        See `harness.environment.describe`; the load is added to each record.
    interruptible
        Entered around everything that an interruption may cut off.
    traces
        Directory that gets the task traces of each repeat, in a file that its record names; None keeps none.
    """

    campaign: str
    environment: Mapping[str, Any]
    interruptible: Callable[[], AbstractContextManager[None]] = nullcontext
    traces: Path | None = None


@dataclass(slots=True)
class _Attempt:
    """What is known of a repeat so far; it starts when its pilots are up."""

    start_s: float | None = None
    stages_s: dict[str, float] = field(default_factory=dict)
    trace: RunTrace | None = None
    measurement: Measurement | None = None
    verdict: Verdict = UNCHECKED
    status: Status = "ok"
    error: BaseException | None = None

    def elapsed_s(self) -> float:
        return 0.0 if self.start_s is None else time.perf_counter() - self.start_s


def warm_up(case: Case, session: PoolSession, origin: Origin) -> bool:
    """Run a case once, unrecorded and unchecked; return whether it was interrupted.

    A failure is not told here: it will show again in the repeats.
    """
    attempt = _Attempt()
    _guarded(lambda: _run(case, session, attempt), attempt, origin)
    return isinstance(attempt.error, KeyboardInterrupt)


def measure(planned: PlannedCase, repeat: int, session: PoolSession, origin: Origin) -> tuple[Record, bool]:
    """Run and check a case once.

    Returns
    -------
    record
        Always one, whatever happened.
    interrupted
        Whether an interruption ended it; its status is then ``cancelled``.
    """
    common = {
        **_identity(planned, repeat, origin),
        "environment": {**origin.environment, "load_before": load()},
    }
    attempt = _Attempt()
    _guarded(lambda: _run_and_check(planned.runs, session, attempt), attempt, origin)
    if planned.settled is not None:
        _count_deciding(attempt, planned.settled.seconds)
    common["elapsed_s"] = attempt.elapsed_s()
    if startup := session.startup():
        common["environment"]["pilot_startup_s"] = startup
    trace = _trace(attempt.trace, common, origin)
    try:
        return Record(**common, trace=trace, **_outcome(attempt)), isinstance(attempt.error, KeyboardInterrupt)
    except (ValidationError, ValueError, TypeError) as error:  # a metric that is no number, an unknown verdict
        failed = _Attempt(status="failed", error=error)
        return Record(**common, trace=trace, **_outcome(failed)), False


def _identity(planned: PlannedCase, repeat: int, origin: Origin) -> dict[str, Any]:
    case = planned.case
    return {
        "key": case.key,
        "campaign": origin.campaign,
        "app": case.app.name,
        "app_version": case.app.version,
        "params": case.values,
        "pool": case.pool.as_record(),
        "seed": case.seed,
        "repeat": repeat,
        "prediction": planned.prediction,
        "kind": "projected" if case.projected else "measured",
        "started_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
    }


def unsupported(planned: PlannedCase, repeat: int, origin: Origin) -> Record:
    """Return the record of a repeat that was not tried because its case does not fit."""
    return Record(
        **_identity(planned, repeat, origin),
        status="unsupported",
        check=CheckRecord(verdict="unchecked", detail="not run"),
        error=ErrorRecord(type="DoesNotFit", message=planned.misfit or ""),
        environment=dict(origin.environment),
    )


# ---------------------------------------------------------------- running


def _guarded(action: Callable[[], object], attempt: _Attempt, origin: Origin) -> None:
    try:
        with origin.interruptible():
            action()
    except KeyboardInterrupt as error:
        attempt.status, attempt.error = "cancelled", error
    except Exception as error:  # noqa: BLE001 - a mini-app may raise anything; all of it is recorded
        attempt.status, attempt.error = _status_of(error), error


def _run_and_check(case: Case, session: PoolSession, attempt: _Attempt) -> None:
    measurement = _run(case, session, attempt)
    verdict = case.app.check(case.params, measurement)
    attempt.verdict, attempt.measurement = verdict, measurement
    if verdict.verdict == "fail":
        attempt.status = "check_failed"


def _run(case: Case, session: PoolSession, attempt: _Attempt) -> Measurement:
    manager = session.manager()
    attempt.start_s = time.perf_counter()
    runtime = manager.runtime(session.pilot_names, case.time_limit_s)
    try:
        with runtime:
            return case.app.run(case.params, runtime)
    except UnsatisfiableRequest as error:
        if session.whole:
            raise
        raise PilotFailed(f"a pilot ended under it: {error}") from error  # it could run until then
    finally:
        attempt.stages_s, attempt.trace = runtime.stages_s, runtime.trace()


def _count_deciding(attempt: _Attempt, seconds: float) -> None:
    """Add the seconds that a model took to settle the case, as a stage and to its time to value."""
    attempt.stages_s = {STAGE: seconds, **attempt.stages_s}
    done = attempt.measurement
    metric = None if done is None else done.metrics.get(MAIN_METRIC)
    if done is not None and metric is not None and metric.value is not None:
        whole = replace(metric, value=metric.value + seconds)
        attempt.measurement = replace(done, metrics={**done.metrics, MAIN_METRIC: whole})


def _status_of(error: Exception) -> Status:
    if isinstance(error, TimeoutError):
        return "timeout"
    if isinstance(error, CancelledError):
        return "cancelled"
    return "unsupported" if isinstance(error, Unsupported | UnsatisfiableRequest | NotImplementedError) else "failed"


# ---------------------------------------------------------------- recording


def _outcome(attempt: _Attempt) -> dict[str, Any]:
    measurement = attempt.measurement if attempt.status in ("ok", "check_failed") else None
    metrics = {} if measurement is None else {name: _metric(metric) for name, metric in measurement.metrics.items()}
    return {
        "status": attempt.status,
        "check": _check(attempt.verdict),
        "metrics": metrics,
        "stages_s": dict(attempt.stages_s),
        "digest": "" if measurement is None else measurement.digest,
        "error": None if attempt.error is None else _error(attempt.error),
    }


def _trace(run: RunTrace | None, common: Mapping[str, Any], origin: Origin) -> dict[str, Any]:
    """Return the summary of the task traces, and where they are kept if they are; after everything that is timed."""
    if run is None or not run.tasks:
        return {}
    summary = summarize(run.tasks)
    if origin.traces is None:
        return summary
    from .traces import timeline_of, trace_name, write_timeline  # only for those who ask for it

    names = ("key", "repeat", "campaign", "app", "params", "started_at")
    timeline = timeline_of(run, **{name: common[name] for name in names})
    try:
        file = write_timeline(timeline, origin.traces / trace_name(common["key"], common["repeat"]))
    except OSError as error:  # the measurement is worth more than its trace
        return {**summary, "file": None, "file_error": one_line(error)}
    return {**summary, "file": f"{origin.traces.name}/{file.name}"}


def _metric(metric: Metric) -> MetricRecord:
    value = _plain(metric.value)
    samples = [] if value is None else [value]
    return MetricRecord(value=value, unit=metric.unit, better=metric.better, samples=samples)


def _check(verdict: Verdict) -> CheckRecord:
    numbers = {name: _plain(getattr(verdict, name)) for name in ("value", "expected", "tolerance")}
    odd = [f"{name} is {number}" for name, number in numbers.items() if number is not None and not isfinite(number)]
    finite = {name: number if number is None or isfinite(number) else None for name, number in numbers.items()}
    detail = _printable("; ".join(filter(None, [verdict.detail, *odd])))
    return CheckRecord(verdict=verdict.verdict, oracle=_printable(verdict.oracle), detail=detail, **finite)


def _plain(value: Any) -> Any:
    """Return a numpy scalar as the Python number it stands for."""
    return value.item() if hasattr(value, "item") else value


def _error(error: BaseException) -> ErrorRecord:
    frames = _portable("".join(traceback.format_exception(error, limit=-_FRAMES, chain=True)))
    message = one_line(error) or type(error).__name__
    return ErrorRecord(
        type=type(error).__name__, message=_printable(message)[:_LONGEST_MESSAGE], traceback=_printable(frames)
    )


def _portable(text: str) -> str:
    """Return a traceback without the places of this machine and this user: records travel."""
    places = {
        str(Path(__file__).resolve().parents[1]): ".",
        sys.prefix: "<environment>",
        sys.base_prefix: "<python>",
        str(Path.home()): "~",
    }
    for place in sorted(places, key=len, reverse=True):
        text = text.replace(place + os.sep, places[place] + os.sep)
    return text


def _printable(text: str) -> str:
    """Return text that every JSON reader takes: half surrogate pairs are written out."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
