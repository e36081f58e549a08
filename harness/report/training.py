"""Training curves of the classifier: loss and share of right answers by epoch, and the accuracy on test images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from harness.labels import axes_at, short_label

from . import series, style
from .figures import Drawing, Request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

    from .summary import CaseSummary

APP: Final = "qml_classifier"
COLUMNS: Final = ("series", "kind", "quantity", "epoch", "repeats", "value", "low", "high", "source")
_Y: Final = ("epoch", "value", "low", "high")
_QUANTITIES: Final = {"loss": "loss", "accuracy": "share of right answers (training)"}


def applies(cases: Sequence[CaseSummary]) -> bool:
    """Tell whether there is a training of more than one epoch."""
    return any(int(case.params["epochs"]) > 1 for case in _usable(cases))


def draw(request: Request) -> Drawing:
    """Draw the curves from a campaign's cases, of which `applies` must be true."""
    cases = _usable(request.cases)
    names = _names(cases)
    rows = [row for case, name in zip(cases, names, strict=True) for row in _rows(case, name)]
    points = pd.DataFrame(rows, columns=list(COLUMNS))
    looks = {name: look for (name, _), look in series.looks([(name, "") for name in names]).items()}
    caption = f"{_caption(cases, names)} {request.origin.sentence()}"
    return Drawing("training", _figure(points, looks, caption), points, caption)


def _usable(cases: Sequence[CaseSummary]) -> list[CaseSummary]:
    return [case for case in cases if case.app == APP and "loss_epoch_1" in case.metrics]


def _names(cases: Sequence[CaseSummary]) -> list[str]:
    differing = axes_at(cases, None)
    return [short_label(case.params, differing) or case.params["task"] for case in cases]


def _rows(case: CaseSummary, name: str) -> list[tuple[Any, ...]]:
    rows = []
    for quantity in _QUANTITIES:
        for epoch in range(1, int(case.params["epochs"]) + 1):
            found = case.metrics[f"{quantity}_epoch_{epoch}"]
            values = found.n, found.median, found.low, found.high
            rows.append((name, case.kind, quantity, epoch, *values, f"case {case.key}"))
    return rows


def _figure(points: pd.DataFrame, looks: Mapping[str, series.Look], caption: str) -> Figure:
    with style.styled():
        figure, axes = style.new_figure(caption, (5.35, 5.2))
        place = axes.get_position()
        axes.set_position((place.x0, place.y0 + 0.55 * place.height, place.width, 0.45 * place.height))
        below = figure.add_axes((place.x0, place.y0, place.width, 0.43 * place.height))
        for area, (quantity, title) in zip((axes, below), _QUANTITIES.items(), strict=True):
            legends = series.draw_all(area, points[points["quantity"] == quantity], looks, _Y)
            style.axis_title(area, title)
            if area is axes:
                series.legend(axes, legends)
        below.set_ylim(bottom=0)
        below.set_xlabel("epoch")
        style.headline(figure, "Variational classifier: training", "means over the batches of an epoch")
    return figure


def _caption(cases: Sequence[CaseSummary], names: Sequence[str]) -> str:
    texts = [
        f"{name}: {case.metrics['test_accuracy'].median:.3f} ({case.metrics['test_accuracy_low'].median:.2f} to "
        f"{case.metrics['test_accuracy_high'].median:.2f})"
        for case, name in zip(cases, names, strict=True)
    ]
    return f"Accuracy on test images, with Wilson's 95 % interval: {'; '.join(texts)}. Chance: 0.1."
