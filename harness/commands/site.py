"""``qhpc site``: the report as static pages that open from disk."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._common import DEFAULT_RESULTS, Json, Results, emit, note, out

_ASV = Path(".asv/html")


def site(
    results: Results = DEFAULT_RESULTS,
    *,
    directory: Annotated[Path, typer.Option("--out", metavar="DIR", help="Where to write.")] = Path("site"),
    asv: Annotated[
        Path, typer.Option("--asv", metavar="DIR", help="Pages made by asv publish, to take in; if there are any.")
    ] = _ASV,
    as_json: Json = False,
) -> int:
    """Write the results as a site: every campaign and figure with its data and origin, the paper, comparisons.

    Static pages with interactive charts; they open from disk and need no server and no network.
    """
    from .report import missing

    try:
        from harness.report.site import build
    except ImportError as error:
        raise missing(error) from error
    made = build(results, directory, asv_html=asv)
    if as_json:
        emit({"index": str(made.index), "pages": made.pages, "bytes": made.size})
    else:
        out().print(f"{len(made.pages)} pages, {made.size / 1e6:.1f} MB", markup=False)
        out().print(f"open: {made.index}", markup=False, soft_wrap=True)
    for line in made.damaged:
        note(f"not a record: {line.file}:{line.line_number}: {line.reason}")
    return 0
