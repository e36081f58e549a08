"""Charts of a page as values that Plotly draws: a drawing's points, predictions, histories, tasks over time.

Only plain dictionaries: nothing here imports the library, and a page holds the numbers it shows. Colours of the text
and of the grid are the page's and are set there.
"""

from __future__ import annotations

from math import isfinite, log10
from textwrap import wrap
from typing import TYPE_CHECKING, Any, Final

from harness.report.series import HEADINGS
from harness.report.style import COLOURS, GREYS, PROJECTED

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import pandas as pd

    from harness.report.figures import Drawing, View
    from harness.traces import Timeline

Chart = dict[str, Any]

MANY: Final = 40
"""More measured series than this are drawn as one, thin, with their names where the pointer is."""
MANY_BARS: Final = 1_500
_SYMBOLS: Final = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "x", "hexagon")
_ROW: Final = 26
_MANY_DECADES: Final = 100.0
_HEIGHT: Final = 420
_LEGEND_COLUMNS: Final = 36
_FEW_STEPS: Final = 12


def of_drawing(drawing: Drawing) -> Chart | None:
    """Return the chart of a drawing's points; None if it has no view, or no point to show."""
    view, points = drawing.view, drawing.points
    if view is None or points.empty:
        return None
    if view.only is not None:
        points = points[points[view.only[0]] == view.only[1]]
    if view.parts:
        return _bars(points, view)
    traces = _rows(points, view) if view.rows else _lines(points, view)
    return {"data": traces, "layout": _layout(view, points)} if traces else None


# ---------------------------------------------------------------- lines, rows and bars


def _lines(points: pd.DataFrame, view: View) -> list[Chart]:
    groups = [(str(kind), str(name), rows) for (kind, name), rows in points.groupby(["kind", "series"], sort=False)]
    measured = [(name, rows) for kind, name, rows in groups if kind == "measured"]
    names = list(dict.fromkeys(name for name, _ in measured))
    traces = [_crowd(measured, view)] if len(names) > MANY else []
    greys = 0
    for kind, name, rows in groups:
        if kind == "projected":
            traces += _projected(
                name, rows, view, COLOURS[names.index(name) % len(COLOURS)] if name in names else PROJECTED
            )
        elif kind == "published":
            traces.append(_published(name, rows, view, greys))
            greys += 1
        elif len(names) <= MANY:
            traces.append(_measured(name, rows, view, names.index(name)))
    return traces


def _series(name: str, kind: str, rows: pd.DataFrame, view: View) -> Chart:
    return {
        "type": "scatter",
        "name": wrapped(name),
        "x": _plain(rows[view.x]),
        "y": _plain(rows[view.y]),
        "legendgroup": kind,
        "legendgrouptitle": {"text": HEADINGS.get(kind, kind)},
        "text": [str(source) for source in rows["source"]] if "source" in rows else None,
        "hovertemplate": f"%{{x}}: %{{y:.4g}}<br>%{{text}}<extra>{_escaped(name)}, {kind}</extra>",
    }


def _measured(name: str, rows: pd.DataFrame, view: View, rank: int) -> Chart:
    colour = COLOURS[rank % len(COLOURS)]
    return {
        **_series(name, "measured", rows, view),
        "mode": "lines+markers",
        "line": {"color": colour, "width": 2},
        "marker": {"symbol": _SYMBOLS[rank % len(_SYMBOLS)], "size": 8, "color": colour},
        "error_y": _interval(rows, view, view.y, colour),
    }


def _published(name: str, rows: pd.DataFrame, view: View, rank: int) -> Chart:
    grey = GREYS[rank % len(GREYS)]
    symbol = f"{_SYMBOLS[(rank + 3) % len(_SYMBOLS)]}-open"
    return {
        **_series(name, "published", rows, view),
        "mode": "lines+markers",
        "line": {"color": grey, "width": 1.2, "dash": "dash"},
        "marker": {"symbol": symbol, "size": 8, "color": grey},
    }


def _projected(name: str, rows: pd.DataFrame, view: View, colour: str) -> list[Chart]:
    line = {
        **_series(name, "projected", rows, view),
        "mode": "lines",
        "line": {"color": colour, "width": 2, "dash": "dot"},
    }
    if not view.low:
        return [line]
    x = _plain(rows[view.x])
    band = {
        "type": "scatter",
        "x": [*x, *reversed(x)],
        "y": [*_plain(rows[view.high]), *reversed(_plain(rows[view.low]))],
        "fill": "toself",
        "fillcolor": f"{colour}22",
        "line": {"width": 0},
        "mode": "lines",
        "hoverinfo": "skip",
        "showlegend": False,
        "legendgroup": "projected",
    }
    return [band, line]


