"""Figure 9: time of one training step of the classifier against the batch, every mode beside the published ones.

A step is loss, gradient and Adam's update; its time ends when the device is done, and the first call, which compiles,
is left out. The table weighs the paper's two claims, and what the direct form gains, by the numbers measured here.
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

APP: Final = "qml_classifier"
METRIC: Final = "step_s"
COLUMNS: Final = ("series", "kind", "mode", "precision", "batch_size", "repeats", METRIC, "low_s", "high_s", "source")
_Y: Final = ("batch_size", METRIC, "low_s", "high_s")
_TWO_ORDERS: Final = 100.0
_ABOUT_TWO_ORDERS: Final = 30.0
_FLAT: Final = 1.5
_DIRECT: Final = {"double": 5.0, "single": 12.0}


def applies(cases: Sequence[CaseSummary]) -> bool:
    """Tell whether these cases vary the batch of timed training steps."""
    return len({case.params["batch_size"] for case in _usable(cases)}) > 1


def draw(request: Request) -> Drawing:
    """Draw the figure and weigh the claims from a campaign's cases, of which `applies` must be true."""
    cases = _usable(request.cases)
    names = _names(cases)
    points = pd.DataFrame([*_measured(cases, names), *_published()], columns=list(COLUMNS))
    looks = {_joined(name): look for name, look in series.looks(names).items()}
    caption = f"{_caption(cases)} {request.origin.sentence()}"
    view = View(*_Y, x_title="images in the batch", y_title="seconds of one training step", log="xy")
    return Drawing("fig9", _figure(points, looks, caption), points, caption, _table(points, caption), view)


def _usable(cases: Sequence[CaseSummary]) -> list[CaseSummary]:
    return [case for case in cases if case.app == APP and case.params.get("task") == "step" and METRIC in case.metrics]


def _names(cases: Sequence[CaseSummary]) -> list[tuple[str, str]]:
    """Return for each case its mode and precision, and what else tells cases of the same batch apart."""
    pools = pool_names(case.pool for case in cases)
    differing = [name for name in axes_at(cases, "batch_size") if name not in ("mode", "precision", "steps")]
    several = len(pools) > 1
    return [
        (
            _mode(case.params),
            _joined((pools[pool_id(case.pool)] if several else "", short_label(case.params, differing))),
        )
        for case in cases
    ]


def _mode(params: Mapping[str, Any]) -> str:
    single = " (complex64)" if params["precision"] == "single" else ""
    return f"{params['mode']}{single}"


def _joined(name: tuple[str, str]) -> str:
    return ", ".join(part for part in name if part)


def _measured(cases: Sequence[CaseSummary], names: Sequence[tuple[str, str]]) -> list[tuple[Any, ...]]:
    rows = []
    for case, name in zip(cases, names, strict=True):
        found, params = case.metrics[METRIC], case.params
        what = params["mode"], params["precision"], int(params["batch_size"]), found.n
        rows.append((_joined(name), case.kind, *what, found.median, found.low, found.high, f"case {case.key}"))
    return sorted(rows, key=lambda row: (row[0], row[4]))


def _published() -> list[tuple[Any, ...]]:
    try:
        table = published("fig9")
    except PublishedNumbersMissing:
        return []
    return [
        (
            f"{row['method']} (A100)",
            "published",
            row["method"],
            "double",
            int(row["batch_size"]),
            1,
            row["time_s"],
            row["time_s"] - row["std_s"],
            row["time_s"] + row["std_s"],
            "data published with the original mini-apps",
        )
        for row in table.to_dict("records")
    ]


def _figure(points: pd.DataFrame, looks: Mapping[str, series.Look], caption: str) -> Figure:
    with style.styled():
        figure, axes = style.new_figure(caption, (5.35, 4.4))
        series.legend(axes, series.draw_all(axes, points, looks, _Y))
        series.log_axis(axes, "s")
        axes.set_xscale("log", base=2)
        axes.xaxis.set_minor_locator(series.no_ticks())
        levels = sorted(set(points["batch_size"]))
        axes.set_xticks(levels, [str(level) for level in levels])
        axes.set_xlabel("images in the batch")
        style.axis_title(axes, "time of one training step")
        style.headline(
            figure, "Variational classifier: time of a training step", "13 qubits, one layer: loss, gradient, Adam"
        )
    return figure


def _caption(cases: Sequence[CaseSummary]) -> str:
    few = " (fewer than 6 repeats: their range)" if any(case.metrics[METRIC].n < 6 for case in cases) else ""
    return (
        f"Measured: median over repeats of the median step, and its 95 % interval{few}; without the first call, which "
        "compiles; the timer waits for the device. Published: an A100, timer stopped before the device was done."
    )


# ---------------------------------------------------------------- the claims


def _table(points: pd.DataFrame, caption: str) -> Table:
    """Return the claims with what was published, what was measured here, and a verdict."""
    columns = ("claim", "published", "measured here", "verdict")
    kinds = {kind: _times(points[points["kind"] == kind]) for kind in ("published", "measured")}
    rows = [
        _gain("JIT is two orders of magnitude faster than sequential", kinds, ("sequential", "jit"), _TWO_ORDERS),
        *(_flatness(mode, kinds) for mode in ("vmap", "vmap_jit")),
        *(
            _gain(f"direct is {least:g} x faster than vmap_jit ({precision})", kinds, ("vmap_jit", precision), least)
            for precision, least in _DIRECT.items()
        ),
    ]
    return Table("fig9", "Figure 9: claims and verdicts", columns, tuple(rows), frozenset(), caption)


def _times(points: pd.DataFrame) -> dict[tuple[str, str], dict[int, float]]:
    found: dict[tuple[str, str], dict[int, float]] = {}
    for row in points.to_dict("records"):
        found.setdefault((row["mode"], row["precision"]), {})[int(row["batch_size"])] = float(row[METRIC])
    return found


def _gain(claim: str, kinds: dict[str, Any], what: tuple[str, str], least: float) -> tuple[str, ...]:
    """Compare two modes, or vmap_jit with the direct form in a precision, at the largest batch they share."""
    slow, other = (what[0], "double"), (what[1], "double") if what[1] == "jit" else ("direct", what[1])
    texts, ratio = [], None
    for kind in ("published", "measured"):
        first, second = kinds[kind].get(slow, {}), kinds[kind].get(other, {})
        shared = max(first.keys() & second.keys(), default=None)
        ratio = None if shared is None else first[shared] / second[shared]
        texts.append("–" if ratio is None else f"{ratio:.1f} x at batch {shared}")
    return claim, *texts, _verdict(ratio, least)


def _verdict(ratio: float | None, least: float) -> str:
    if ratio is None:
        return "not measured"
    if ratio >= least:
        return "holds"
    about = least == _TWO_ORDERS and ratio >= _ABOUT_TWO_ORDERS
    return "roughly" if about else "does not hold"


def _flatness(mode: str, kinds: dict[str, Any]) -> tuple[str, ...]:
    texts, ratio = [], None
    for kind in ("published", "measured"):
        times = kinds[kind].get((mode, "double"), {})
        few, many = min(times, default=0), max(times, default=0)
        ratio = times[many] / times[few] if few < many else None
        texts.append("–" if ratio is None else f"{ratio:.1f} x from batch {few} to {many}")
    verdict = "not measured" if ratio is None else "holds" if ratio <= _FLAT else "does not hold"
    return f"time of {mode} does not depend on the batch", *texts, verdict
