"""What the commands share: their options, and how they print."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from harness.labels import Identified
    from harness.machines import Machine
    from harness.spec import CampaignFile

Json = Annotated[bool, typer.Option("--json", help="Print strict JSON to stdout, and nothing else there.")]
Spec = Annotated[str, typer.Argument(help="A campaign: a TOML file, or the name of a shipped one (qhpc list).")]
Results = Annotated[Path, typer.Option("--results", metavar="DIR", help="Where results are kept, by campaign.")]
Only = Annotated[
    str | None, typer.Option("--only", metavar="EXPR", help='Only cases for which EXPR holds: "n_qubits <= 10".')
]
Repeats = Annotated[
    int | None, typer.Option("--repeats", min=1, help="Repeats of every case, instead of the campaign's.")
]

MachineName = Annotated[
    str | None, typer.Option("--machine", "-m", help="Run pilots as jobs of this machine: a name, or a TOML file.")
]
MachineOptions = Annotated[
    list[str] | None,
    typer.Option("--option", "-o", metavar="KEY=VALUE", help="Option of the machine: account=m0000, qos=debug, …"),
]

DEFAULT_RESULTS: Final = Path("results")
_WIDTH_OF_A_FILE: Final = 160
_COLUMN_GAP = 3
_LEAST_OF_REMARKS = 40
"""Width of the column without a heading, whose text may be broken, where there is not enough room."""
_WIDTH_OF_THE_REST: Final = 50
"""Of a table of cases: of what is not said about parameters."""
_SPARED_FIRST = ("quartiles", "range", "gates", "interval", "repeats", "shots", "pilots", "rate", "n")
"""Columns to leave out on a narrow terminal, the first one first."""


def out() -> Console:
    """Return the console of stdout; a file or a pipe gets wide lines, so that no table is cut."""
    return _console(stderr=False)


def err() -> Console:
    """Return the console of stderr."""
    return _console(stderr=True)


def _console(*, stderr: bool) -> Console:
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() or "COLUMNS" in os.environ else _WIDTH_OF_A_FILE
    return Console(stderr=stderr, width=width, highlight=False)


def emit(value: Any) -> None:
    """Print a value as strict JSON."""
    sys.stdout.write(json.dumps(value, indent=2, allow_nan=False, ensure_ascii=False) + "\n")


def note(text: str) -> None:
    """Print a remark for a person to stderr."""
    sys.stderr.write(f"{text}\n")


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], *, title: str = "", right: str = "", markup: bool = False
) -> None:
    """Print a table; columns named in ``right`` (by blanks) are set flush right, empty ones are left out.

    On a narrow terminal the columns that can be spared most are left out too, and named below the table.
    """
    from rich import box
    from rich.table import Table

    drawn = Table(title=title or None, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
    rows = list(rows)
    filled = [index for index in range(len(columns)) if any(row[index] for row in rows)]
    kept = _fitting(columns, rows, filled, markup=markup)
    for column in (columns[index] for index in kept):
        drawn.add_column(column, justify="right" if column in right.split() else "left", overflow="fold")
    for row in rows:
        drawn.add_row(*(row[index] if markup else escaped(row[index]) for index in kept))
    out().print(drawn)
    if len(kept) < len(filled):
        spared = ", ".join(columns[index] for index in filled if index not in kept)
        out().print(f"(left out for lack of width: {spared}; --json has everything)", style="dim")


def _fitting(
    columns: Sequence[str], rows: Sequence[Sequence[str]], filled: Sequence[int], *, markup: bool
) -> list[int]:
    """Return the columns that fit the terminal; if they do not, without those that can be spared, as far as needed."""
    from rich.text import Text

    def width(index: int) -> int:
        cells = [Text.from_markup(row[index]) if markup else Text(row[index]) for row in rows]
        longest = max([len(columns[index]), *(cell.cell_len for cell in cells)])
        return min(longest, _LEAST_OF_REMARKS if not columns[index] else longest) + _COLUMN_GAP

    kept = list(filled)
    room = out().width
    for name in _SPARED_FIRST:
        if sum(map(width, kept)) <= room:
            break
        kept = [index for index in kept if columns[index] != name or _tells_apart(name, rows, index)]
    return kept


def _tells_apart(name: str, rows: Sequence[Sequence[str]], index: int) -> bool:
    """Tell whether a column says which case a row is: no other one does, where pilots differ."""
    return name == "pilots" and len({row[index] for row in rows}) > 1


def case_columns(cases: Sequence[Identified]) -> tuple[list[str], list[list[str]], str]:
    """Return what tells cases apart: columns, the cells of each case, and which columns are to be set flush right.

    A column for each parameter that differs; where they are too many for the terminal, for the fewest that are needed;
    where these are too many as well, one column that says them in words.
    """
    from harness.labels import axes, axes_at, short_label, value

    every = axes(cases, ignore=())
    names, room = [name for name in every if name != "seed"], out().width - _WIDTH_OF_THE_REST
    seed = ["seed"] if "seed" in every and len({_identity(case, names) for case in cases}) < len(cases) else []
    names += seed
    for few in (False, True):
        if few:
            names = [*axes_at(cases, None), *seed]
        cells = [[value(case.params.get(name)) for name in names] for case in cases]
        widths = [max(map(len, column)) for column in zip(names, *cells, strict=True)] if names else []
        if sum(widths) + _COLUMN_GAP * len(names) <= room:
            return names, cells, _numeric({name: every[name] for name in names})
    return ["case"], [[short_label(case.params, names)] for case in cases], ""


def _identity(case: Identified, names: Sequence[str]) -> str:
    from harness.labels import pool_id, value

    return "|".join([pool_id(case.pool), *(value(case.params.get(name)) for name in names)])


def _numeric(axes: Mapping[str, Sequence[Any]]) -> str:
    """Return the names of the axes whose levels are numbers, by blanks, for the ``right`` of `table`."""
    return " ".join(name for name, levels in axes.items() if all(isinstance(one, int | float) for one in levels))


def escaped(text: str) -> str:
    """Return text that rich prints as it is."""
    from rich.markup import escape

    return escape(text)


@contextmanager
def stdout_for_json(active: bool) -> Iterator[None]:
    """Send to stderr whatever this process or its children print, so that only `emit` reaches stdout afterwards."""
    if not active:
        yield
        return
    sys.stdout.flush()
    saved = os.dup(1)
    try:
        os.dup2(2, 1)
        with redirect_stdout(sys.stderr):
            yield
    finally:
        sys.stdout.flush()
        os.dup2(saved, 1)
        os.close(saved)


def load_campaign(spec: str) -> CampaignFile:
    """Find and read a campaign; an app given by its place is looked for beside the file and in the working directory.

    Raises
    ------
    harness.errors.CampaignError
        One line for a person.
    """
    from harness.spec import find, load

    file = load(find(spec))
    if any(":" in app.name for app in file.campaign.apps):
        for directory in (Path.cwd(), file.path.resolve().parent):
            if str(directory) not in sys.path:
                sys.path.insert(0, str(directory))
    return file


def load_machine(name: str | None, options: list[str] | None) -> Machine | None:
    """Read a machine; None if none is named.

    Raises
    ------
    harness.errors.CampaignError
        One line for a person.
    """
    from harness.errors import CampaignError
    from harness.machines import load

    if name is None:
        if options:
            raise CampaignError("--option belongs to a machine: add --machine NAME")
        return None
    return load(name, options or ())


@contextmanager
def naming(file: CampaignFile) -> Iterator[None]:
    """Put the file's name before what is wrong with its campaign."""
    from harness.errors import CampaignError

    try:
        yield
    except CampaignError as error:
        raise CampaignError(f"{file.path}: {error}") from error
