"""Figure 6: time for a batch of random circuits against the number of qubits.

Measured series of this store, the published points, and the projection of the paper's 256 QPUs. Batches of different
sizes are never put on one scale by multiplying: if every batch has the published 1,024 circuits, the axis is the time
of the batch; if not, it is the time of each batch divided by its own circuits, for all series alike, with a second axis
that reads the same heights for 1,024 circuits and says that this is a projection.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from harness.labels import axes as axes_of
from harness.labels import axes_at, pool_id, pool_names, short_label, value
from qdreamer.models import qpu_duration

from . import series, style
from .figures import Drawing, Request, View
from .published import PublishedNumbersMissing, published

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .summary import CaseSummary

APP: Final = "circuit_execution"
BATCH: Final = 1024
QPUS: Final = 256
WIDEST: Final = 28
SAMPLER_SHOTS: Final = 4096
"""Assumed for the QPU where the batch was computed exactly: the vendor's default, also the paper's for cutting."""
FORMULA: Final = f"{QPUS} QPUs, mean of 8 × 4 + 2 s"
_PUBLISHED_NAMES: Final = {"ionq_simulator": "IonQ simulator (cloud)", "aer_cpu": "Aer, CPU", "aer_gpu": "Aer, GPU"}
_COLUMNS: Final = (
    "series",
    "kind",
    "n_qubits",
    "n_circuits",
    "repeats",
    "batch_s",
    "batch_low_s",
    "batch_high_s",
    "circuit_s",
    "circuit_low_s",
    "circuit_high_s",
    "source",
)
_Row = tuple[Any, ...]


def applies(cases: Sequence[CaseSummary]) -> bool:
    """Tell whether these cases vary the number of qubits of circuit execution."""
    return len({case.params["n_qubits"] for case in _usable(cases)}) > 1


def draw(request: Request) -> Drawing:
    """Draw the figure from a campaign's cases, of which `applies` must be true."""
    cases = _usable(request.cases)
    names = _series_names(cases)
    looks = series.looks(names)
    rows = [*_measured(cases, names), *_published(), *_projected(cases), *_by_formula(cases)]
    points = pd.DataFrame(rows, columns=list(_COLUMNS))
    parts = [_measured_text(cases) + _followers(cases, names), series.crowd_note(looks)]
    caption = " ".join([*filter(None, parts), *_other_texts(cases, points), request.origin.sentence()])
    with style.styled():
        figure = _figure(points, cases, {_joined(name): look for name, look in looks.items()}, caption)
    return Drawing("fig6", figure, points, caption, view=_view(points))


def _view(points: pd.DataFrame) -> View:
    what = f"batch of {BATCH:,} circuits" if _as_published(points) else "circuit"
    return View(*_columns(points), x_title="qubits", y_title=f"seconds of a {what}")


def _as_published(points: pd.DataFrame) -> bool:
    return set(points["n_circuits"]) == {BATCH}


def _columns(points: pd.DataFrame) -> tuple[str, str, str, str]:
    what = "batch" if _as_published(points) else "circuit"
    return "n_qubits", f"{what}_s", f"{what}_low_s", f"{what}_high_s"


def _usable(cases: Sequence[CaseSummary]) -> list[CaseSummary]:
    needed = {"n_qubits", "n_circuits"}
    return [
        case for case in cases if case.app == APP and case.main and case.unit == "s" and needed <= case.params.keys()
    ]


# ---------------------------------------------------------------- the points


def _measured(cases: Sequence[CaseSummary], names: Sequence[tuple[str, str]]) -> list[_Row]:
    rows = []
    for case, name in zip(cases, names, strict=True):
        if case.main is not None:
            counts = int(case.params["n_qubits"]), int(case.params["n_circuits"]), case.main.n
            times = case.main.median, case.main.low, case.main.high
            rows.append(_row(_joined(name), case.kind, counts, times, source=f"case {case.key}"))
    first = {row[0]: place for place, row in reversed(list(enumerate(rows)))}
    return sorted(rows, key=lambda row: (first[row[0]], row[2], row[3]))


def _series_names(cases: Sequence[CaseSummary]) -> list[tuple[str, str]]:
    """Return for each case its pool, and whatever else tells cases of the same width apart; one part may be empty."""
    pools = pool_names(case.pool for case in cases)
    differing = axes_at(cases, "n_qubits")
    alone = len(pools) == 1 and bool(differing)
    return [("" if alone else pools[pool_id(case.pool)], short_label(case.params, differing)) for case in cases]


