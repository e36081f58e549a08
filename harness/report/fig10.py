"""Figure 10: time to the value against the number of workers: measured here, projected beyond, beside ideal scaling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd
from matplotlib.lines import Line2D

from . import cutting, series, style
from .figures import Drawing, Request, View
from .tables import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from .summary import CaseSummary

PROJECTED_WORKERS: Final = (1, 2, 4, 8, 16, 32, 64, 128, 224)
"""Up to the published number of CPU workers."""
_COLUMNS: Final = (
    "series",
    "kind",
    "cuts",
    "workers",
    "repeats",
    "time_s",
    "low_s",
    "high_s",
    "speedup",
    "ideal_s",
    "source",
)
_Y: Final = ("workers", "time_s", "low_s", "high_s")


def applies(cases: Sequence[CaseSummary]) -> bool:
    """Tell whether these cases vary the number of workers, of one circuit."""
    usable = cutting.usable(cases)
    cut = [case for case in usable if not cutting.is_uncut(case)]
    return len({cutting.workers(case) for case in cut}) > 1 and len({case.params["n_qubits"] for case in usable}) == 1


def draw(request: Request) -> Drawing:
    """Draw the figure from a campaign's cases, of which `applies` must be true."""
    cases = cutting.usable(request.cases)
    points = pd.DataFrame([*_measured(cases), *_projected(cases)], columns=list(_COLUMNS))
    caption = _caption(cases, request)
    with style.styled():
        figure = _figure(points, cases, caption)
    view = View(*_Y, x_title="workers (cores)", y_title="seconds to the value", log="xy")
    return Drawing("fig10", figure, points, caption, _table(points, caption), view)


def _series(case: CaseSummary) -> str:
    name = cutting.name_of(case)
    return name if cutting.is_uncut(case) else f"{name}, k = {cutting.cuts(case)}"


def _measured(cases: Sequence[CaseSummary]) -> list[tuple[Any, ...]]:
    alone = {_series(case): case.main.median for case in cases if case.main and cutting.workers(case) == 1}
    rows = []
    for case in cases:
        if case.main is None:
            continue
        name, workers = _series(case), cutting.workers(case)
        times = case.main.median, case.main.low, case.main.high
        one = alone.get(name)
        ideal = (one / times[0], one / workers) if one else (None, None)
        cuts = cutting.cuts(case)
        rows.append((name, case.kind, cuts, workers, case.main.n, *times, *ideal, f"case {case.key}"))
    first = {row[0]: place for place, row in reversed(list(enumerate(rows)))}
    return sorted(rows, key=lambda row: (first[row[0]], row[3]))


def _projected(cases: Sequence[CaseSummary]) -> list[tuple[Any, ...]]:
    rows = []
    for case in cases:
        if cutting.is_uncut(case) or cutting.workers(case) != 1:
            continue
        one = case.metrics["time_to_value_s"].median
        for count in PROJECTED_WORKERS:
            time_s = cutting.projected_s(case, count)
            times = time_s, time_s, 4 / 3 * time_s
            source = f"case {case.key}, replayed"
            name, cuts = _series(case), cutting.cuts(case)
            rows.append((name, "projected", cuts, count, 0, *times, one / time_s, one / count, source))
    return rows


def _figure(points: pd.DataFrame, cases: Sequence[CaseSummary], caption: str) -> Figure:
    figure, axes = style.new_figure(caption, (5.35, 4.2))
    looks = cutting.looks_of(points)
    groups = series.draw_all(axes, points, looks, _Y)
    for name, rows in points[points["kind"] == "projected"].groupby("series", sort=False):
        colour = style.COLOURS[looks[str(name)].colour % len(style.COLOURS)]
        axes.plot(rows["workers"], rows["ideal_s"], color=colour, linewidth=0.9, alpha=0.6, zorder=1.4)
    if groups["projected"]:  # as many as measured, in the same colours: one line stands for all
        dotted = Line2D([], [], color=style.MUTED, linestyle=(0, (1, 1.6)), linewidth=2.2)
        groups["projected"] = [(dotted, "the same series on more workers")]
    series.legend(axes, groups)
    for which in ("y", "x"):
        series.log_axis(axes, "s" if which == "y" else "", which)
    axes.set_xlabel("workers (cores)")
    axes.set_xticks(PROJECTED_WORKERS, [str(count) for count in PROJECTED_WORKERS])
    axes.xaxis.set_minor_locator(series.no_ticks())
    style.axis_title(axes, "time to the value")
    style.headline(figure, "Circuit cutting: strong scaling", cutting.setting(cases))
    return figure


def _caption(cases: Sequence[CaseSummary], request: Request) -> str:
    return (
        f"{cutting.measured_words(cases)} Projected: the serial part of one worker's run + max(all tasks' seconds / "
        "workers, the longest task), band to 4/3 of it (list scheduling); no dispatch cost, no contention. Thin lines: "
        f"ideal, one worker's time / workers. {cutting.fairness(cases)} The published figure has no times in its text. "
        f"{request.origin.sentence()}"
    )


def _table(points: pd.DataFrame, caption: str) -> Table:
    names = list(dict.fromkeys(zip(points["series"], points["kind"], strict=True)))
    cells = {(row.series, row.kind, row.workers): row for row in points.itertuples()}
    rows = tuple(
        (f"{count}", *(cutting.cell(cells.get((*name, count))) for name in names))
        for count in sorted(set(points["workers"]))
    )
    columns = ("workers", *(f"{name} ({kind})" for name, kind in names))
    title = "Figure 10: time to the value (speedup over one worker)"
    return Table("fig10", title, columns, rows, frozenset(columns), caption)
