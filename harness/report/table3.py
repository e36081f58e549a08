"""Table 3: zero-compute tasks per second against their number, measured here beside the published row.

The published tasks are ``/bin/sleep 0``; no-ops of a campaign stand in columns of their own and are compared with
nothing. Runs that time single round trips are not in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from harness.labels import axes_at, pool_id, pool_names, short_label

from . import series, style
from .figures import Drawing, Request, View
from .published import PublishedNumbersMissing, published
from .tables import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

    from .summary import CaseSummary

APP: Final = "dispatch"
PAPER: Final = "Table 3 (Ray, 4 Perlmutter CPU nodes)"
COLUMNS: Final = (
    "series",
    "kind",
    "task",
    "n_tasks",
    "repeats",
    "runtime_s",
    "tasks_per_s",
    "low_tasks_per_s",
    "high_tasks_per_s",
    "source",
)
_Y: Final = ("n_tasks", "tasks_per_s", "low_tasks_per_s", "high_tasks_per_s")
VIEW: Final = View(*_Y, x_title="tasks", y_title="tasks per second", log="xy")


def applies(cases: Sequence[CaseSummary]) -> bool:
    """Tell whether these cases vary the number of tasks of dispatch."""
    return len({case.params["n_tasks"] for case in _usable(cases)}) > 1


def draw(request: Request) -> Drawing:
    """Draw the figure and make the table from a campaign's cases, of which `applies` must be true."""
    cases = _usable(request.cases)
    names = _names(cases)
    points = pd.DataFrame([*_measured(cases, names), *published_rows()], columns=list(COLUMNS))
    looks = {_joined(name): look for name, look in series.looks(names).items()}
    caption = f"{_caption(cases)} {request.origin.sentence()}"
    return Drawing("table3", figure(points, looks, caption), points, caption, table(points, caption), VIEW)


def _usable(cases: Sequence[CaseSummary]) -> list[CaseSummary]:
    return [case for case in cases if case.app == APP and case.main and case.params.get("measure") == "throughput"]


def _names(cases: Sequence[CaseSummary]) -> list[tuple[str, str]]:
    """Return for each case its pool, and what else tells cases of the same number of tasks apart."""
    pools, differing = pool_names(case.pool for case in cases), axes_at(cases, "n_tasks")
    return [(pools[pool_id(case.pool)], short_label(case.params, differing)) for case in cases]


def _joined(name: tuple[str, str]) -> str:
    return ", ".join(part for part in name if part)


# ---------------------------------------------------------------- the points


def _measured(cases: Sequence[CaseSummary], names: Sequence[tuple[str, str]]) -> list[tuple[Any, ...]]:
    rows = [
        row(
            _joined(name),
            case.kind,
            (case.params["task"], int(case.params["n_tasks"]), case.main.n),
            (case.main.median, case.main.low, case.main.high),
            source=f"case {case.key}",
        )
        for case, name in zip(cases, names, strict=True)
        if case.main is not None
    ]
    first = {entry[0]: place for place, entry in reversed(list(enumerate(rows)))}
    return sorted(rows, key=lambda entry: (first[entry[0]], entry[3]))


def published_rows() -> list[tuple[Any, ...]]:
    """Return the published row as points; empty where an installation has no published numbers."""
    try:
        paper = published("table3")
    except PublishedNumbersMissing:
        return []
    return [
        (PAPER, "published", "sleep", int(entry["n_tasks"]), 1, entry["runtime_s"], *3 * (rate,), "paper, Table 3")
        for entry in paper.to_dict("records")
        if (rate := entry["throughput_tasks_per_s"])
    ]


def row(
    name: str, kind: str, what: tuple[str, int, int], times: tuple[float, float, float], *, source: str
) -> tuple[Any, ...]:
    """Return a point.

    Parameters
    ----------
    name, kind
        Its series.
    what
        Task, number of tasks, repeats.
    times
        Median, lowest and highest run time in seconds.
    source
        Where the number stands.
    """
    middle, low, high = (what[1] / seconds for seconds in (times[0], times[2], times[1]))
    return (name, kind, *what, times[0], middle, low, high, source)


# ---------------------------------------------------------------- the picture


def figure(points: pd.DataFrame, looks: Mapping[str, series.Look], caption: str, *, what: str = "") -> Figure:
    """Draw tasks per second against the number of tasks, both logarithmic.

    Parameters
    ----------
    points
        Rows with `COLUMNS`.
    looks
        Look of each measured series.
    caption
        Text below.
    what
        Line below the title; by default what the tasks are.
    """
    with style.styled():
        drawn, axes = style.new_figure(caption)
        series.legend(axes, series.draw_all(axes, points, looks, _Y))
        for which in ("y", "x"):
            series.log_axis(axes, "", which)
        axes.set_xlabel("tasks")
        style.axis_title(axes, "tasks per second")
        style.headline(drawn, "Dispatch of zero-compute tasks", what or _kinds_of_tasks(points))
    return drawn


def _kinds_of_tasks(points: pd.DataFrame) -> str:
    texts = {"noop": "a Python function that does nothing", "sleep": "/bin/sleep 0"}
    return "; ".join(f"{name} = {text}" for name, text in texts.items() if name in set(points["task"]))


def _caption(cases: Sequence[CaseSummary]) -> str:
    few = " (fewer than 6 repeats: their range)" if any(case.main and case.main.n < 6 for case in cases) else ""
    return (
        f"Measured: median and its 95 % interval{few}, from the first submission to the last result. "
        "Published: /bin/sleep 0 through the paper's runtime on another machine (4 nodes, 1,024 threads)."
    )


# ---------------------------------------------------------------- the table


def table(points: pd.DataFrame, caption: str) -> Table:
    """Return the table: a row for each number of tasks, the published rate, and the median rate of each series.

    Where ``/bin/sleep`` was measured for a published number of tasks, the last column is the slowest of its series
    divided by the published rate.
    """
    names = list(dict.fromkeys(points["series"]))
    sleeps = bool(((points["kind"] == "measured") & (points["task"] == "sleep")).any())
    columns = ("tasks", *names, *(["slowest sleep ÷ published"] if sleeps else []))
    rates = {(entry.series, entry.n_tasks): entry for entry in points.itertuples()}
    rows = []
    for n in sorted(set(points["n_tasks"])):
        here = [rates.get((name, n)) for name in names]
        cells = ("–" if entry is None else f"{entry.tasks_per_s:,.0f}" for entry in here)
        rows.append((f"{n:,}", *cells, *([_factor([entry for entry in here if entry is not None])] if sleeps else [])))
    return Table("table3", "Table 3: tasks per second", columns, tuple(rows), frozenset(columns), caption)


def _factor(entries: Sequence[Any]) -> str:
    sleeps = [entry.tasks_per_s for entry in entries if entry.task == "sleep" and entry.kind == "measured"]
    quoted = [entry.tasks_per_s for entry in entries if entry.kind == "published"]
    return f"{min(sleeps) / quoted[0]:.1f}" if sleeps and quoted else "–"
