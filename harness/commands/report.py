"""``qhpc report``: tables and figures of recorded campaigns."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._common import DEFAULT_RESULTS, Json, Results, emit, load_campaign, note, out, table

if TYPE_CHECKING:
    from harness.report import CampaignReport
    from harness.store import DamagedLine

_MOST_ROWS = 60


def report(
    target: Annotated[
        str | None,
        typer.Argument(
            metavar="DIR|SPEC", help="A results directory, one campaign in it, or a campaign. Default: all."
        ),
    ] = None,
    *,
    results: Results = DEFAULT_RESULTS,
    figure: Annotated[
        str | None, typer.Option("--figure", metavar="NAME", help="Only this figure: fig6. Default: what fits.")
    ] = None,
    directory: Annotated[
        Path | None,
        typer.Option("--out", metavar="DIR", help="Write to DIR/<campaign>/. Default: the campaign's own figures/."),
    ] = None,
    as_json: Json = False,
) -> int:
    """Draw the figures of recorded campaigns and write their tables, points and origins beside them.

    Figures come as PNG, SVG and PDF, their points as CSV, tables as Markdown and LaTeX.
    """
    try:
        from harness.report import read_campaigns, write_report
    except ImportError as error:
        raise missing(error) from error

    campaigns, damaged = read_campaigns(_place(target, results))
    gc.freeze()  # the records stay to the end: no need for the collector to look at them again and again
    reports = write_report(campaigns, figure=figure, out=directory)
    if as_json:
        emit({"campaigns": [_as_dict(one) for one in reports], "damaged": _damaged(damaged)})
        return 0
    for one in reports:
        _show(one)
    for line in damaged:
        note(f"not a record: {line.file}:{line.line_number}: {line.reason}")
    return 0


def _place(target: str | None, results: Path) -> Path:
    """Return the directory meant: a path as it is, a campaign's below ``results``."""
    if target is None:
        return results
    if Path(target).is_dir() or Path(target).suffix == ".jsonl":
        return Path(target)
    below = results / target
    return below if below.is_dir() else results / load_campaign(target).campaign.name


def missing(error: ImportError) -> Exception:
    """Return the error that says which library is missing and how it comes."""
    from harness.errors import UserError

    return UserError(
        f"{error.name} is not installed; tables, figures and comparisons need: pip install 'qhpc-miniapps[report]'"
    )


def _show(one: CampaignReport) -> None:
    rows = one.table.rows[:_MOST_ROWS]
    table(one.table.columns, rows, title=one.table.title, right=" ".join(one.table.right))
    if len(rows) < len(one.table.rows):
        note(f"the first {len(rows)} of {len(one.table.rows)} cases; all are in {one.tables[0]}")
    out().print(one.table.caption, markup=False, style="dim")
    for files in one.figures.values():
        out().print(f"figure: {files[0]}", markup=False, soft_wrap=True)
    out().print(f"        also {_others(one)}", markup=False, soft_wrap=True, style="dim")


def _others(one: CampaignReport) -> str:
    suffixes = ", ".join(dict.fromkeys(f.suffix for files in one.figures.values() for f in files[1:]))
    tables = ", ".join(file.name for file in one.tables)
    return f"{suffixes + '; ' if suffixes else ''}table: {tables} in {one.tables[0].parent}"


def _as_dict(one: CampaignReport) -> dict[str, Any]:
    from dataclasses import asdict

    return {
        "campaign": one.campaign,
        "cases": [asdict(case) for case in one.cases],
        "figures": {name: [str(file) for file in files] for name, files in one.figures.items()},
        "tables": [str(file) for file in one.tables],
        "origin": asdict(one.origin),
    }


def _damaged(damaged: list[DamagedLine]) -> list[dict[str, Any]]:
    return [{"file": str(line.file), "line": line.line_number, "reason": line.reason} for line in damaged]
