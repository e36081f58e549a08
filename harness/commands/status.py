"""``qhpc status``: where a campaign stands, from its records alone."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._common import DEFAULT_RESULTS, Json, Results, case_columns, emit, load_campaign, note, table

_MOST_SHARDS = 20
_MOST_CASES = 60

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.jobs import Answer
    from harness.record import Record
    from harness.state import CaseState
    from harness.store import DamagedLine


def status(
    target: Annotated[str, typer.Argument(metavar="DIR|SPEC", help="A results directory, or a campaign.")],
    results: Results = DEFAULT_RESULTS,
    *,
    everything: Annotated[bool, typer.Option("--all", help="Show every case, however many there are.")] = False,
    as_json: Json = False,
) -> int:
    """Show how many repeats of each case are done, how they ended, and the medians so far."""
    from harness.state import counts
    from harness.store import read_records

    found = []
    for directory, campaign in _directories(target, results):
        stored = read_records(directory)
        gc.freeze()  # the records stay to the end: no need for the collector to look at them again and again
        found.append((directory, _states(campaign, stored.records), stored.damaged))
    answer = jobs_of([directory for directory, _ in _directories(target, results)])
    if as_json:
        shown = [_as_dict(*one) | {"counts": counts(one[1])} for one in found]
        jobs = None if answer is None else [shard.as_dict() for shard in answer.shards]
        emit({"campaigns": shown, "jobs": jobs, "queries": 0 if answer is None else answer.queries})
        return 0
    for directory, states, damaged in found:
        show_states(directory.name, states, everything=everything)
        show_jobs(answer, directory)
        for line in damaged:
            note(f"not a record: {line.file}:{line.line_number}: {line.reason}")
    return 0


def jobs_of(directories: Sequence[Path]) -> Answer | None:
    """Return what has become of submitted shards, with one question to Slurm; None if nothing was submitted."""
    if not any((directory / "submissions").is_dir() for directory in directories):
        return None
    from harness.jobs import look
    from harness.submission import read_all

    return look([submission for directory in directories for submission in read_all(directory)])


def show_jobs(answer: Answer | None, directory: Path) -> None:
    """Print one row a shard of the newest submissions, or a count where there are many."""
    shards = [] if answer is None else [s for s in answer.shards if s.submission.directory.parent.parent == directory]
    if answer is None or not shards:
        return
    from harness.jobs import counted

    shown = [shard for shard in shards if shard.living or shard.code != 0][-_MOST_SHARDS:]
    rows = [[s.submission.directory.name, s.pool.pool, str(s.number), s.sentence()] for s in shown]
    if rows:
        table(["submission", "pilots", "shard", ""], rows)
    note(f"{len(shards)} shard(s): {counted(shards)} (Slurm was asked {answer.queries} time(s))")
    if answer.trouble:
        note(f"Slurm does not answer: {answer.trouble}")


def _directories(target: str, results: Path) -> list[tuple[Path, str | None]]:
    """Return the results directories meant, each with its campaign: the one asked for, or the frozen one."""
    from harness.errors import UserError

    path = Path(target)
    if not path.is_dir():
        path = results / load_campaign(target).campaign.name
        if not path.is_dir():
            raise UserError(f"nothing is recorded yet: {path} does not exist (qhpc run {target} --results {results})")
        return [(path, target)]
    found = [path] if _holds_records(path) else sorted(filter(_holds_records, path.iterdir()))
    if not found:
        raise UserError(f"{path}: no records there, nor one level below")
    return [(directory, _frozen(directory)) for directory in found]


def _holds_records(path: Path) -> bool:
    from harness.store import RECORDS

    return (path / RECORDS).is_dir() or _frozen(path) is not None


def _frozen(directory: Path) -> str | None:
    from harness.run import FROZEN

    return str(directory / FROZEN) if (directory / FROZEN).is_file() else None


def _states(campaign: str | None, records: list[Record]) -> list[CaseState]:
    """Return the cases of a campaign; of the records alone where it cannot be expanded here."""
    from harness.cases import expand
    from harness.errors import CampaignError
    from harness.state import case_states, recorded_states

    if campaign is None:
        return recorded_states(records)
    try:
        return case_states(expand(load_campaign(campaign).campaign).cases, records)
    except CampaignError as error:
        note(f"note: {error}; showing the records alone")
        return recorded_states(records)


def _as_dict(directory: Path, states: list[CaseState], damaged: list[DamagedLine]) -> dict[str, Any]:
    return {
        "campaign": directory.name,
        "directory": str(directory),
        "cases": [state.as_dict() for state in states],
        "damaged": [{"file": str(d.file), "line": d.line_number, "reason": d.reason} for d in damaged],
    }


def show_states(campaign: str, states: list[CaseState], *, everything: bool = False) -> None:
    """Print one row a case, a table for each mini-app; of many cases those that are complete and right are left out."""
    apps = list(dict.fromkeys(state.app for state in states))
    if len(apps) > 1:
        note(_title(campaign, states))
    for app in apps or [""]:
        mine = [state for state in states if state.app == app]
        _show_app(f"{campaign}, {app}" if len(apps) > 1 else campaign, mine, everything=everything)


def _show_app(title: str, states: list[CaseState], *, everything: bool) -> None:
    names, cells, right = case_columns(states)
    columns = [*names, "pilots", "ok", "time (median)", "range", "rate", "check", ""]
    told = dict(zip(map(id, states), cells, strict=True))
    rows = [
        [
            *told[id(state)],
            state.label,
            f"{state.ok}/{state.repeats}" if state.repeats else str(state.ok),
            *_times(state),
            _checks(state),
            _trouble(state),
        ]
        for state in _worth_a_row(states, everything=everything)
    ]
    table(columns, rows, title=_title(title, states), right="ok range rate " + right)
    if len(rows) < len(states):
        note(f"{len(states) - len(rows)} of {len(states)} cases not shown: --all, or --json")


def _worth_a_row(states: list[CaseState], *, everything: bool) -> list[CaseState]:
    """Return all cases if they are few; else the first that are incomplete, failed or wrong, or simply the first."""
    if everything or len(states) <= _MOST_CASES:
        return states
    return ([state for state in states if _wants_a_look(state)] or states)[:_MOST_CASES]


def _wants_a_look(state: CaseState) -> bool:
    incomplete = state.repeats is not None and state.ok < state.repeats
    return incomplete or set(state.statuses) != {"ok"} or len(state.digests) > 1


def _times(state: CaseState) -> list[str]:
    from harness.labels import quantity
    from harness.state import MAIN_METRIC

    main = state.metrics.get(MAIN_METRIC)
    if main is None:
        return ["–", "", ""]
    spread = (main["high"] - main["low"]) / main["value"] if main["value"] else 0.0
    rates = [m for m in state.metrics.values() if m["better"] == "higher" and "/s" in m["unit"]]
    rate = quantity(rates[0]["value"], rates[0]["unit"]) if rates else ""
    return [quantity(main["value"], main["unit"]), f"{spread:.0%}" if main["n"] > 1 else "", rate]


def _checks(state: CaseState) -> str:
    if set(state.checks) == {"pass"}:
        return "pass"
    return ", ".join(f"{count} {verdict}" for verdict, count in state.checks.items())


def _trouble(state: CaseState) -> str:
    bad = [f"{count} {status}" for status, count in state.statuses.items() if status != "ok"]
    if len(state.digests) > 1:
        bad.append(f"{len(state.digests)} different answers")
    return ", ".join(bad) + (f": {state.error[:100]}" if state.error else "")


def _title(campaign: str, states: list[CaseState]) -> str:
    from harness.state import counts

    total = counts(states)
    return f"{campaign}: {len(states)} cases, " + ", ".join(f"{count} {name}" for name, count in total.items() if count)