def _crowd(measured: Sequence[tuple[str, pd.DataFrame]], view: View) -> Chart:
    x: list[Any] = []
    y: list[Any] = []
    text: list[str] = []
    for name, rows in measured:
        x += [*_plain(rows[view.x]), None]
        y += [*_plain(rows[view.y]), None]
        text += [*(name for _ in range(len(rows))), ""]
    return {
        "type": "scatter",
        "name": f"{len(measured)} series",
        "mode": "lines+markers",
        "x": x,
        "y": y,
        "text": text,
        "line": {"color": COLOURS[0], "width": 1},
        "marker": {"size": 4, "color": COLOURS[0]},
        "opacity": 0.55,
        "hovertemplate": "%{x}: %{y:.4g}<br>%{text}<extra></extra>",
        "legendgroup": "measured",
        "legendgrouptitle": {"text": HEADINGS["measured"]},
    }


def _rows(points: pd.DataFrame, view: View) -> list[Chart]:
    traces = []
    column = "series" if "series" in points and view.y != "series" else "kind"
    for rank, (name, rows) in enumerate(points.groupby(column, sort=False)):
        colour = GREYS[0] if str(name) == "published" else COLOURS[rank % len(COLOURS)]
        shown = rows.iloc[::-1]
        traces.append(
            {
                "type": "scatter",
                "name": str(name),
                "mode": "markers",
                "x": _plain(shown[view.x]),
                "y": [str(label) for label in shown[view.y]],
                "marker": {"size": 9, "color": colour, "symbol": _SYMBOLS[rank % len(_SYMBOLS)]},
                "error_x": _interval(shown, view, view.x, colour),
                "hovertemplate": "%{y}<br>%{x:.4g}<extra></extra>",
            }
        )
    return traces


def _bars(points: pd.DataFrame, view: View) -> Chart:
    labels = [str(label) for label in points[view.y]][::-1]
    traces = [
        {
            "type": "bar",
            "orientation": "h",
            "name": name,
            "y": labels,
            "x": _plain(points[column])[::-1],
            "marker": {"color": COLOURS[rank % len(COLOURS)]},
            "hovertemplate": f"%{{y}}<br>{_escaped(name)}: %{{x:.4g}}<extra></extra>",
        }
        for rank, (column, name) in enumerate(view.parts.items())
    ]
    return {"data": traces, "layout": {**_layout(view, points), "barmode": "stack", "height": _tall(len(labels))}}


def _interval(rows: pd.DataFrame, view: View, middle: str, colour: str) -> Chart | None:
    if not view.low:
        return None
    return {
        "type": "data",
        "symmetric": False,
        "array": _plain(rows[view.high] - rows[middle]),
        "arrayminus": _plain(rows[middle] - rows[view.low]),
        "thickness": 1.2,
        "width": 3,
        "color": colour,
    }


def _layout(view: View, points: pd.DataFrame) -> Chart:
    layout: dict[str, Any] = {
        "height": _tall(len(points)) if view.rows else _HEIGHT,
        "xaxis": {"title": {"text": view.x_title}, "type": "log" if "x" in view.log else "linear"},
        "yaxis": {"title": {"text": view.y_title}, "type": "log" if "y" in view.log else "linear"},
    }
    for axis, column in (("x", view.x), ("y", view.y)):
        if axis in view.log and not view.parts:
            layout[f"{axis}axis"] |= _ticks(points[column])
    if view.rows or view.parts:
        layout["yaxis"] = {"type": "category", "automargin": True}
    elif "x" in view.log:
        levels = sorted({level for level in _plain(points[view.x]) if level is not None})
        if len(levels) <= _FEW_STEPS:
            layout["xaxis"] |= {"tickmode": "array", "tickvals": levels, "ticktext": [f"{level:g}" for level in levels]}
    elif _few_whole_numbers(_plain(points[view.x])):
        layout["xaxis"]["dtick"] = 1
    return layout


def _few_whole_numbers(values: Sequence[Any]) -> bool:
    """Tell whether an axis counts, so that a tick between two numbers means nothing."""
    found = [value for value in values if value is not None]
    whole = all(float(value).is_integer() for value in found)
    return bool(found) and whole and max(found) - min(found) <= _FEW_STEPS


def _ticks(values: Iterable[Any]) -> Chart:
    """Return the ticks of a logarithmic axis: every decade, or 1, 2 and 5 of each where there are few."""
    positive = [value for value in _plain(values) if value is not None and value > 0]
    if not positive:
        return {}
    return {"dtick": 1 if max(positive) / min(positive) >= _MANY_DECADES else "D2"}


def _tall(rows: int) -> int:
    return max(220, 110 + _ROW * rows)


def _plain(values: Iterable[Any]) -> list[Any]:
    """Return numbers that JSON has; what is no number, or not finite, is None."""
    return [float(v) if isinstance(v, int | float) and isfinite(v) else None for v in _unboxed(values)]


def _unboxed(values: Iterable[Any]) -> list[Any]:
    return [value.item() if hasattr(value, "item") else value for value in values]


def wrapped(name: str) -> str:
    """Return a name in lines that fit the legend of a phone."""
    return "<br>".join(_escaped(line) for line in wrap(name, _LEGEND_COLUMNS)) or name


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


# ---------------------------------------------------------------- charts without a drawing


