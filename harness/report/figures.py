"""Figures: which one fits a campaign, drawing it, and writing it with its points and its origin.

A figure is a module with ``applies(cases)`` and ``draw(request)``, and one line in the table below. A campaign that no
figure of the paper fits gets the general one.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from .tables import Table, write_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd
    from matplotlib.figure import Figure

    from harness.provenance import Provenance
    from harness.record import Record

    from .summary import CaseSummary

_FIGURES: Final = {
    "barrier": "harness.report.barrier",
    "coupling": "harness.report.coupling",
    "fig10": "harness.report.fig10",
    "fig11": "harness.report.fig11",
    "fig6": "harness.report.fig6",
    "fig7": "harness.report.fig7",
    "fig8": "harness.report.fig8",
    "fig9": "harness.report.fig9",
    "generative": "harness.report.generative",
    "mitigation": "harness.report.mitigation",
    "pipeline": "harness.report.pipeline",
    "staleness": "harness.report.staleness",
    "table3": "harness.report.table3",
    "table4": "harness.report.table4",
    "training": "harness.report.training",
}
_GENERAL: Final = "harness.report.general"


@dataclass(frozen=True, slots=True)
class Request:
    """What a figure is drawn from: the cases of one campaign and their origin; and the records behind them."""

    cases: Sequence[CaseSummary]
    origin: Provenance
    records: Sequence[Record] = ()


@dataclass(frozen=True, slots=True)
class View:
    """Which columns of the points a chart on a page shows; the picture stays what it is.

    Attributes
    ----------
    x, y
        Columns of the two axes. Of bars (``parts``) ``y`` holds their labels and ``x`` is empty.
    low, high
        Columns with the ends of the interval of the number: of ``y``, or of ``x`` in rows; empty without.
    x_title, y_title
        Names of the axes, with units.
    log
        The axes that are logarithmic: ``""``, ``"x"``, ``"y"`` or ``"xy"``.
    rows
        Whether cases stand one below the other, ``y`` being their labels.
    only
        Column and value of the points that are shown; None shows all.
    parts
        Columns that are stacked in one bar for each row, with their names.
    """

    x: str
    y: str
    low: str = ""
    high: str = ""
    x_title: str = ""
    y_title: str = ""
    log: str = "y"
    rows: bool = False
    only: tuple[str, str] | None = None
    parts: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Drawing:
    """A drawn figure.

    Attributes
    ----------
    name
        Stem of its files.
    figure
        The picture.
    points
        Every point in it, one a row, with a column ``kind``: measured, published or projected.
    caption
        The text below the picture.
    table
        The same numbers as a table; None where the points say enough.
    view
        How the points are shown in a chart on a page; None if only the picture is.
    """

    name: str
    figure: Figure
    points: pd.DataFrame
    caption: str
    table: Table | None = None
    view: View | None = None


def names() -> tuple[str, ...]:
    """Return the names of all figures."""
    return tuple(_FIGURES)


def draw(request: Request, figure: str | None = None) -> list[Drawing]:
    """Draw one figure by name, or every figure that fits, or the general ones if none does.

    Returns
    -------
    list of Drawing
        Empty if there is nothing to draw for that name.
    """
    modules = {name: import_module(path) for name, path in _FIGURES.items() if figure in (None, name)}
    fitting = [module for module in modules.values() if module.applies(request.cases)]
    if fitting:
        return [module.draw(request) for module in fitting]
    if figure is not None:
        return []
    found: list[Drawing] = import_module(_GENERAL).draw_all(request)
    return found


def write(drawing: Drawing, directory: Path, origin: Provenance) -> list[Path]:
    """Write a drawing as PNG, SVG, PDF, its points as CSV, its origin as JSON, its table as Markdown and LaTeX.

    Returns
    -------
    list of Path
        The files, PNG first.
    """
    from .style import save, styled

    with styled():
        files = save(drawing.figure, directory / drawing.name)
    table, sidecar = (directory / f"{drawing.name}.{kind}" for kind in ("csv", "json"))
    drawing.points.to_csv(table, index=False, lineterminator="\n")
    sidecar.write_text(json.dumps(_sidecar(drawing, origin), indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    tables = [] if drawing.table is None else write_table(drawing.table, directory, drawing.name)
    return [*files, table, sidecar, *tables]


def _sidecar(drawing: Drawing, origin: Provenance) -> dict[str, Any]:
    kinds = drawing.points["kind"].value_counts().sort_index()
    return {
        "figure": drawing.name,
        "caption": drawing.caption,
        "points": {str(kind): int(count) for kind, count in kinds.items()},
        "origin": asdict(origin),
    }
