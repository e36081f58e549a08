"""``qhpc plan``: what a campaign would run, what it costs, whether it fits; starts nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ._common import (
    DEFAULT_RESULTS,
    Json,
    Only,
    Repeats,
    Results,
    Spec,
    case_columns,
    emit,
    load_campaign,
    naming,
    note,
    out,
    table,
)

if TYPE_CHECKING:
    from pathlib import Path

    from harness.machines import Machine
    from harness.plan import Plan, PlannedCase, Predict, Settle
    from harness.record import Record
    from harness.spec import CampaignFile


def plan(
    spec: Spec,
    results: Results = DEFAULT_RESULTS,
    only: Only = None,
    repeats: Repeats = None,
    as_json: Json = False,
) -> int:
    """Show the cases of a campaign, what each costs and what is left to do; nothing is started.

    Exit code 2 if a case cannot fit in memory, with the numbers.
    """
    file = load_campaign(spec)
    made = make(file, results / file.campaign.name, only=only, repeats=repeats)
    tell(made, as_json=as_json)
    with naming(file):
        refuse_misfits(made)
    return 0


def tell(made: Plan, *, as_json: bool) -> None:
    """Print a plan."""
    if as_json:
        emit(as_dict(made))
    else:
        show(made)


def make(
    file: CampaignFile, directory: Path, *, only: str | None, repeats: int | None, machine: Machine | None = None
) -> Plan:
    """Return the plan of a campaign, minus what is recorded in its results directory."""
    from harness.expressions import parse
    from harness.plan import Selection, make_plan

    records = recorded(directory)
    select = Selection(None if only is None else parse(only), repeats)
    predict, settle = _models(file, records, directory)
    with naming(file):
        return make_plan(file.campaign, records, select=select, predict=predict, settle=settle, machine=machine)


def recorded(directory: Path) -> list[Record]:
    """Return the records of a results directory; none if it does not exist."""
    from harness.store import read_records

    return read_records(directory).records if directory.is_dir() else []


def _models(file: CampaignFile, records: list[Record], directory: Path) -> tuple[Predict, Settle | None]:
    """Return what predicts cases and what settles ``"auto"``: the cost model where circuits are cut, else records."""
    from harness.observe import predictor

    history = predictor(records)
    if not any(app.name == "circuit_cutting" for app in file.campaign.apps):
        return history, None
    try:
        from harness.cutting_costs import CutPredictor, calibrated
        from harness.settle import Settler

        model = calibrated(directory.parent)
    except ImportError:  # scipy comes with an extra
        return history, None
    cut = None if model is None else CutPredictor(model)
    return (lambda case: (cut(case) if cut else None) or history(case)), Settler(model)


def refuse_misfits(made: Plan) -> None:
    """Refuse a plan with cases that cannot fit.

    Raises
    ------
    harness.errors.CampaignError
        One line with the numbers of the first.
    """
    from harness.errors import CampaignError

    misfits = made.misfits()
    if misfits:
        first = misfits[0]
        more = f" (and {len(misfits) - 1} more case(s))" if len(misfits) > 1 else ""
        raise CampaignError(
            f"{first.case.origin}: {first.case.app.name}({first.case.differing()}) on {first.case.pool.label!r} "
            f"does not fit: {first.misfit}{more}; exclude it, or run with --skip-unfit"
        )


def as_dict(made: Plan) -> dict[str, Any]:
    """Return a plan as plain JSON values."""
    return {
        "campaign": made.campaign,
        "repeats_missing": made.repeats_missing,
        "predicted_s": made.predicted_s,
        "cases": [_case(planned) for planned in made.cases],
        "excluded": [
            {"app": e.case.app.name, "params": e.case.values, "pool": e.case.pool.label, "reason": e.reason}
            for e in made.excluded
        ],
        "remarks": made.remarks,
    }


def _case(planned: PlannedCase) -> dict[str, Any]:
    case, features, prediction = planned.case, planned.features, planned.prediction
    return {
        "key": case.key,
        "app": case.app.name,
        "app_version": case.app.version,
        "params": case.values,
        "pool": case.pool.as_record(),
        "pool_label": case.pool.label,
        "seed": case.seed,
        "repeats": case.repeats,
        "warmups": case.warmups,
        "missing": list(planned.missing),
        "tasks": features.tasks,
        "memory_per_task_bytes": features.memory_per_task,
        "cpus_per_task": features.cpus_per_task,
        "gates": features.gates,
        "shots": features.shots,
        "predicted": None if prediction is None else prediction.model_dump(mode="json"),
        "misfit": planned.misfit,
    }


def show(made: Plan) -> None:
    """Print a plan as a table."""
    from harness.progress import clock

    varying, cells, right = case_columns([planned.case.as_row() for planned in made.cases])
    several = len({p.case.app.name for p in made.cases}) > 1
    columns = [*(["app"] if several else []), *varying, "pilots", "tasks", "bytes/task", "gates", "shots"]
    columns += ["predicted", "done", ""]
    rows = [_row(planned, told, several) for planned, told in zip(made.cases, cells, strict=True)]
    table(columns, rows, title=_title(made), right="tasks bytes/task gates shots predicted done " + right)
    for reason, count in _reasons(made).items():
        out().print(f"left out: {count} case(s): {reason}", markup=False)
    for remark in made.remarks:
        note(f"note: {remark}")
    total_s = made.predicted_s
    missing = f"{made.repeats_missing} repeats to run" if made.repeats_missing else "nothing left to run"
    out().print(f"{missing}, about {clock(total_s)}" if total_s else missing)


def _title(made: Plan) -> str:
    complete = sum(not planned.missing for planned in made.cases)
    return f"{made.campaign}: {len(made.cases)} cases, {complete} complete"


def _row(planned: PlannedCase, told: list[str], several: bool) -> list[str]:
    from harness.labels import quantity
    from harness.plan import size

    case, features = planned.case, planned.features
    predicted = "" if planned.prediction is None else quantity(planned.prediction.value, planned.prediction.unit)
    return [
        *([case.app.name] if several else []),
        *told,
        case.pool.label,
        f"{features.tasks:,}",
        size(features.memory_per_task),
        f"{features.gates:,}",
        f"{features.shots:,}" if features.shots else "exact",
        predicted,
        f"{case.repeats - len(planned.missing)}/{case.repeats}",
        f"does not fit: {planned.misfit}" if planned.misfit else "",
    ]


def _reasons(made: Plan) -> dict[str, int]:
    reasons: dict[str, int] = {}
    for excluded in made.excluded:
        reasons[excluded.reason] = reasons.get(excluded.reason, 0) + 1
    return reasons
