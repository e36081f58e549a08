"""C.4 beside C.3: time to the same energy without and with a barrier."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from . import style
from .figures import Drawing, Request, View
from .rows import Text, dots, labels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .summary import CaseSummary

APP: Final = "vqa_asynchronous"
_NAMES: Final = {APP: "no barrier (C.4)", "vqa_parallel": "barrier (C.3)"}
_COLUMNS: Final = ("target_s", "low_s", "high_s")
_METRIC: Final = "time_to_target_s"


def applies(cases: Sequence[CaseSummary]) -> bool:
    """Tell whether there are cases of C.4 that reached a known target, beside none but C.3's."""
    apps = {case.app for case in cases}
    return APP in apps and apps <= set(_NAMES) and bool(_usable(cases))


def draw(request: Request) -> Drawing:
    """Draw the figure from a campaign's cases, of which `applies` must be true."""
    cases = sorted(_usable(request.cases), key=lambda case: (str(case.params["problem"]), case.params["slow_devices"]))
    points = pd.DataFrame([_row(case, label) for case, label in zip(cases, labels(cases), strict=True)])
    caption = (
        "Median and its 95 % interval (fewer than 6 repeats: their range). Time until the energy was within the stated "
        f"tolerance of the known one. Devices are emulated. {request.origin.sentence()}"
    )
    text = Text("C.4: time to the same energy", "with and without a barrier", "time to target", "s", caption)
    with style.styled():
        middle, low, high = _COLUMNS
        view = View(middle, "label", low, high, x_title="seconds to the target", log="x", rows=True)
        return Drawing("staleness", dots(points, _COLUMNS, text), points, caption, view=view)


def _usable(cases: Sequence[CaseSummary]) -> list[CaseSummary]:
    return [case for case in cases if case.app in _NAMES and _METRIC in case.metrics]


def _row(case: CaseSummary, label: str) -> dict[str, object]:
    found = case.metrics[_METRIC]
    return {
        "label": label,
        "series": _NAMES[case.app],
        "kind": case.kind,
        "target_s": found.median,
        "low_s": found.low,
        "high_s": found.high,
        "repeats": found.n,
        "source": f"case {case.key}",
    }
