"""``qhpc init``: write a commented campaign to start from."""

from __future__ import annotations

from pathlib import Path
from string import Template
from typing import Annotated

import typer

from ._common import Json, emit, note

_TEMPLATE = Path(__file__).parent.parent / "templates" / "campaign.toml"


def init(
    path: Annotated[Path, typer.Argument(help="File to write.")] = Path("campaign.toml"),
    app: Annotated[str, typer.Option("--app", help="Mini-app to measure (qhpc list).")] = "circuit_execution",
    force: Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")] = False,
    as_json: Json = False,
) -> int:
    """Write a commented campaign to start from."""
    from harness.errors import UserError

    if path.exists() and not force:
        raise UserError(f"{path} exists already; --force overwrites it")
    if not path.parent.is_dir():
        raise UserError(f"{path.parent}: no such directory")
    text = _text(path.stem, app)
    try:
        path.write_text(text, "utf-8")
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    if as_json:
        emit({"file": str(path)})
    else:
        note(f"wrote {path}; see what it would run: qhpc plan {path}")
    return 0


def _text(stem: str, app: str) -> str:
    """Return the campaign, checked: what ``init`` writes must be a campaign that runs."""
    import re
    import tomllib

    from harness.cases import expand
    from harness.spec import parse_campaign

    name = re.sub(r"[^A-Za-z0-9._-]", "-", stem).lstrip("._-") or "campaign"
    params = "n_qubits = [4, 8, 12]\nn_circuits = 64" if app == "circuit_execution" else f"# see: qhpc describe {app}"
    text = Template(_TEMPLATE.read_text("utf-8")).substitute(name=name, app=app, params=params)
    expand(parse_campaign(tomllib.loads(text)))
    return text
