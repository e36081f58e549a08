"""C.5: the best circuit against the circuits that were asked for, search and control; and who stood idle meanwhile."""

from __future__ import annotations

import json
from collections import defaultdict
from textwrap import fill
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from matplotlib.ticker import FuncFormatter

from harness.labels import pool_id

from . import series, style
from .figures import Drawing, Request, View
from .rows import labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .summary import CaseSummary

APP: Final = "generative"
COLUMNS: Final = ("panel", "series", "kind", "label", "x", "value", "low", "high", "seeds", "source")
_CURVES: Final = {"error": "learnt", "control_error": "random, same budget"}
_IDLE: Final = {"trainer_idle_share": "learning", "evaluator_idle_share": "evaluating", "idle_share": "all devices"}
_LOSSES: Final = {"mmd": "MMD²", "kl": "KL divergence"}
_SPAN: Final = ("value", "low", "high")
_FEW: Final = 5.0
"""Ratio of the largest error to the smallest up to which they stand on a linear axis."""
_CURVE_IN, _ROW_IN, _GAP_IN = 2.7, 0.34, 0.95
_PLOT_IN, _LEFT_IN, _LABEL_COLUMNS = 3.6, 2.75, 38

Group = list["CaseSummary"]
"""Cases that differ by their seed only."""


def applies(cases: Sequence[CaseSummary]) -> bool:
    """Tell whether all cases are of C.5."""
    return bool(_usable(cases)) and {case.app for case in cases} == {APP}


def draw(request: Request) -> Drawing:
    """Draw the figure from a campaign's cases, of which `applies` must be true."""
    groups = _groups(_usable(request.cases))
    shown = max(groups, key=lambda group: (len(group), group[0].params["model"] == "gqe", group[0].params["circuits"]))
    names = _names(groups)
    rows = [*_curves(shown), *(row for group, name in zip(groups, names, strict=True) for row in _idle(group, name))]
    points = pd.DataFrame(rows, columns=list(COLUMNS))
    caption = f"{_caption(shown)} {request.origin.sentence()}"
    view = View("x", "value", "low", "high", "circuits", _title(shown), "y", only=("panel", "curve"))
    with style.styled():
        return Drawing("generative", _figure(points, shown, caption), points, caption, view=view)


def _usable(cases: Sequence[CaseSummary]) -> list[CaseSummary]:
    return [case for case in cases if case.app == APP and "error_at_1" in case.metrics]


def _groups(cases: Sequence[CaseSummary]) -> list[Group]:
    found: dict[str, Group] = defaultdict(list)
    for case in cases:
        alike = {name: value for name, value in case.params.items() if name != "seed"}
        found[json.dumps([alike, pool_id(case.pool), case.kind], sort_keys=True)].append(case)
    return list(found.values())


def _names(groups: Sequence[Group]) -> list[str]:
    """Return what tells each group from the others; of a single one how it exchanges."""
    if len(groups) == 1:
        return [str(groups[0][0].params["exchange"])]
    return labels([group[0] for group in groups])


def _unit(group: Group) -> tuple[float, str]:
    """Return by what an error is multiplied, and its unit then."""
    return (1e3, "mHa") if group[0].params["model"] == "gqe" else (1.0, _LOSSES[str(group[0].params["loss"])])


def _over_seeds(group: Group, metric: str, factor: float = 1.0) -> tuple[float, float, float]:
    """Return median, lowest and highest over the seeds, each seed by the median of its repeats."""
    values = [factor * case.metrics[metric].median for case in group]
    return float(np.median(values)), min(values), max(values)


def _curves(group: Group) -> list[tuple[Any, ...]]:
    factor, _ = _unit(group)
    rows = []
    for metric, name in _CURVES.items():
        for point in range(1, sum(key.startswith("circuits_at_") for key in group[0].metrics) + 1):
            circuits = group[0].metrics[f"circuits_at_{point}"].median
            values = _over_seeds(group, f"{metric}_at_{point}", factor)
            rows.append(("curve", name, group[0].kind, "", circuits, *values, len(group), _source(group)))
    return rows


def _idle(group: Group, label: str) -> list[tuple[Any, ...]]:
    found = []
    for metric, name in _IDLE.items():
        values = _over_seeds(group, metric)
        found.append(("idle", name, group[0].kind, label, values[0], *values, len(group), _source(group)))
    return found


