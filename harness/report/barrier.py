"""C.3: what stands idle at the barrier, by how circuits are dealt to unequal devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from . import style
from .figures import Drawing, Request, View
from .rows import Text, labels, stacked

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .summary import CaseSummary

APP: Final = "vqa_parallel"
_PARTS: Final = {"busy_ms": "devices busy", "idle_ms": "devices idle"}


def applies(cases: Sequence[CaseSummary]) -> bool:
    """Tell whether all cases are of C.3."""
    return bool(_usable(cases)) and {case.app for case in cases} == {APP}


def draw(request: Request) -> Drawing:
    """Draw the figure from a campaign's cases, of which `applies` must be true."""
    cases = _usable(request.cases)
    points = pd.DataFrame([_row(case, label) for case, label in zip(cases, labels(cases), strict=True)])
    caption = (
        "Medians. The length of a bar is the time of one iteration, divided by the share of it in which devices ran "
        f"circuits. Slow devices are emulated. {request.origin.sentence()}"
    )
    text = Text(
        "C.3: an iteration with a barrier", "by how its circuits are dealt to the devices", "time, ms", "s", caption
    )
    with style.styled():
        view = View("", "label", x_title="milliseconds of an iteration", log="", parts=_PARTS)
        return Drawing("barrier", stacked(points, _PARTS, text), points, caption, view=view)


def _usable(cases: Sequence[CaseSummary]) -> list[CaseSummary]:
    return [case for case in cases if case.app == APP and "idle_share" in case.metrics]


def _row(case: CaseSummary, label: str) -> dict[str, object]:
    iteration_ms = 1e3 * case.metrics["time_to_value_s"].median / case.metrics["iterations"].median
    idle = case.metrics["idle_share"].median
    return {
        "label": label,
        "kind": case.kind,
        "busy_ms": iteration_ms * (1 - idle),
        "idle_ms": iteration_ms * idle,
        "iterations": case.metrics["iterations"].median,
        "source": f"case {case.key}",
    }