def _joined(name: tuple[str, str]) -> str:
    return ", ".join(part for part in name if part)


def _published() -> list[_Row]:
    try:
        table = published("fig6_quoted")
    except PublishedNumbersMissing:
        return []
    return [
        _row(
            _PUBLISHED_NAMES.get(row["series"], row["series"]),
            "published",
            (row["n_qubits"], row["n_circuits"], 1),
            (row["runtime_s"],) * 3,
            source="paper, section 7.2.1",
        )
        for row in table.to_dict("records")
    ]


def _projected(cases: Sequence[CaseSummary]) -> list[_Row]:
    """Return the line of the QPUs over the widths of the figure; empty for circuits without a stated depth."""
    model, rows = qpu_duration.model(), []
    for width, (depth, shots) in _workload(cases).items():
        predicted = model.predict({"circuits": BATCH, "qpus": QPUS, "shots": shots, "depth": depth})
        times = predicted.value, predicted.low, predicted.high
        name = f"{QPUS} QPUs ({qpu_duration.EAGLE.name})"
        rows.append(_row(name, "projected", (width, BATCH, 0), times, source="qdreamer law qpu_duration"))
    return rows


def _emulated(cases: Sequence[CaseSummary]) -> list[CaseSummary]:
    """Return the batches that an emulated QPU ran alone, on a simulated clock."""
    return [
        case
        for case in cases
        if case.kind == "projected"
        and [device["kind"] for pilot in case.pool for device in pilot.get("devices", ())] == ["emulated"]
    ]


def _by_formula(cases: Sequence[CaseSummary]) -> list[_Row]:
    """Return the published projection, with the circuits of the emulated QPU in place of the published eight."""
    rows = []
    for case in _emulated(cases):
        if case.main is not None:
            jobs, dispatch_s = BATCH // QPUS, qpu_duration.EAGLE.dispatch_s
            each = (time / int(case.params["n_circuits"]) for time in (case.main.median, case.main.low, case.main.high))
            low, middle, high = sorted(jobs * time + dispatch_s for time in each)
            counts = int(case.params["n_qubits"]), BATCH, case.main.n
            source = f"published formula on case {case.key}"
            rows.append(_row(FORMULA, "projected", counts, (middle, low, high), source=source))
    return sorted(rows, key=lambda row: (row[2], row[3]))


def _workload(cases: Sequence[CaseSummary]) -> dict[int, tuple[int, int]]:
    """Return the largest depth and shots measured at each width, carried on to the published 28 qubits."""
    found: dict[int, tuple[int, int]] = {}
    for case in cases:
        depth, width = case.params.get("depth"), int(case.params["n_qubits"])
        if isinstance(depth, int):
            before = found.get(width, (0, 0))
            found[width] = max(before[0], depth), max(before[1], int(case.params.get("shots") or SAMPLER_SHOTS))
    if found and max(found) < WIDEST:
        found[WIDEST] = found[max(found)]
    return dict(sorted(found.items()))


def _row(
    name: str, kind: str, counts: tuple[int, int, int], times: tuple[float, float, float], *, source: str
) -> tuple[Any, ...]:
    return (name, kind, *counts, *times, *(time / counts[1] for time in times), source)


# ---------------------------------------------------------------- the picture


def _figure(points: pd.DataFrame, cases: Sequence[CaseSummary], looks: dict[str, series.Look], caption: str) -> Figure:
    as_published, columns = _as_published(points), _columns(points)
    figure, axes = style.new_figure(caption)
    series.legend(axes, series.draw_all(axes, points, looks, columns), shift_in=0.2 if as_published else 0.75)
    series.log_axis(axes, "s")
    axes.margins(x=0.03)
    axes.set_xlabel("qubits")
    axes.set_xticks(sorted(set(points["n_qubits"])))
    style.axis_title(
        axes, f"time for the batch of {BATCH:,} circuits" if as_published else "time per circuit (batch ÷ circuits)"
    )
    if not as_published:
        _second_axis(axes)
    style.headline(figure, "Circuit execution: time for a batch of circuits", _subtitle(cases))
    return figure


def _second_axis(axes: Axes) -> None:
    second = axes.secondary_yaxis("right", functions=(_of_batch, _of_circuit))
    series.log_axis(second, "s")
    second.tick_params(labelsize=9, labelcolor=style.PROJECTED)
    style.axis_title(axes, f"× {BATCH:,} (projected)", side="right", color=style.PROJECTED)


