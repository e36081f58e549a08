"""``qhpc paper``: the paper's tables, figures and claims from records, running what is missing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._common import DEFAULT_RESULTS, Json, MachineName, MachineOptions, Results, emit, note, out, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.report.paper import Item, Paper
    from harness.report.paper.draw import Made


def paper(
    items: Annotated[
        list[str] | None, typer.Argument(metavar="ITEM", help="table3, fig6, …; all of the paper if none is named.")
    ] = None,
    *,
    results: Results = DEFAULT_RESULTS,
    directory: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to write.")] = Path("paper"),
    scale: Annotated[str, typer.Option("--scale", help="laptop, node or paper: which campaigns are meant.")] = "laptop",
    no_run: Annotated[bool, typer.Option("--no-run", help="Only from records; start nothing.")] = False,
    budget_s: Annotated[
        float | None,
        typer.Option("--budget-s", min=0, help="Seconds for each campaign, instead of the budget it states."),
    ] = None,
    machine: MachineName = None,
    option: MachineOptions = None,
    as_json: Json = False,
) -> int:
    """Regenerate the paper's tables and figures from records, and test its claims.

    Repeats that are missing are run first, each campaign within the time budget it states; the same command goes on
    where it was interrupted. Then everything that has records is drawn: PNG, SVG, PDF, CSV, LaTeX, Markdown, the same
    bytes from the same records. What has none says how to make it. Start reading at DIR/README.md.
    """
    chosen = _chosen(items or [], scale)
    code = 0 if no_run else _run(chosen, results, scale, budget_s=budget_s, machine=_machine(machine, option))
    if code:
        note("interrupted; what is finished is kept: the same command goes on from here")
        return code
    from harness.report.paper import regenerate

    made = regenerate(chosen, results, directory, scale)
    if as_json:
        emit(_as_dict(made))
    else:
        _show(made)
    for line in made.damaged:
        note(f"not a record: {line.file}:{line.line_number}: {line.reason}")
    return 0


def _chosen(names: Sequence[str], scale: str) -> list[Item]:
    from harness.errors import UserError

    from .report import missing

    try:
        from harness.report.paper import SCALES, chosen
    except ImportError as error:
        raise missing(error) from error
    if scale not in SCALES:
        raise UserError(f"--scale {scale!r}: must be one of {', '.join(SCALES)}")
    return chosen(names)


def _machine(name: str | None, options: Sequence[str] | None) -> tuple[str, ...]:
    """Return the options that a machine is passed on with."""
    named = () if name is None else ("--machine", name)
    return (*named, *(word for one in options or () for word in ("--option", one)))


def _run(items: Sequence[Item], results: Path, scale: str, *, budget_s: float | None, machine: tuple[str, ...]) -> int:
    """Run what is missing; return the exit code of a run that a signal ended, else 0."""
    from harness.report.paper import run
    from harness.report.paper.progress import progress, shipped_campaign
    from harness.store import read_records

    for item in items:
        name = item.campaigns.get(scale)
        if name is None:
            continue
        campaign = shipped_campaign(name)
        recorded = read_records(results / name).records if (results / name).is_dir() else []
        state = progress(campaign, recorded)
        if state is not None and not state.missing:
            continue
        budget = campaign.budget_s if budget_s is None else budget_s
        first = item.calibrated and not run.modelled(results)
        todo = run.steps(name, results, budget_s=budget, calibrate=first, machine=machine)
        for step in todo:
            note(f"{item.name}: {state.sentence() if state else 'its mini-app is not installed.'} {step.text}")
        code = run.execute(todo)
        if run.interrupted(code):
            return code
    return 0


def _show(made: Paper) -> None:
    rows = [(one.item.title, one.state, one.campaign or "–", _said(one)) for one in made.made]
    table(("", "state", "campaign", ""), rows, title="The paper from records")
    judged = [(claim.says, finding.verdict, finding.measured or "–") for claim, finding in made.judged]
    table(("claim", "verdict", "measured here"), judged, title="Claims")
    out().print(f"written: {made.index}", markup=False, soft_wrap=True)


def _said(made: Made) -> str:
    if made.state == "no data":
        return f"make it: {made.command}"
    return made.progress.sentence() if made.progress is not None else ""


def _as_dict(made: Paper) -> dict[str, Any]:
    from harness.report.paper.claims import as_dicts
    from harness.report.paper.draw import as_dict

    return {
        "index": str(made.index),
        "items": [as_dict(one) for one in made.made],
        "claims": as_dicts(made.judged),
        "damaged": [{"file": str(line.file), "line": line.line_number, "reason": line.reason} for line in made.damaged],
    }
