"""Drawing series of points by their kind: measured, published, projected; and the legend that says so."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.collections import LineCollection
from matplotlib.legend import Legend
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

from harness.labels import quantity

from .style import COLOURS, GREYS, LINES, MARKERS, PROJECTED

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.axes._secondary_axes import SecondaryAxis

MANY: Final = 16
"""More measured series than this are not told apart in a picture."""
_LEGEND: Final[dict[str, Any]] = {
    "fontsize": 9,
    "handlelength": 2.4,
    "handletextpad": 0.6,
    "labelspacing": 0.5,
    "borderaxespad": 0.0,
    "borderpad": 0.0,
}
_LEGEND_COLUMNS: Final = 22
_LEGEND_HEADING_IN: Final = 0.38
_LEGEND_LINE_IN: Final = 0.19
Legends = dict[str, list[tuple[Any, str]]]
"""Handle and label of each series, by kind."""
HEADINGS: Final = {"measured": "Measured here", "published": "Published", "projected": "Projected"}
MIXED: Final = "measured, projected"
"""Kind of what holds for measured and for projected points alike; it is its heading too."""


@dataclass(frozen=True, slots=True)
class Look:
    """How one measured series is told from the others.

    Attributes
    ----------
    colour, marker
        0-based places in the tables of colours and markers.
    rank
        0-based place in the order of drawing: later series are drawn on top and thinner, so that equal points do not
        hide each other.
    crowd
        Name of the crowd that the series is drawn in when there are too many to tell apart; empty if it stands alone.
    """

    colour: int
    marker: int
    rank: int
    crowd: str = ""


def looks(names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], Look]:
    """Return a look for each series that is named by two parts.

    If both parts differ among the series, the colour stands for the first and the marker for the second; else both
    stand for the part that differs. More series than can be told apart are crowds by their first part.
    """
    first, second = (list(dict.fromkeys(name[part] for name in names)) for part in (0, 1))
    distinct = list(dict.fromkeys(names))
    if len(distinct) > MANY:
        return {name: Look(first.index(name[0]), 0, first.index(name[0]), name[0] or "all") for name in distinct}
    found = {}
    for rank, name in enumerate(distinct):
        colour, marker = first.index(name[0]), second.index(name[1])
        both = len(first) > 1 and len(second) > 1
        found[name] = Look(colour, marker, rank) if both else Look(rank, rank, rank)
    return found


def crowd_note(looks: Mapping[Any, Look]) -> str:
    """Return the sentence of the caption that says how crowds are drawn; empty without any."""
    count = sum(bool(look.crowd) for look in looks.values())
    return f"{count} series without their intervals; the points' file names each." if count else ""


def measured(axes: Axes, points: pd.DataFrame, look: Look, columns: tuple[str, str, str, str]) -> Line2D:
    """Draw one measured series: filled markers on a solid line, with intervals.

    Parameters
    ----------
    axes
        Where.
    points
        Rows of one series in order.
    look
        Its colour and marker.
    columns
        Names of x, y and of the interval's ends.
    """
    x, y, low, high = columns
    colour, thin = COLOURS[look.colour % len(COLOURS)], min(look.rank, 4)
    style: dict[str, Any] = {
        "color": colour,
        "marker": MARKERS[look.marker % len(MARKERS)],
        "linestyle": LINES[look.colour // len(COLOURS) % len(LINES)],
        "linewidth": 2.6 - 0.4 * thin,
        "markersize": 8.5 - 0.9 * thin,
        "markeredgecolor": "white",
        "markeredgewidth": 0.7,
    }
    bars = np.array([points[y] - points[low], points[high] - points[y]])
    order = 3 + 0.02 * look.rank
    axes.errorbar(points[x], points[y], yerr=bars, fmt="none", ecolor=colour, elinewidth=1.2, capsize=3, zorder=order)
    axes.plot(points[x], points[y], zorder=order + 0.01, **style)
    return Line2D([], [], **style)


def crowd(axes: Axes, lines: Sequence[pd.DataFrame], look: Look, columns: tuple[str, str]) -> Line2D:
    """Draw many measured series alike: thin lines in one colour."""
    x, y = columns
    style: dict[str, Any] = {"colors": COLOURS[look.colour % len(COLOURS)], "linewidths": 0.8, "alpha": 0.35}
    axes.add_collection(LineCollection([rows[[x, y]].to_numpy() for rows in lines], zorder=3 + look.rank, **style))
    axes.autoscale_view()
    return Line2D([], [], color=style["colors"], linewidth=1.6, alpha=0.7)


def published(axes: Axes, points: pd.DataFrame, number: int, columns: tuple[str, str]) -> Line2D:
    """Draw one published series: hollow grey markers on a dashed line."""
    x, y = columns
    colour = GREYS[number % len(GREYS)]
    style: dict[str, Any] = {
        "color": colour,
        "marker": MARKERS[(number + 3) % len(MARKERS)],
        "linestyle": (0, (4, 2.5)),
        "linewidth": 1.1,
        "markersize": 7,
        "markerfacecolor": "white",
        "markeredgecolor": colour,
        "markeredgewidth": 1.5,
    }
    axes.plot(points[x], points[y], zorder=3.5, **style)
    return Line2D([], [], **style)


def projected(
    axes: Axes, points: pd.DataFrame, columns: tuple[str, str, str, str], *, colour: str = PROJECTED, number: int = 0
) -> tuple[Patch, Line2D]:
    """Draw one projected series: a dotted line in a hatched band; further ones (``number``) have longer dots."""
    x, y, low, high = columns
    band: dict[str, Any] = {"facecolor": colour + "14", "edgecolor": colour + "55", "hatch": "////", "linewidth": 0.0}
    line: dict[str, Any] = {"color": colour, "linestyle": (0, (1 + 2.5 * number, 1.6)), "linewidth": 2.2}
    axes.fill_between(points[x], points[low], points[high], zorder=1.5, **band)
    axes.plot(points[x], points[y], zorder=2.5, **line)
    return Patch(**band), Line2D([], [], **line)


def draw_all(
    axes: Axes, points: pd.DataFrame, looks: Mapping[str, Look], columns: tuple[str, str, str, str]
) -> Legends:
    """Draw every series of a table by its kind and return what the legend needs.

    Parameters
    ----------
    axes
        Where.
    points
        Rows with columns ``kind`` and ``series``, in order within a series.
    looks
        Look of each measured series; a projected series without one has the colour of projections.
    columns
        Names of x, y and of the interval's ends.
    """
    found: Legends = {kind: [] for kind in HEADINGS}
    crowds: dict[Look, list[pd.DataFrame]] = {}
    for (kind, name), rows in points.groupby(["kind", "series"], sort=False):
        look = looks.get(str(name))
        handle: Any
        if kind == "measured" and look is not None and look.crowd:
            crowds.setdefault(look, []).append(rows)
            continue
        if kind == "measured" and look is not None:
            handle = measured(axes, rows, look, columns)
        elif kind == "published":
            handle = published(axes, rows, len(found["published"]), columns[:2])
        else:
            colour = COLOURS[look.colour % len(COLOURS)] if look else PROJECTED
            handle = projected(axes, rows, columns, colour=colour, number=len(found["projected"]))
        found[str(kind)].append((handle, str(name)))
    for look, lines in crowds.items():
        found["measured"].append((crowd(axes, lines, look, columns[:2]), f"{look.crowd}: {len(lines)} series"))
    return found


def legend(axes: Axes, groups: Legends, *, shift_in: float = 0.2) -> None:
    """Write the legend at the right of the axes: one block per kind with its heading, empty ones left out.

    Parameters
    ----------
    axes
        The axes; their size is taken from their figure.
    groups
        Handle and label of each series, by kind.
    shift_in
        Distance from the axes in inches.
    """
    width, height = (length / axes.figure.dpi for length in axes.bbox.size)
    down = -0.10
    for kind, entries in groups.items():
        if entries:
            labels = [
                label if len(label) <= _LEGEND_COLUMNS + 2 else fill(label, _LEGEND_COLUMNS) for _, label in entries
            ]
            block = Legend(
                axes,
                [handle for handle, _ in entries],
                labels,
                title=HEADINGS.get(kind, kind.capitalize()),
                alignment="left",
                loc="upper left",
                bbox_to_anchor=(1 + shift_in / width, 1 - down / height),
                title_fontproperties={"weight": "bold", "size": 9},
                **_LEGEND,
            )
            axes.add_artist(block)
            down += _LEGEND_HEADING_IN + _LEGEND_LINE_IN * sum(1 + 0.8 * label.count("\n") for label in labels)


def log_axis(axes: Axes | SecondaryAxis, unit: str, which: str = "y") -> None:
    """Make an axis logarithmic, with ticks as scaled quantities of ``unit``."""
    (axes.set_yscale if which == "y" else axes.set_xscale)("log")
    log_ticks(axes, unit, which)


def log_ticks(axes: Axes | SecondaryAxis, unit: str, which: str = "y") -> None:
    """Set the ticks of an axis that is logarithmic already, as scaled quantities of ``unit``.

    A secondary axis that runs the other way keeps its direction only if its scale is left alone.
    """
    axis = axes.yaxis if which == "y" else axes.xaxis
    axis.set_major_locator(LogLocator(10, numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda number, _: _tick(float(number), unit, 1)))
    axis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="y" if which == "y" else "x", which="minor", length=2.5, color="#BBBBBB")


def linear_axis(axes: Axes, unit: str) -> None:
    """Write the ticks of the vertical axis as scaled quantities of ``unit``."""
    axes.yaxis.set_major_formatter(FuncFormatter(lambda number, _: _tick(float(number), unit, 3)))


def no_ticks() -> NullLocator:
    """Return a locator for an axis without minor ticks."""
    return NullLocator()


def _tick(number: float, unit: str, digits: int) -> str:
    """Return a tick's text; only seconds keep their unit, others have it in the axis title."""
    text = quantity(number, unit, digits=digits)
    return text if unit in ("s", "1") else text.removesuffix(unit).rstrip()
