"""Figure 7: one evaluation of a distributed state vector against its qubits, with and without gradient.

Measured series of this store, the published weak scaling, and the projection of the machine's own bandwidths, fitted to
the measured points, to the published widths with one more doubling of the shards for each qubit.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd
from matplotlib.ticker import MaxNLocator

from harness.labels import axes_at, short_label
from qdreamer import Observation, TooFewObservations, fit, laws

from . import series, style
from .figures import Drawing, Request, View
from .published import PublishedNumbersMissing, published

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.figure import Figure

    from .summary import CaseSummary

APP: Final = "distributed_state_vector"
WIDEST: Final = 39
MODES: Final = {"expval": "values", "vjp": "gradient of the sum", "jacobian": "gradient of each value"}
COLUMNS: Final = ("series", "kind", "mode", "n_qubits", "shards", "repeats", "seconds", "low_s", "high_s", "source")
_VECTORS: Final = {"expval": 1, "vjp": 3}
_Y: Final = ("n_qubits", "seconds", "low_s", "high_s")
_Row = tuple[Any, ...]


def applies(cases: Sequence[CaseSummary]) -> bool:
    """Tell whether these cases vary the number of qubits of one simulator's state vector."""
    return len({case.params["n_qubits"] for case in _usable(cases)}) > 1


def draw(request: Request) -> Drawing:
    """Draw the figure from a campaign's cases, of which `applies` must be true."""
    cases = _usable(request.cases)
    names = [("", short_label(case.params, axes_at(cases, "n_qubits"))) for case in cases]
    projections = [row for mode in _VECTORS for row in _projected(cases, mode)]
    rows = [*_measured(cases, names), *_published(), *projections]
    points = pd.DataFrame(rows, columns=list(COLUMNS))
    looks = {name: look for (_, name), look in series.looks(names).items()}
    caption = f"{_caption(cases, projected=bool(projections))} {request.origin.sentence()}"
    with style.styled():
        figure = _figure(points, looks, caption)
    view = View(*_Y, x_title="qubits", y_title="seconds of one evaluation")
    return Drawing("fig7", figure, points, caption, view=view)


def _usable(cases: Sequence[CaseSummary]) -> list[CaseSummary]:
    return [case for case in cases if case.app == APP and case.params["method"] == "statevector" and _time(case)]


def _time(case: CaseSummary) -> Any:
    return case.metrics.get("execute_s")


def _shards(case: CaseSummary) -> int:
    return int(case.params["ranks"]) * int(case.params["shards_per_rank"])


# ---------------------------------------------------------------- the points


def _measured(cases: Sequence[CaseSummary], names: Sequence[tuple[str, str]]) -> list[_Row]:
    rows = []
    for case, (_, name) in zip(cases, names, strict=True):
        time = _time(case)
        what = (case.params["mode"], int(case.params["n_qubits"]), _shards(case), time.n)
        rows.append((name, case.kind, *what, time.median, time.low, time.high, f"case {case.key}"))
    first = {row[0]: place for place, row in reversed(list(enumerate(rows)))}
    return sorted(rows, key=lambda row: (first[row[0]], row[3]))


def _published() -> list[_Row]:
    try:
        table = published("fig7_weak")
    except PublishedNumbersMissing:
        return []
    return [
        (
            f"{MODES[row['mode']]}, 4 to {512 if row['mode'] == 'expval' else 256} A100",
            "published",
            row["mode"],
            int(row["n_qubits"]),
            int(row["gpus"]),
            1,
            *3 * (float(row["runtime_s"]),),
            "earlier weak scaling of the same workload",
        )
        for row in table.to_dict("records")
    ]


def _projected(cases: Sequence[CaseSummary], mode: str) -> list[_Row]:
    """Return the line of this machine's fitted bandwidths with one doubling of shards a qubit; empty if too few points.

    It starts at the widest measured case and carries on to the published widths.
    """
    used = [case for case in cases if case.params["mode"] == mode and case.params["simulator"] == "jax"]
    observed = [Observation(_features(case), _time(case).median) for case in used]
    try:
        model = fit(laws.load("state_vector"), observed)
    except TooFewObservations:
        return []
    widest = max(used, key=lambda case: (int(case.params["n_qubits"]), _shards(case)))
    start, shards = int(widest.params["n_qubits"]), _shards(widest)
    rows = []
    for width in range(start, WIDEST + 1):
        doubled = shards << (width - start)
        found = model.predict(_features(widest, width, doubled))
        name = f"{MODES[mode]}, {shards} shard(s) as here and twice as many for each qubit"
        values = (found.value, found.low, found.high)
        rows.append((name, "projected", mode, width, doubled, 0, *values, "qdreamer law state_vector"))
    return rows


def _features(case: CaseSummary, width: int | None = None, shards: int | None = None) -> dict[str, float]:
    """Return the bytes of a case, or of the same circuit family at another width on other shards.

    Each layer passes over the state 1.5 times a qubit gate by gate; an exchange of all global qubits a layer, but the
    last, sends 1 - 1/P of it.
    """
    n = int(case.params["n_qubits"]) if width is None else width
    held = _shards(case) if shards is None else shards
    layers = case.params.get("reps") or case.params.get("depth") or 1
    state = (16.0 if case.params["precision"] == "double" else 8.0) * 2.0**n
    vectors = _VECTORS.get(case.params["mode"], 1)
    sent = max(1, layers - 1) * (1 - 1 / held) * state * vectors
    measured = case.metrics.get("exchanged_bytes")
    if width is None and measured is not None:
        sent = measured.median
    return {"shards": float(held), "memory_bytes": 3.0 * n * layers * state * vectors, "sent_bytes": sent}


# ---------------------------------------------------------------- the picture


def _figure(points: pd.DataFrame, looks: Mapping[str, series.Look], caption: str) -> Figure:
    figure, axes = style.new_figure(caption)
    series.legend(axes, series.draw_all(axes, points, looks, _Y))
    series.log_axis(axes, "s")
    axes.margins(x=0.03)
    axes.set_xlabel("qubits")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    style.axis_title(axes, "time of one evaluation")
    style.headline(figure, "Distributed state vector", "two-layer StronglyEntanglingLayers, ⟨Z⟩ of every qubit")
    return figure


def _caption(cases: Sequence[CaseSummary], *, projected: bool) -> str:
    few = " (fewer than 6 repeats: their range)" if any(_time(case).n < 6 for case in cases) else ""
    parts = [
        f"Measured: median and its 95 % interval{few} of one evaluation after compilation; shards share this machine.",
        "Published: weak scaling of the same circuit on NVIDIA A100 GPUs; its gradient is of each ⟨Z⟩.",
    ]
    if projected:
        parts.append(
            "Projected: bandwidths fitted to the measured points, carried on with twice the shards for each qubit; the "
            "band is that of the fit and holds no change of the network."
        )
    return " ".join(parts)
