"""``qhpc export``: records in other people's formats."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._common import DEFAULT_RESULTS, Json, emit, out

_Place = Annotated[Path, typer.Argument(metavar="DIR", help="A results directory, a campaign in it, or a record file.")]
_To = Annotated[str, typer.Option("--to", metavar="FORMAT", help="csv, parquet, asv, pytest-benchmark or rocrate.")]
_Out = Annotated[
    Path | None, typer.Option("--out", metavar="PATH", help="File or directory to write. Default: named by the format.")
]
_Filters = Annotated[
    list[str] | None,
    typer.Option("--filter", metavar="KEY=VALUE", help="Only these records: n_qubits=12, commit=1a2b."),
]


def export(
    place: _Place = DEFAULT_RESULTS,
    *,
    to: _To = "csv",
    target: _Out = None,
    filters: _Filters = None,
    as_json: Json = False,
) -> int:
    """Write records as a flat table, as asv's or pytest-benchmark's results, or as an RO-Crate.

    Notebooks need none of these: harness.load_records(DIR) and harness.load_frame(DIR) read records directly.
    """
    from harness import export as library
    from harness.export.source import read

    where = target or Path(library.default_target(to))
    source = read(place, filters or [])
    files = library.write(to, source, where)
    if as_json:
        emit({"format": to, "records": len(source.records), "files": [str(file) for file in files]})
    else:
        out().print(f"{len(source.records)} record(s) -> {files[0]}", markup=False, soft_wrap=True)
        if len(files) > 1:
            out().print(f"and {len(files) - 1} more file(s) below {where}", markup=False, soft_wrap=True)
    return 0
