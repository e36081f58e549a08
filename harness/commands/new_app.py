"""``qhpc new-app``: write the skeleton of a mini-app that runs at once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ._common import Json, emit, note


def new_app(
    name: Annotated[str, typer.Argument(help="Name of the mini-app, in snake_case.")],
    directory: Annotated[
        Path, typer.Option("--dir", metavar="DIR", help="Where to make the package's directory.")
    ] = Path(),
    inside: Annotated[
        bool, typer.Option("--inside", help="Make it a part of this checkout (miniapps/NAME) instead.")
    ] = False,
    as_json: Json = False,
) -> int:
    """Write a mini-app that runs: parameters, kernels, flow with its check, a test, a campaign."""
    from harness.scaffold import write_inside, write_outside

    made = write_inside(name) if inside else write_outside(name, directory)
    if as_json:
        emit({"name": made.name, "files": [str(file) for file in made.files], "campaign": str(made.campaign)})
        return 0
    for file in made.files:
        note(f"wrote {file}")
    note(f"run it:       qhpc run {made.campaign} --results results")
    note(f"test it:      python -m pytest {made.test}")
    note(f"register it:  {made.register}")
    return 0
