"""C.2: where the time of one evaluation goes, by the distance of the optimiser from the circuits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from . import style
from .figures import Drawing, Request, View
from .rows import Text, labels, stacked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .summary import CaseSummary

APP: Final = "vqa_sequential"
_PARTS: Final = {"quantum_ms": "circuits", "coupling_ms": "coupling", "queue_ms": "queue (injected)"}


def applies(cases: Sequence[CaseSummary]) -> bool:
    """Tell whether there are searches at different distances, and none of another motif to compare them with."""
    return bool(_usable(cases)) and {case.app for case in cases} == {APP}


def draw(request: Request) -> Drawing:
    """Draw the figure from a campaign's cases, of which `applies` must be true."""
    cases = _usable(request.cases)
    points = pd.DataFrame([_row(case, label) for case, label in zip(cases, _labels(cases), strict=True)])
    caption = (
        "Medians. Circuits: value and gradient inside the kernel. Coupling: optimiser, message and scheduling. "
        f"{request.origin.sentence()}"
    )
    text = Text("C.2: one evaluation of a variational loop", "by where the optimiser runs", "time, ms", "s", caption)
    with style.styled():
        view = View("", "label", x_title="milliseconds of an evaluation", log="", parts=_PARTS)
        return Drawing("coupling", stacked(points, _PARTS, text), points, caption, view=view)


def _usable(cases: Sequence[CaseSummary]) -> list[CaseSummary]:
    return [case for case in cases if case.app == APP and "throughput" in case.metrics]


def _labels(cases: Sequence[CaseSummary]) -> list[str]:
    return labels(cases, without=("queue_s", "max_iterations", "learning_rate"))


def _row(case: CaseSummary, label: str) -> dict[str, object]:
    each_s = 1 / case.metrics["throughput"].median
    coupling_s = case.metrics["coupling_per_evaluation_s"].median
    queue_s = float(case.params["queue_s"])
    return {
        "label": label,
        "kind": case.kind,
        "quantum_ms": 1e3 * max(0.0, each_s - coupling_s - queue_s),
        "coupling_ms": 1e3 * coupling_s,
        "queue_ms": 1e3 * queue_s,
        "evaluations": case.metrics["evaluations"].median,
        "source": f"case {case.key}",
    }
