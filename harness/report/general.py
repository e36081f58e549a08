"""The general figure: the main metric of an app against its longest numeric axis, for any campaign.

Colour stands for the pool, the marker for everything else that differs. Without a numeric axis the cases stand one
below the other.
"""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from harness.labels import axes as axes_of
from harness.labels import axes_at, order, pool_id, pool_names, short_label, value

from . import series, style
from .figures import Drawing, Request, View

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .summary import CaseSummary

_DECADE = 10.0
_ROW_IN = 0.27
_ARROWS = {"lower": " (lower is better)", "higher": " (higher is better)", "none": ""}


def draw_all(request: Request) -> list[Drawing]:
    """Draw one figure for each app and metric of a campaign; none for apps without a number."""
    groups: dict[tuple[str, str, str], list[CaseSummary]] = defaultdict(list)
    for case in request.cases:
        if case.main:
            groups[case.app, case.metric, case.unit].append(case)
    several = len({app for app, _, _ in groups}) < len(groups)
    return [_draw(f"{app}-{metric}" if several else app, cases, request) for (app, metric, _), cases in groups.items()]


def _draw(name: str, cases: Sequence[CaseSummary], request: Request) -> Drawing:
    axis = _numeric_axis(cases)
    points = _points(cases, axis)
    few = " (fewer than 6 repeats: their range)" if any(case.main and case.main.n < 6 for case in cases) else ""
    hollow = "" if axis or set(points["kind"]) == {"measured"} else " Hollow: not measured."
    crowd = series.crowd_note(series.looks(_names(cases, axis))) if axis else ""
    parts = [f"Median and its 95 % interval{few}.{hollow}", crowd, request.origin.sentence()]
    caption = " ".join(part for part in parts if part)
    with style.styled():
        figure = _lines(points, cases, axis, caption) if axis else _rows(points, cases, caption)
    return Drawing(name, figure, points, caption, view=_view(points, cases, axis))


def _view(points: pd.DataFrame, cases: Sequence[CaseSummary], axis: str | None) -> View:
    title = f"{cases[0].metric} / {cases[0].unit}{_ARROWS[cases[0].better]}"
    low, high = points["low"].min(), points["high"].max()
    if axis is None:
        return View("median", "series", "low", "high", x_title=title, log="", rows=True)
    log = "y" if low > 0 and high / low > _DECADE else ""
    return View(axis, "median", "low", "high", x_title=axis, y_title=title, log=log)


def _numeric_axis(cases: Sequence[CaseSummary]) -> str | None:
    """Return the parameter with the most levels that are all numbers; the first of equals."""
    numeric = {
        name: len(levels)
        for name, levels in axes_of(cases).items()
        if all(isinstance(level, int | float) and not isinstance(level, bool) for level in levels)
    }
    return max(numeric, key=lambda name: numeric[name]) if numeric else None


def _points(cases: Sequence[CaseSummary], axis: str | None) -> pd.DataFrame:
    rows: list[dict[str, Any]] = [
        {
            "series": _joined(name),
            "kind": case.kind,
            **({axis: case.params[axis]} if axis else {}),
            "repeats": case.main.n,
            "median": case.main.median,
            "low": case.main.low,
            "high": case.main.high,
            "metric": case.metric,
            "unit": case.unit,
            "source": f"case {case.key}",
        }
        for case, name in zip(cases, _names(cases, axis), strict=True)
        if case.main
    ]
    rows.sort(key=lambda row: (row["series"], order(row.get(axis or ""))))
    return pd.DataFrame(rows)


def _names(cases: Sequence[CaseSummary], axis: str | None) -> list[tuple[str, str]]:
    pools = pool_names(case.pool for case in cases)
    rest = axes_at(cases, axis)
    kinds = {case.kind for case in cases}
    labels = [short_label(case.params, rest) for case in cases]
    if len(kinds) > 1:
        labels = [f"{label}, {case.kind}".lstrip(", ") for label, case in zip(labels, cases, strict=True)]
    alone = len(pools) == 1 and any(labels)
    return [("" if alone else pools[pool_id(case.pool)], label) for case, label in zip(cases, labels, strict=True)]


def _joined(name: tuple[str, str]) -> str:
    return ", ".join(part for part in name if part)


# ---------------------------------------------------------------- pictures


def _lines(points: pd.DataFrame, cases: Sequence[CaseSummary], axis: str, caption: str) -> Figure:
    figure, axes = style.new_figure(caption)
    looks = {_joined(name): look for name, look in series.looks(_names(cases, axis)).items()}
    series.legend(axes, series.draw_all(axes, points, looks, (axis, "median", "low", "high")))
    _scale_y(axes, points, cases[0].unit)
    _scale_x(axes, sorted(set(points[axis])))
    axes.set_xlabel(axis)
    unit = "" if cases[0].unit in ("s", "1") else f" / {cases[0].unit}"
    style.axis_title(axes, f"{cases[0].metric}{unit}{_ARROWS[cases[0].better]}")
    style.headline(figure, cases[0].app, _subtitle(cases))
    return figure


def _rows(points: pd.DataFrame, cases: Sequence[CaseSummary], caption: str) -> Figure:
    figure, axes = style.new_figure(caption, (4.4, max(1.2, _ROW_IN * (len(points) + 1))), left_in=3.2)
    places = range(len(points), 0, -1)
    bars = np.array([points["median"] - points["low"], points["high"] - points["median"]])
    colour = style.COLOURS[0]
    axes.errorbar(points["median"], list(places), xerr=bars, fmt="none", ecolor=colour, elinewidth=1.4, capsize=3)
    for middle, place, kind in zip(points["median"], places, points["kind"], strict=True):
        face = colour if kind == "measured" else "white"
        axes.plot(middle, place, "o", markersize=6.5, markerfacecolor=face, markeredgecolor=colour)
    axes.set_yticks(list(places), [fill(name, 44) or "the only case" for name in points["series"]])
    axes.set_ylim(0.3, len(points) + 0.7)
    if points["low"].min() > 0:
        axes.set_xlim(left=0)
    axes.set_xlabel(f"{cases[0].metric} / {cases[0].unit}{_ARROWS[cases[0].better]}")
    style.headline(figure, cases[0].app, _subtitle(cases))
    return figure


def _scale_y(axes: Axes, points: pd.DataFrame, unit: str) -> None:
    low, high = points["low"].min(), points["high"].max()
    if low > 0 and high / low > _DECADE:
        series.log_axis(axes, unit)
    else:
        series.linear_axis(axes, unit)
        axes.set_ylim(bottom=min(0.0, low), top=1.05 * high if high > 0 else None)


def _scale_x(axes: Axes, levels: Sequence[float]) -> None:
    """Double-spaced levels (256, 512, …) get a logarithmic axis, all of them a tick of their own."""
    ratios = [after / before for before, after in pairwise(levels) if before > 0]
    if len(ratios) == len(levels) - 1 and len(levels) > 2 and min(ratios) >= 1.9:
        axes.set_xscale("log", base=2)
        axes.xaxis.set_minor_locator(series.no_ticks())
    axes.set_xticks(list(levels), [value(level) for level in levels])


def _subtitle(cases: Sequence[CaseSummary]) -> str:
    params, varying = cases[0].params, axes_of(cases)
    return short_label(params, [name for name in params if name not in varying and name != "seed"][:6])
