"""The pipeline's Gantt chart: when each stage ran and how long the wide pilot was held, with the core-seconds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from harness.labels import axes_at, pool_id, pool_names, short_label

from . import style
from .figures import Drawing, Request
from .tables import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.figure import Figure

    from .summary import CaseSummary

APP: Final = "qml_pipeline"
ROWS: Final = ("encode", "compress", "train", "evaluate", "wide")
COLUMNS: Final = ("series", "kind", "row", "repeats", "start_s", "end_s", "makespan_s", "core_seconds", "source")
_NAMES: Final = {"wide": "wide pilot held"}
_ROW_IN: Final = 0.2


def applies(cases: Sequence[CaseSummary]) -> bool:
    """Tell whether there is a case of the pipeline."""
    return bool(_usable(cases))


def draw(request: Request) -> Drawing:
    """Draw the chart from a campaign's cases, of which `applies` must be true."""
    cases = _usable(request.cases)
    names = _names(cases)
    points = pd.DataFrame(
        [row for pair in zip(cases, names, strict=True) for row in _rows(*pair)], columns=list(COLUMNS)
    )
    caption = f"{_caption(cases)} {request.origin.sentence()}"
    return Drawing("pipeline", _figure(points, caption), points, caption, _table(cases, names, caption))


def _usable(cases: Sequence[CaseSummary]) -> list[CaseSummary]:
    return [case for case in cases if case.app == APP and case.main and "wide_end_s" in case.metrics]


def _names(cases: Sequence[CaseSummary]) -> list[str]:
    pools, differing = pool_names(case.pool for case in cases), axes_at(cases, None)
    labels = [short_label(case.params, differing) for case in cases]
    several = len(pools) > 1
    return [
        ", ".join(filter(None, [label, pools[pool_id(case.pool)] if several or not label else ""]))
        for case, label in zip(cases, labels, strict=True)
    ]


def _rows(case: CaseSummary, name: str) -> list[tuple[Any, ...]]:
    def middle(metric: str) -> float:
        return case.metrics[metric].median

    whole, n = middle("time_to_value_s"), case.metrics["time_to_value_s"].n
    return [
        (
            name,
            case.kind,
            row,
            n,
            middle(f"{row}_start_s"),
            middle(f"{row}_end_s"),
            whole,
            middle("core_seconds"),
            case.key,
        )
        for row in ROWS
    ]


def _figure(points: pd.DataFrame, caption: str) -> Figure:
    names = list(dict.fromkeys(points["series"]))
    with style.styled():
        height = max(1.6, _ROW_IN * (len(ROWS) + 1.6) * len(names))
        figure, axes = style.new_figure(caption, (6.9, height), left_in=1.3)
        places, labels = [], []
        for group, name in enumerate(names):
            rows = points[points["series"] == name]
            top = -group * (len(ROWS) + 1.6)
            whole, kept = rows["makespan_s"].iloc[0], rows["core_seconds"].iloc[0]
            text = f"{name}: {whole:.1f} s, {kept:.1f} core-seconds"
            axes.text(0, top + 0.75, text, fontsize=8.5, fontweight="bold", va="center")
            for number, row in enumerate(rows.itertuples()):
                wide = row.row == "wide"
                colour = style.GREYS[2] if wide else style.COLOURS[number]
                axes.barh(top - number, row.end_s - row.start_s, left=row.start_s, height=0.78, color=colour)
                places.append(top - number)
                labels.append(_NAMES.get(str(row.row), str(row.row)))
            axes.plot([whole, whole], [top + 0.4, top - len(ROWS) + 0.6], color=style.INK, linewidth=1.2)
        axes.set_yticks(places, labels, fontsize=8)
        axes.set_ylim(min(places) - 0.8, 1.5)
        axes.set_xlim(left=0)
        axes.set_xlabel("seconds since the start")
        axes.grid(visible=False, axis="y")
        style.headline(figure, "QML pipeline: stages and the pilot of the wide one", "bars: first start to last end")
    return figure


def _caption(cases: Sequence[CaseSummary]) -> str:
    first = cases[0].params
    equal = len({case.digests for case in cases if case.digests}) == 1
    answers = "All cases gave the same answers, to the last bit." if equal else "Answers differ between cases."
    return (
        f"Medians. {first['n_train']} + {first['n_test']} images. The vertical line is the end of the run; "
        f"core-seconds count every core while it is held. {answers}"
    )


def _table(cases: Sequence[CaseSummary], names: Sequence[str], caption: str) -> Table:
    columns = ("case", "makespan", "core-seconds held", "saved", "busy", "accuracy", "baselines (colour, PCA)")
    rows = []
    for case, name in zip(cases, names, strict=True):
        found = {metric: entry.median for metric, entry in case.metrics.items()}
        interval = f"{found['test_accuracy_low']:.2f} – {found['test_accuracy_high']:.2f}"
        rows.append(
            (
                name,
                f"{found['time_to_value_s']:.1f} s",
                f"{found['core_seconds']:.1f}",
                f"{found['core_seconds_saved']:.1f}",
                f"{found['core_seconds_busy']:.1f}",
                f"{found['test_accuracy']:.3f} ({interval})",
                f"{found['baseline_colour_accuracy']:.3f}, {found['baseline_pca_accuracy']:.3f}",
            )
        )
    return Table("pipeline", "QML pipeline: makespan and core-seconds", columns, tuple(rows), frozenset(), caption)