def predictions(rows: Sequence[Mapping[str, Any]]) -> Chart:
    """Return predicted against measured seconds, one point a case, with the line on which they are equal.

    Parameters
    ----------
    rows
        Each with ``model``, ``label``, ``predicted``, ``low``, ``high``, ``measured``.
    """
    traces: list[Chart] = []
    for rank, model in enumerate(dict.fromkeys(row["model"] for row in rows)):
        some = [row for row in rows if row["model"] == model]
        traces.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": str(model),
                "x": [row["measured"] for row in some],
                "y": [row["predicted"] for row in some],
                "text": [row["label"] for row in some],
                "marker": {"size": 7, "color": COLOURS[rank % len(COLOURS)], "symbol": _SYMBOLS[rank % len(_SYMBOLS)]},
                "error_y": {
                    "type": "data",
                    "symmetric": False,
                    "array": [max(0.0, row["high"] - row["predicted"]) for row in some],
                    "arrayminus": [max(0.0, row["predicted"] - row["low"]) for row in some],
                    "thickness": 0.8,
                    "width": 0,
                },
                "hovertemplate": "measured %{x:.4g} s, predicted %{y:.4g} s<br>%{text}<extra></extra>",
            }
        )
    times = [row[name] for row in rows for name in ("measured", "predicted") if row[name] > 0]
    ends = [min(times), max(times)] if times else []
    equal = {"type": "scatter", "mode": "lines", "name": "equal", "x": ends, "y": ends, "hoverinfo": "skip"}
    traces.append(equal | {"line": {"dash": "dash", "width": 1, "color": GREYS[1]}})
    axes = {
        "xaxis": {"title": {"text": "measured, seconds"}, "type": "log"},
        "yaxis": {"title": {"text": "predicted, seconds"}, "type": "log"},
    }
    return {"data": traces, "layout": {"height": _HEIGHT, **axes}}


def history(series: Mapping[str, Sequence[tuple[str, float]]], y_title: str) -> Chart:
    """Return numbers over commits, a line a name; commits in the order of the first series that has them."""
    traces = [
        {
            "type": "scatter",
            "mode": "lines+markers",
            "name": wrapped(name),
            "x": [commit for commit, _ in points],
            "y": [value for _, value in points],
            "line": {"color": COLOURS[rank % len(COLOURS)], "width": 2},
            "marker": {"symbol": _SYMBOLS[rank % len(_SYMBOLS)], "size": 7},
        }
        for rank, (name, points) in enumerate(series.items())
    ]
    axes = {"xaxis": {"type": "category", "title": {"text": "commit"}}, "yaxis": {"title": {"text": y_title}}}
    return {"data": traces, "layout": {"height": _HEIGHT, **axes}}


def factors(rows: Sequence[tuple[str, float]], x_title: str) -> Chart:
    """Return labelled numbers as bars on a logarithmic axis, the first on top."""
    bar = {
        "type": "bar",
        "orientation": "h",
        "y": [label for label, _ in rows][::-1],
        "x": [value for _, value in rows][::-1],
        "marker": {"color": COLOURS[0]},
        "hovertemplate": "%{y}: %{x:.4g}<extra></extra>",
    }
    values = [value for _, value in rows]
    least, most = min([1.0, *values]), max([1.0, *values])
    shown = [log10(least) - 0.02, log10(most) + 0.05]  # from 1 on, so that a bar is as long as its number is large
    axes = {
        "xaxis": {"type": "log", "title": {"text": x_title}, "range": shown, **_ticks([least, most])},
        "yaxis": {"type": "category", "automargin": True},
    }
    return {"data": [bar], "layout": {"height": _tall(len(rows)), "showlegend": False, **axes}}


def tasks(timeline: Timeline) -> Chart | None:
    """Return what ran where and when, a bar a task; None if there are too many to be told apart."""
    from harness.traces import bars

    placed = bars(timeline)
    if not placed or len(placed) > MANY_BARS:
        return None
    functions = list(dict.fromkeys(bar.slice.function for bar in placed))
    lanes = list(dict.fromkeys(f"{bar.slice.pilot} / {bar.slice.worker}" for bar in placed))
    traces = []
    for rank, function in enumerate(functions):
        some = [bar for bar in placed if bar.slice.function == function]
        traces.append(
            {
                "type": "bar",
                "orientation": "h",
                "name": function,
                "base": [bar.begin_s for bar in some],
                "x": [bar.end_s - bar.begin_s for bar in some],
                "y": [f"{bar.slice.pilot} / {bar.slice.worker}" for bar in some],
                "text": [f"{bar.slice.name or bar.slice.function}, {bar.slice.state}" for bar in some],
                "textposition": "none",
                "marker": {"color": COLOURS[rank % len(COLOURS)], "line": {"width": 0.5, "color": "#FFFFFF"}},
                "hovertemplate": "%{text}<br>from %{base:.4g} s, %{x:.4g} s long<extra></extra>",
            }
        )
    axes = {
        "xaxis": {"title": {"text": "seconds since the run's start"}, "rangemode": "tozero"},
        "yaxis": {"type": "category", "automargin": True, "categoryorder": "array", "categoryarray": lanes[::-1]},
    }
    return {"data": traces, "layout": {"barmode": "overlay", "height": _tall(len(lanes)), **axes}}
