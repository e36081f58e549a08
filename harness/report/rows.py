"""Cases one below the other as bars: what figures of motifs without a numeric axis have in common."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import fill
from typing import TYPE_CHECKING, Any, Final

from harness.labels import axes_at, pool_id, pool_names, short_label

from . import series, style

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .summary import CaseSummary

_ROW_IN: Final = 0.3
_LEAST_IN: Final = 1.6
_LABEL_COLUMNS: Final = 42
_LEFT_IN: Final = 3.0
_PLOT_IN: Final = 3.2


@dataclass(frozen=True, slots=True)
class Text:
    """The words around a picture: title, line below it, name of the horizontal axis with its unit, caption."""

    title: str
    subtitle: str
    axis: str
    unit: str
    caption: str


def labels(cases: Sequence[CaseSummary], *, without: Sequence[str] = ()) -> list[str]:
    """Return for each case what tells it from the others: its app, its pool, its parameters."""
    pools, apps = pool_names(case.pool for case in cases), {case.app for case in cases}
    found = []
    for case in cases:
        alike = [other for other in cases if other.app == case.app]
        differing = [name for name in axes_at(alike, None) if name not in without]
        problems = {other.params.get("problem") for other in cases}
        parts = [case.app if len(apps) > 1 else "", pools[pool_id(case.pool)] if len(pools) > 1 else ""]
        parts.append(str(case.params["problem"]) if len(problems) > 1 else "")
        parts.append(short_label(case.params, [name for name in differing if name != "problem"]))
        found.append(", ".join(part for part in parts if part) or case.app)
    return found


def stacked(points: pd.DataFrame, parts: Mapping[str, str], text: Text) -> Figure:
    """Draw a bar for each row of ``points``, made of its columns ``parts`` (column -> name), labelled by ``label``."""
    drawn, axes = _canvas(points, text)
    left = [0.0] * len(points)
    handles: list[tuple[Any, str]] = []
    for number, (column, name) in enumerate(parts.items()):
        values = points[column].to_list()
        bars = axes.barh(range(len(points)), values, left=left, height=0.66, color=style.COLOURS[number], label=name)
        left = [a + b for a, b in zip(left, values, strict=True)]
        handles.append((bars, name))
    series.legend(axes, {_kind(points): handles})
    return drawn


def dots(points: pd.DataFrame, columns: tuple[str, str, str], text: Text, *, log: bool = True) -> Figure:
    """Draw a dot with its interval for each row of ``points``; colours stand for the column ``series``."""
    drawn, axes = _canvas(points, text)
    middle, low, high = columns
    handles: list[tuple[Any, str]] = []
    for number, (name, some) in enumerate(points.reset_index(drop=True).groupby("series", sort=False)):
        colour = style.COLOURS[number % len(style.COLOURS)]
        bars = [(some[middle] - some[low]).to_list(), (some[high] - some[middle]).to_list()]
        look: dict[str, Any] = {"color": colour, "marker": style.MARKERS[number % len(style.MARKERS)], "markersize": 7}
        drawing = axes.errorbar(
            some[middle].to_list(), list(some.index), xerr=bars, capsize=3, linestyle="none", **look
        )
        handles.append((drawing.lines[0], str(name)))
    if log:
        series.log_axis(axes, text.unit, "x")
    series.legend(axes, {_kind(points): handles})
    return drawn


def pairs(points: pd.DataFrame, columns: Mapping[str, str], text: Text) -> Figure:
    """Draw a line from the first to the second of two columns (column -> name) for each row, on a logarithmic axis.

    A third column, where it is above zero, is marked by a tick.
    """
    drawn, axes = _canvas(points, text)
    first, second, *ticks = columns
    places = range(len(points))
    axes.hlines(places, points[second], points[first], color="#B5B5B5", linewidth=2.2, zorder=1)
    looks: list[dict[str, Any]] = [
        {"color": style.COLOURS[1], "marker": "o", "markerfacecolor": "white"},
        {"color": style.COLOURS[0], "marker": "o"},
        {"color": style.INK, "marker": "|"},
    ]
    handles: list[tuple[Any, str]] = []
    for name, look in zip((first, second, *ticks), looks, strict=False):
        values = points[name].where(points[name] > 0)
        (marks,) = axes.plot(values, places, linestyle="none", markersize=8, markeredgewidth=1.6, **look)
        handles.append((marks, columns[name]))
    series.log_axis(axes, text.unit, "x")
    series.legend(axes, {_kind(points): handles})
    return drawn


def _kind(points: pd.DataFrame) -> str:
    return "measured" if set(points["kind"]) == {"measured"} else series.MIXED


def _canvas(points: pd.DataFrame, text: Text) -> tuple[Figure, Axes]:
    height = max(_LEAST_IN, _ROW_IN * len(points))
    drawn, axes = style.new_figure(text.caption, (_PLOT_IN, height), left_in=_LEFT_IN)
    axes.set_yticks(range(len(points)), [fill(label, _LABEL_COLUMNS) for label in points["label"]], fontsize=8)
    axes.set_ylim(len(points) - 0.4, -0.6)
    axes.set_xlabel(text.axis)
    axes.grid(axis="y", visible=False)
    style.headline(drawn, text.title, text.subtitle)
    return drawn, axes
