"""Figure 11: time to the value against the number of cuts, for each executor, beside the uncut circuit.

The right axis reads the same heights as speedup over the uncut state vector. Broken lines: what the cost model said of
each case before it ran, where a calibration was there. The published figure has no numbers in its text except that the
speedup peaks at two cuts; what the published way does there is measured again.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
from matplotlib.lines import Line2D

from harness.cutting_costs import MODEL

from . import cutting, series, style
from .figures import Drawing, Request, View
from .tables import Table

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from harness.record import PredictionRecord, Record

    from .summary import CaseSummary

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
    "subexperiments",
    "standard_error",
    "source",
)
_Y: Final = ("cuts", "time_s", "low_s", "high_s")


def applies(cases: Sequence[CaseSummary]) -> bool:
    """Tell whether these cases vary the number of cuts, of one circuit."""
    usable = cutting.usable(cases)
    cut = {cutting.cuts(case) for case in usable if not cutting.is_uncut(case)}
    return len(cut) > 1 and len({case.params["n_qubits"] for case in usable}) == 1


def draw(request: Request) -> Drawing:
    """Draw the figure from a campaign's cases, of which `applies` must be true."""
    cases = cutting.usable(request.cases)
    rows = _rows(cases)
    points = pd.DataFrame([*rows, *_predicted(rows, request.records)], columns=list(_COLUMNS))
    caption = _caption(cases, request)
    with style.styled():
        figure = _figure(points, cases, caption)
    view = View(*_Y, x_title="cuts (0 = uncut)", y_title="seconds to the value")
    return Drawing("fig11", figure, points, caption, _table(points, caption), view)


def _rows(cases: Sequence[CaseSummary]) -> list[tuple[Any, ...]]:
    full = _full_s(cases)
    rows = []
    for case in cases:
        if case.main is None:
            continue
        counted = case.metrics["published" if case.params["executor"] == "reference" else "distinct"].median
        times = case.main.median, case.main.low, case.main.high
        workers = cutting.workers(case)
        speedup = full[workers] / times[0] if workers in full else None
        name = _series(case, cases)
        made = "" if case.params["executor"] in ("full", "mps", "amplitude") else int(counted)
        counts = cutting.cuts(case), workers, case.main.n
        rows.append(
            (name, case.kind, *counts, *times, speedup, made, case.metrics["standard_error"].median, f"case {case.key}")
        )
    first = {row[0]: place for place, row in reversed(list(enumerate(rows)))}
    return sorted(rows, key=lambda row: (first[row[0]], row[2]))


def _predicted(rows: Sequence[tuple[Any, ...]], records: Sequence[Record]) -> list[tuple[Any, ...]]:
    """Return what the cost model said of each measured point, from the first record of its case that has it."""
    said: dict[str, PredictionRecord] = {}
    for record in sorted(records, key=lambda one: one.repeat):
        if record.prediction is not None and record.prediction.model.startswith(MODEL):
            said.setdefault(f"case {record.key}", record.prediction)
    found = []
    for row in rows:
        point = dict(zip(_COLUMNS, row, strict=True))
        one = said.get(point["source"])
        if one is not None:
            full_s = point["speedup"] * point["time_s"] if point["speedup"] else None
            changed = {
                "kind": "projected",
                "repeats": 0,
                "time_s": one.value,
                "low_s": one.low,
                "high_s": one.high,
                "speedup": full_s / one.value if full_s else None,
                "source": f"{point['source']}, {one.model}",
            }
            found.append(tuple({**point, **changed}.values()))
    return found


def _series(case: CaseSummary, cases: Sequence[CaseSummary]) -> str:
    many = len({cutting.workers(other) for other in cases}) > 1
    workers = cutting.workers(case)
    return cutting.name_of(case) + (f", {workers} worker{'s' if workers > 1 else ''}" if many else "")


def _full_s(cases: Sequence[CaseSummary]) -> dict[int, float]:
    """Return the uncut state vector's time by number of workers."""
    return {
        cutting.workers(case): case.main.median
        for case in cases
        if case.main is not None and case.params["executor"] == "full"
    }


# ---------------------------------------------------------------- the picture


def _figure(points: pd.DataFrame, cases: Sequence[CaseSummary], caption: str) -> Figure:
    figure, axes = style.new_figure(caption)
    full = _full_s(cases)
    groups = series.draw_all(axes, points, cutting.looks_of(points), _Y)
    if groups["projected"]:  # as many as measured, in the same colours: one line stands for all
        dotted = Line2D([], [], color=style.MUTED, linestyle=(0, (1, 1.6)), linewidth=2.2)
        groups["projected"] = [(dotted, "the cost model, before the runs")]
    series.legend(axes, groups, shift_in=0.75 if len(full) == 1 else 0.2)
    series.log_axis(axes, "s")
    axes.set_xlabel("cuts (0 = uncut)")
    axes.set_xticks(sorted(set(points["cuts"])))
    axes.margins(x=0.06)
    style.axis_title(axes, "time to the value")
    for time_s in full.values():
        axes.axhline(time_s, color=style.MUTED, linewidth=0.9, linestyle=(0, (2, 2)), zorder=1.2)
    if len(full) == 1:
        _second_axis(axes, next(iter(full.values())))
    style.headline(figure, "Circuit cutting: time against the number of cuts", cutting.setting(cases))
    return figure


def _second_axis(axes: Axes, full_s: float) -> None:
    def inverse(number: Any) -> Any:
        return full_s / np.maximum(number, 1e-300)  # asked also for 0, which is on no logarithmic axis

    functions: tuple[Callable[[Any], Any], Callable[[Any], Any]] = (inverse, inverse)
    second = axes.secondary_yaxis("right", functions=functions)
    series.log_ticks(second, "1")
    second.tick_params(labelsize=9)
    style.axis_title(axes, "speedup over uncut", side="right")


# ---------------------------------------------------------------- words and numbers


def _caption(cases: Sequence[CaseSummary], request: Request) -> str:
    once = sorted({cutting.cuts(c) for c in cases if c.main and c.main.n == 1 and c.params["executor"] == "reference"})
    single = f" The published way ran once at {', '.join(map(str, once))} cuts." if once else ""
    said = any(record.prediction is not None for record in request.records)
    model = "Broken lines: what the cost model said before each run, with its interval. " if said else ""
    return (
        f"{cutting.measured_words(cases)}{single} {model}"
        f"{cutting.fairness(cases)} The published figure (36 qubits, GPUs) peaks at 2 cuts; its text has no times. "
        f"{request.origin.sentence()}"
    )


def _table(points: pd.DataFrame, caption: str) -> Table:
    by_cuts: dict[int, dict[str, Any]] = defaultdict(dict)
    for row in points.itertuples():
        by_cuts[int(str(row.cuts))][f"{row.series}{', model' if row.kind == 'projected' else ''}"] = row
    names = list(dict.fromkeys(name for found in by_cuts.values() for name in found))
    rows = tuple(
        (str(cuts), *(cutting.cell(found.get(name)) for name in names)) for cuts, found in sorted(by_cuts.items())
    )
    columns = ("cuts", *names)
    return Table(
        "fig11", "Figure 11: time to the value (speedup over uncut)", columns, rows, frozenset(columns), caption
    )
