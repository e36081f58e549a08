"""``qhpc migrate``: write record files of older formats anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._common import DEFAULT_RESULTS, Json, emit, note

_Place = Annotated[Path, typer.Argument(metavar="DIR", help="A results directory, a campaign in it, or a record file.")]


def migrate(place: _Place = DEFAULT_RESULTS, *, as_json: Json = False) -> int:
    """Write records of older formats in today's format, for other programs; qhpc itself reads old ones as they are.

    What was there is kept beside each file as <file>.schema-<version>. Nothing is changed if all is of today's format.
    """
    from harness.record import SCHEMA
    from harness.rewrite import rewrite

    done = rewrite(place)
    if as_json:
        files = [{"file": str(one.file), "kept": str(one.kept), "records": one.records} for one in done]
        emit({"schema": SCHEMA, "files": files})
        return 0
    for one in done:
        note(f"{one.file}: {one.records} record(s) are now schema {SCHEMA}; as they were: {one.kept.name}")
    if not done:
        note(f"nothing to do: all records are of schema {SCHEMA}")
    return 0
