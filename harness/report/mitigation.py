"""B.4: the error before and after mitigation, and what it costs in shots."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import pandas as pd

from . import style
from .figures import Drawing, Request, View
from .rows import Text, labels, pairs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .summary import CaseSummary

APP: Final = "error_mitigation"
_FLOOR: Final = 1e-9
"""Errors below it are rounding."""
_COLUMNS: Final = {"before": "without mitigation", "after": "with mitigation", "standard_error": "standard error"}
_SILENT: Final = ("technique", "least_gain", "shots", "rounds", "samples", "foldings")
"""Parameters that a label leaves out unless nothing else tells two cases apart."""


def applies(cases: Sequence[CaseSummary]) -> bool:
    """Tell whether all cases are of B.4."""
    return bool(_usable(cases)) and {case.app for case in cases} == {APP}


def draw(request: Request) -> Drawing:
    """Draw the figure from a campaign's cases, of which `applies` must be true."""
    cases = _usable(request.cases)
    points = pd.DataFrame([_row(case, label) for case, label in zip(cases, _labels(cases), strict=True)])
    caption = (
        "Medians of the distance from the exact value. Standard error: of the mitigated value, from shots, draws and "
        "calibration; none of exact values. × shots: how many times more shots than without mitigation the same "
        f"standard error takes. {request.origin.sentence()}"
    )
    text = Text("B.4: error before and after mitigation", "by technique", "distance from the exact value", "1", caption)
    with style.styled():
        view = View("after", "label", "after", "before", x_title="distance from the exact value", log="x", rows=True)
        return Drawing("mitigation", pairs(points, _COLUMNS, text), points, caption, view=view)


def _usable(cases: Sequence[CaseSummary]) -> list[CaseSummary]:
    found = [case for case in cases if case.app == APP and "error_after" in case.metrics]
    return sorted(found, key=lambda case: (case.params["device"] == "pilot", _technique(case)))


def _technique(case: CaseSummary) -> str:
    return str(case.params["technique"])


def _labels(cases: Sequence[CaseSummary]) -> list[str]:
    """Return the technique of each case, and what tells it from others of the same technique."""
    found = [""] * len(cases)
    for technique in dict.fromkeys(_technique(case) for case in cases):
        places = [place for place, case in enumerate(cases) if _technique(case) == technique]
        some = [cases[place] for place in places]
        told = labels(some, without=_SILENT)
        if len(set(zip(told, (bool(case.params["shots"]) for case in some), strict=True))) < len(some):
            told = labels(some, without=_SILENT[:2])
        for place, label in zip(places, told, strict=True):
            found[place] = technique if label == APP else f"{technique}: {label}"
    return [_with_cost(label, case) for label, case in zip(found, cases, strict=True)]


def _with_cost(label: str, case: CaseSummary) -> str:
    overhead = case.metrics.get("sampling_overhead")
    cost = f" ({overhead.median:.1f} × shots)" if overhead is not None and case.params["shots"] else " (exact)"
    return f"{label}{cost}{', projected' if case.kind == 'projected' else ''}"


def _row(case: CaseSummary, label: str) -> dict[str, object]:
    middle = {name: found.median for name, found in case.metrics.items()}
    return {
        "label": label,
        "kind": case.kind,
        "before": max(_FLOOR, middle["error_before"]),
        "after": max(_FLOOR, middle["error_after"]),
        "standard_error": middle["standard_error"],
        "sampling_overhead": middle.get("sampling_overhead"),
        "throughput": middle["throughput"],
        "source": f"case {case.key}",
    }