def _source(group: Group) -> str:
    return "case " + ", ".join(case.key for case in group)


def _title(group: Group) -> str:
    return f"error of the best circuit, {_unit(group)[1]}"


def _caption(group: Group) -> str:
    params, (factor, unit) = group[0].params, _unit(group)
    ends = [_range(_over_seeds(group, metric, factor)) for metric in _CURVES]
    better = sum(case.metrics["error"].median < case.metrics["control_error"].median for case in group)
    many = len(group) > 1
    return (
        f"Above: {params['model']} of {params['problem']}{f', median and range over {len(group)} seeds' * many}; "
        f"after {params['circuits']} circuits {ends[0]} {unit} against {ends[1]} at random"
        f"{f', better for {better} of {len(group)}' * many}. Below: share of device time without work, of the "
        "devices in a role; in turn, every device has both. Circuits' time is emulated where circuit_s is given."
    )


def _range(values: tuple[float, float, float]) -> str:
    middle, low, high = values
    return f"{middle:.3g}" if low == high else f"{middle:.3g} ({low:.3g} to {high:.3g})"


# ---------------------------------------------------------------- pictures


def _figure(points: pd.DataFrame, shown: Group, caption: str) -> Figure:
    curve, idle = points[points["panel"] == "curve"], points[points["panel"] == "idle"]
    rows = list(dict.fromkeys(idle["label"]))
    low_in = _ROW_IN * (len(rows) + 0.6)
    whole_in = _CURVE_IN + _GAP_IN + low_in
    figure, axes = style.new_figure(caption, (_PLOT_IN, whole_in), left_in=_LEFT_IN)
    place = axes.get_position()
    below = figure.add_axes((place.x0, place.y0, place.width, place.height * low_in / whole_in))
    top = place.height * _CURVE_IN / whole_in
    axes.set_position((place.x0, place.y1 - top, place.width, top))
    _draw_curves(axes, curve, shown)
    _draw_idle(below, idle, rows)
    style.headline(figure, "C.5: a model that proposes circuits", "against random search, and who waits for whom")
    return figure


def _draw_curves(axes: Axes, points: pd.DataFrame, shown: Group) -> None:
    handles: list[tuple[Any, str]] = []
    for number, (name, some) in enumerate(points.groupby("series", sort=False)):
        colour = style.COLOURS[number]
        x = some["x"].to_list()
        look: dict[str, Any] = {"color": colour, "marker": style.MARKERS[number], "markersize": 5}
        axes.fill_between(x, some["low"].to_list(), some["high"].to_list(), color=colour, alpha=0.18, linewidth=0)
        handles.append((axes.plot(x, some["value"].to_list(), **look)[0], str(name)))
    if points["low"].min() > 0 and points["high"].max() > _FEW * points["low"].min():
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(FuncFormatter(lambda number, _: _minor(float(number))))
    else:
        axes.set_ylim(bottom=min(0.0, points["low"].min()))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:g}"))
    axes.set_xlim(left=0)
    axes.set_xlabel("circuits")
    style.axis_title(axes, _title(shown))
    series.legend(axes, {str(points["kind"].iloc[0]): handles})


def _minor(number: float) -> str:
    """Name the 2 and the 5 of a decade."""
    return f"{number:g}" if f"{number:e}"[0] in "25" else ""


def _draw_idle(axes: Axes, points: pd.DataFrame, rows: list[str]) -> None:
    handles: list[tuple[Any, str]] = []
    for number, (name, some) in enumerate(points.groupby("series", sort=False), start=2):
        places = [rows.index(label) + 0.16 * (number - 3) for label in some["label"]]
        middle, low, high = (some[column] for column in _SPAN)
        bars = [(middle - low).to_list(), (high - middle).to_list()]
        look: dict[str, Any] = {"color": style.COLOURS[number], "marker": style.MARKERS[number], "markersize": 6}
        drawn = axes.errorbar(middle.to_list(), places, xerr=bars, linestyle="none", **look)
        handles.append((drawn.lines[0], f"idle: {name}"))
    axes.set_yticks(range(len(rows)), [fill(row, _LABEL_COLUMNS) for row in rows], fontsize=8)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(0, 1.03)
    axes.grid(axis="y", visible=False)
    axes.set_xlabel("share of device time without work")
    series.legend(axes, {str(points["kind"].iloc[0]): handles})
