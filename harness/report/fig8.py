"""Figure 8: compression of images against workers: rate, efficiency, and where an image's time goes.

Measured are the worker counts of this campaign. Larger ones are projected from the measured times of single images:
tasks that do not talk, handed out one by one, end after at most N·mean/W + (1 - 1/W)·longest (Graham's bound for list
scheduling), at least N·mean/W. Published are the raw numbers of the original mini-apps, with 256 CPUs a node.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pandas as pd

from harness.labels import axes_at, short_label

from . import series, style
from .figures import Drawing, Request, View
from .published import PublishedNumbersMissing, published

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from .summary import CaseSummary, Statistics

APP: Final = "qml_compression"
IMAGES: Final = 60_000
CPUS_PER_NODE: Final = 256
_WORKERS: Final = (4, 16, 64, 256, 1024, 4096, 8192)
_PARTS: Final = ("sweep", "refine")
COLUMNS: Final = ("series", "kind", "quantity", "workers", "repeats", "value", "low", "high", "source")
_Y: Final = ("workers", "value", "low", "high")
_Row = tuple[Any, ...]


def applies(cases: Sequence[CaseSummary]) -> bool:
    """Tell whether these cases compress the same images with different numbers of workers."""
    return len({_workers(case) for case in _usable(cases)}) > 1


def draw(request: Request) -> Drawing:
    """Draw the figure from a campaign's cases, of which `applies` must be true."""
    cases = _usable(request.cases)
    names = _names(cases)
    rows = [row for group in _grouped(cases, names).items() for row in _of_series(*group)]
    points = pd.DataFrame([*rows, *_published()], columns=list(COLUMNS))
    looks = series.looks([(name, "") for name in dict.fromkeys(names)])
    caption = f"{_caption(cases)} {request.origin.sentence()}"
    figure = _figure(points, {name: look for (name, _), look in looks.items()}, caption)
    only = "quantity", "images_per_s"
    view = View(*_Y, x_title="workers (published: CPUs)", y_title="images per second", log="xy", only=only)
    return Drawing("fig8", figure, points, caption, view=view)


def _usable(cases: Sequence[CaseSummary]) -> list[CaseSummary]:
    needed = {"throughput", "image_max_s", *(f"{part}_per_image_s" for part in _PARTS)}
    return [case for case in cases if case.app == APP and case.main and needed <= case.metrics.keys()]


def _workers(case: CaseSummary) -> int:
    return sum(int(pilot.get("nodes") or 1) * int(pilot.get("cores_per_node") or 1) for pilot in case.pool)


def _names(cases: Sequence[CaseSummary]) -> list[str]:
    differing = [name for name in axes_at(cases, None) if name != "images_per_task"]
    return [short_label(case.params, differing) or "dense sweeps" for case in cases]


def _grouped(cases: Sequence[CaseSummary], names: Sequence[str]) -> dict[str, list[CaseSummary]]:
    groups: dict[str, list[CaseSummary]] = {}
    for case, name in zip(cases, names, strict=True):
        groups.setdefault(name, []).append(case)
    return groups


# ---------------------------------------------------------------- the points


def _of_series(name: str, cases: Sequence[CaseSummary]) -> list[_Row]:
    ordered = sorted(cases, key=_workers)
    rows: list[_Row] = []
    for case in ordered:
        rate, workers = case.metrics["throughput"], _workers(case)
        rows.append(_row(name, case, "images_per_s", rate))
        rows += [_row(name, case, f"{part}_s", case.metrics[f"{part}_per_image_s"]) for part in _PARTS]
        base = ordered[0].metrics["throughput"].median / _workers(ordered[0])
        shares = (value / (base * workers) for value in (rate.median, rate.low, rate.high))
        rows.append((name, case.kind, "efficiency", workers, rate.n, *shares, f"case {case.key}"))
    return [*rows, *_projected(name, ordered[0])]


def _row(name: str, case: CaseSummary, quantity: str, found: Statistics) -> _Row:
    numbers = found.n, found.median, found.low, found.high
    return (name, case.kind, quantity, _workers(case), *numbers, f"case {case.key}")


def _projected(name: str, case: CaseSummary) -> list[_Row]:
    mean_s = sum(case.metrics[f"{part}_per_image_s"].median for part in _PARTS)
    longest_s = case.metrics["image_max_s"].median
    rows: list[_Row] = []
    for workers in _WORKERS:
        best_s = IMAGES * mean_s / workers
        worst_s = best_s + (1 - 1 / workers) * longest_s
        rates = IMAGES / worst_s, IMAGES / worst_s, IMAGES / best_s
        source = f"list scheduling of case {case.key}"
        rows.append((name, "projected", "images_per_s", workers, 0, *rates, source))
        rows.append((name, "projected", "efficiency", workers, 0, *(rate * mean_s / workers for rate in rates), source))
    return rows