def _of_batch(per_circuit: Any) -> Any:
    return per_circuit * BATCH


def _of_circuit(batch: Any) -> Any:
    return batch / BATCH


def _subtitle(cases: Sequence[CaseSummary]) -> str:
    params, varying = cases[0].params, axes_of(cases)
    pools = pool_names(case.pool for case in cases)
    texts = {
        "family": "{} circuits",
        "depth": "depth {}",
        "shots": "{:,} shots" if params.get("shots") else "exact values",
        "method": "{}",
        "precision": "{} precision",
    }
    fixed = {name: text for name, text in texts.items() if params.get(name) is not None and name not in varying}
    parts = [text.format(params[name]).replace("_", " ") for name, text in fixed.items()]
    return ", ".join([*parts, f"engine {next(iter(pools.values()))}"] if len(pools) == 1 else parts)


# ---------------------------------------------------------------- the caption


def _other_texts(cases: Sequence[CaseSummary], points: pd.DataFrame) -> list[str]:
    kinds, parts = set(points["kind"]), []
    if not _as_published(points):
        parts.append(f"Heights are the time of a batch / its circuits; the right axis multiplies them by {BATCH:,}.")
    if "published" in kinds:
        parts.append(
            f"Published: quoted in the paper (section 7.2.1) for {BATCH:,} circuits of unstated depth, other machines."
        )
    if "projected" in kinds:
        parts.append(_projected_text(cases))
    if emulated := _emulated(cases):
        parts.append(_formula_text(emulated))
    return parts


def _measured_text(cases: Sequence[CaseSummary]) -> str:
    sizes = sorted({int(case.params["n_circuits"]) for case in cases})
    batch = f"{sizes[0]:,}" if len(sizes) == 1 else f"{sizes[0]:,} to {sizes[-1]:,}"
    few = " (fewer than 6 repeats: their range)" if any(case.main and case.main.n < 6 for case in cases) else ""
    return f"Measured: median and its 95 % interval{few} for batches of {batch} circuits"


def _followers(cases: Sequence[CaseSummary], names: Sequence[tuple[str, str]]) -> str:
    """Say what else changes along a series besides the width and the size of the batch; ends the sentence."""
    along: dict[tuple[str, str], list[CaseSummary]] = defaultdict(list)
    for case, name in zip(cases, names, strict=True):
        along[name].append(case)
    changing = {name for group in along.values() for name in axes_of(group)} - {"n_qubits", "n_circuits"}
    levels = {name: found for name, found in axes_of(cases).items() if name in changing}
    texts = [f"{name} {value(found[0])} to {value(found[-1])}" for name, found in levels.items()]
    return f"; with the width change {', '.join(texts)}." if texts else "."


def _projected_text(cases: Sequence[CaseSummary]) -> str:
    eagle, workload = qpu_duration.EAGLE, _workload(cases)
    depths, shots = ({entry[part] for entry in workload.values()} for part in (0, 1))
    assumed = ", assumed" if any(not case.params.get("shots") for case in cases) else ""
    low, high = (1e6 * bound for bound in eagle.repetition_range_s)
    return (
        f"Projected: {BATCH:,} circuits on {QPUS} QPUs = {BATCH // QPUS} jobs of one circuit each "
        f"({eagle.job_s:g} s + {_span(shots)} shots{assumed} x ({1e6 * eagle.repetition_s:g} µs repetition delay + "
        f"readout + depth {_span(depths)})) + {eagle.dispatch_s:g} s dispatch; band: delays of {low:g} to {high:g} µs; "
        "no queue, no routing."
    )


def _formula_text(emulated: Sequence[CaseSummary]) -> str:
    sizes = {int(case.params["n_circuits"]) for case in emulated}
    names = sorted({device["name"] for case in emulated for pilot in case.pool for device in pilot["devices"]})
    return (
        f"Emulated QPU ({', '.join(names)}): {_span(sizes)} circuits, one a job, nobody else in the queue, on a "
        f"simulated clock. Published formula: mean of its circuits x {BATCH // QPUS} (= {BATCH:,} / {QPUS}) + "
        f"{qpu_duration.EAGLE.dispatch_s:g} s; assumes perfect scaling, exclusive access, a representative sample."
    )


def _span(values: set[int]) -> str:
    return f"{min(values):,}" if len(values) == 1 else f"{min(values):,} to {max(values):,}"