def _published() -> list[_Row]:
    try:
        nodes, cpus = published("fig8"), published("fig8_cpus")
    except PublishedNumbersMissing:
        return []
    runtimes = nodes.groupby("n_nodes")["runtime_s"].mean()
    rows: list[_Row] = []
    for count, seconds in runtimes.items():
        workers, rate = int(str(count)) * CPUS_PER_NODE, IMAGES / seconds
        share = runtimes.iloc[0] / (seconds * int(str(count)))
        rows.append(("paper, by nodes", "published", "images_per_s", workers, 3, *3 * (rate,), "fig8.csv"))
        rows.append(("paper, by nodes", "published", "efficiency", workers, 3, *3 * (share,), "fig8.csv"))
    for entry in cpus.to_dict("records"):
        workers, name = 2 * int(entry["tasks_per_node"]), "paper, by tasks on 2 nodes"
        for quantity, column in (
            ("images_per_s", "throughput_images_per_s"),
            ("sweep_s", "sweep_mean_s"),
            ("refine_s", "bfgs_mean_s"),
        ):
            rows.append((name, "published", quantity, workers, 1, *3 * (entry[column],), "fig8_cpus.csv"))
    return rows


# ---------------------------------------------------------------- the picture


def _figure(points: pd.DataFrame, looks: Mapping[str, series.Look], caption: str) -> Figure:
    with style.styled():
        figure, axes = style.new_figure(caption, (5.35, 6.4))
        place = axes.get_position()
        parts = [
            (place.x0, place.y0 + 0.56 * place.height, place.width, 0.44 * place.height),
            (place.x0, place.y0, 0.42 * place.width, 0.40 * place.height),
            (place.x0 + 0.62 * place.width, place.y0, 0.85 * place.width, 0.40 * place.height),
        ]
        axes.set_position(parts[0])
        rates = points[points["quantity"] == "images_per_s"]
        series.legend(axes, series.draw_all(axes, rates, looks, _Y))
        _workers_axis(axes)
        series.log_axis(axes, "images/s")
        style.axis_title(axes, "images per second")
        second = figure.add_axes(parts[1])
        series.draw_all(second, points[points["quantity"] == "efficiency"], looks, _Y)
        _workers_axis(second)
        second.set_ylim(0, 1.15)
        second.set_title("efficiency", loc="left", fontsize=9.5)
        _split(figure.add_axes(parts[2]), points)
        style.headline(
            figure,
            "Compression of images: workers, efficiency, where the time goes",
            "32 x 32 RGB, 13 qubits, depth 4",
        )
    return figure


def _workers_axis(axes: Axes) -> None:
    series.log_axis(axes, "", "x")
    axes.set_xlabel("workers (published: CPUs)")


def _split(axes: Axes, points: pd.DataFrame) -> None:
    """Draw seconds of one image as bars: sweeps, then refinement."""
    wide = points[points["quantity"].isin([f"{part}_s" for part in _PARTS])].pivot_table(
        index=["kind", "series", "workers"], columns="quantity", values="value", sort=False
    )
    labels = []
    entries: list[dict[Any, Any]] = wide.reset_index().to_dict("records")
    for place, row in enumerate(entries):
        kind, name, workers = row["kind"], row["series"], row["workers"]
        colours = style.COLOURS if kind == "measured" else style.GREYS[1:]
        seen = [row["sweep_s"], row["sweep_s"] + row["refine_s"]]
        axes.barh(-place, seen[1], color=colours[1], height=0.7)
        axes.barh(-place, seen[0], color=colours[0], height=0.7)
        axes.text(
            seen[1] * 1.15, -place, f"{_short(row['sweep_s'])} + {_short(row['refine_s'])} s", va="center", fontsize=7.5
        )
        labels.append(f"{'paper' if kind == 'published' else name}, {workers}")
    axes.set_yticks([-place for place in range(len(labels))], labels, fontsize=7.5)
    series.log_axis(axes, "s", "x")
    axes.set_xlim(right=axes.get_xlim()[1] * 30)
    axes.set_title("seconds of one image: sweeps + refinement", loc="left", fontsize=9.5)
    axes.grid(visible=False, axis="y")


def _short(number: float) -> str:
    return f"{number:.0f}" if number >= 10 else f"{number:.2g}"


def _caption(cases: Sequence[CaseSummary]) -> str:
    few = " (fewer than 6 repeats: their range)" if any(case.main and case.main.n < 6 for case in cases) else ""
    sizes = sorted({int(case.params["n_images"]) for case in cases})
    return (
        f"Measured: median and its 95 % interval{few} for {', '.join(map(str, sizes))} images. Projected: {IMAGES:,} "
        "images by list scheduling of the measured times of single images; no start-up of nodes. Published: CIFAR-10 "
        f"on CPU nodes of {CPUS_PER_NODE} logical CPUs, another machine; its stages were timed for tasks on 2 nodes."
    )
