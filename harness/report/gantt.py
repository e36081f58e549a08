"""The Gantt picture of a timeline: pilots x workers over time, stages shaded, colour by function.

Few tasks are drawn one by one. Many are drawn as the busy share of each worker in narrow columns of time, computed from
every task, in the colour of the function that took most of it; what went wrong is drawn one by one in both cases.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgb
from matplotlib.patches import Patch, Rectangle
from matplotlib.ticker import MaxNLocator

from harness.traces.chrome import describe
from harness.traces.clocks import Bar, bars, clock_offsets
from harness.traces.counts import Steps, queued, running
from harness.traces.usage import PilotUsage, usage, window

from .style import COLOURS, INK, MUTED, WIDTH_IN, headline, new_figure, save, styled

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from harness.traces.timeline import Timeline
    from pilot_quantum import PilotTrace

MANY_BARS: Final = 3_000
"""More bars than this are drawn as busy shares."""
_MANY_TROUBLES: Final = 1_000
_COLUMNS: Final = 900
_OTHERS: Final = "#8F8F8F"
_TROUBLE: Final = "#B3001B"
_STAGE_TINTS: Final = ("#EFE3C8", "#D9E7F2", "#DFEFD8", "#F1DCE6", "#E4DDF2", "#F6E3D3", "#D8EEEC", "#E9E9E9")
_LEFT_IN, _LEGEND_IN = 0.62, 1.95
_ROW_IN, _ROWS_IN, _HEADING_IN, _STAGE_IN = 0.2, (0.3, 5.6), 0.24, 0.2
_STRIP_IN, _STRIP_GAP_IN = 0.42, 0.16
_LABELLED_ROW_IN: Final = 0.11
_LONGEST_NAME: Final = 24


@dataclass(frozen=True, slots=True)
class _Row:
    """Where a worker is drawn: distance of its upper edge from the top of the axes and its height, in inches."""

    top: float
    height: float


@dataclass(frozen=True, slots=True)
class _Layout:
    rows: dict[tuple[str, int], _Row]
    headings: dict[str, float]
    height: float


def draw_gantt(timeline: Timeline, stem: Path, *, title: str = "", caption: str = "") -> list[Path]:
    """Draw the timeline and write it as PNG, SVG and PDF.

    Parameters
    ----------
    timeline
        What is drawn.
    stem
        The files without their suffixes.
    title, caption
        Above and below; what must be said about clocks and tasks put together is added to the caption.
    """
    with styled():
        return save(_figure(timeline, title=title, caption=caption), stem)


def _figure(timeline: Timeline, *, title: str, caption: str) -> Figure:
    placed, pilots = bars(timeline), usage(timeline)
    layout = _layout(pilots)
    strips_in = 2 * (_STRIP_IN + _STRIP_GAP_IN)
    plot_in = (WIDTH_IN - _LEFT_IN - _LEGEND_IN, layout.height + strips_in)
    together = len(placed) > MANY_BARS
    text = " ".join(filter(None, [caption, *_remarks(timeline, together=together)]))
    figure, axes = new_figure(text, plot_in, left_in=_LEFT_IN)
    strips = _split(figure, axes, layout.height, plot_in[1])
    scale, unit = (1e3, "milliseconds") if timeline.end_s < 1 else (1.0, "seconds")
    handles = _draw_rows(axes, timeline, placed, layout=layout, scale=scale, together=together)
    _draw_headings(axes, pilots, layout)
    _draw_strip(strips[0], running(placed), "running", scale=scale, end_s=timeline.end_s)
    _draw_strip(strips[1], queued(timeline), "queued", scale=scale, end_s=timeline.end_s)
    for one in (axes, *strips):
        one.set_xlim(0, max(timeline.end_s, 1e-9) * scale)
    strips[1].set_xlabel(f"{unit} since the run's start")
    right = 1 - (_LEGEND_IN - 0.12) / WIDTH_IN
    top = axes.get_position().y1
    figure.legend(handles=handles, loc="upper left", bbox_to_anchor=(right, top), fontsize=8, handlelength=1.3)
    headline(figure, title or "What ran where", _subtitle(timeline, pilots))
    return figure


def _subtitle(timeline: Timeline, pilots: Sequence[PilotUsage]) -> str:
    workers = sum(len(pilot.workers) for pilot in pilots)
    held_s = sum(worker.window_s for pilot in pilots for worker in pilot.workers)
    busy_s = sum(pilot.busy_s for pilot in pilots)
    used = f", workers {busy_s / held_s:.0%} busy" if held_s > 0 else ""
    many = f"{len(pilots)} pilots" if len(pilots) != 1 else "1 pilot"
    return f"{timeline.tasks:,} tasks on {workers} worker{'s' * (workers != 1)} of {many}, {timeline.end_s:.3g} s{used}"


def _remarks(timeline: Timeline, *, together: bool) -> list[str]:
    said = []
    if together:
        said.append("Many tasks: the deeper the colour, the larger the busy share of a worker in that moment.")
    if timeline.tasks_per_slice > 1:
        said.append(f"Up to {timeline.tasks_per_slice} tasks in a row were put together when the trace was kept.")
    offsets = {host: one for host, one in clock_offsets(timeline).items() if host != timeline.driver_host}
    said += [f"Clock of {host}: {describe(offset)}." for host, offset in sorted(offsets.items())[:4]]
    if len(offsets) > len(said) + 4:
        said.append(f"Clocks of {len(offsets)} hosts are aligned like this.")
    return said


# ---------------------------------------------------------------- layout


def _layout(pilots: Sequence[PilotUsage]) -> _Layout:
    count = sum(len(pilot.workers) for pilot in pilots)
    row_in = min(max(count * _ROW_IN, _ROWS_IN[0]), _ROWS_IN[1]) / max(count, 1)
    at, rows, headings = _STAGE_IN, {}, {}
    for pilot in pilots:
        headings[pilot.pilot] = at + _HEADING_IN / 2
        at += _HEADING_IN
        for worker in pilot.workers:
            rows[pilot.pilot, worker.worker] = _Row(at, row_in * (0.84 if row_in >= _LABELLED_ROW_IN else 1.0))
            at += row_in
    return _Layout(rows, headings, at + 0.06)


def _split(figure: Figure, axes: Axes, rows_in: float, height_in: float) -> tuple[Axes, Axes]:
    """Give the upper part of the axes to the rows, and return two strips below."""
    box = axes.get_position()
    per_in = box.height / height_in
    axes.set_position((box.x0, box.y1 - rows_in * per_in, box.width, rows_in * per_in))
    tops = [rows_in + _STRIP_GAP_IN, rows_in + 2 * _STRIP_GAP_IN + _STRIP_IN]
    made = []
    for top in tops:
        place = (box.x0, box.y1 - (top + _STRIP_IN) * per_in, box.width, _STRIP_IN * per_in)
        made.append(figure.add_axes(place, sharex=axes))
    axes.set_ylim(rows_in, 0)
    axes.tick_params(labelbottom=False, bottom=False)
    made[0].tick_params(labelbottom=False, bottom=False)
    axes.grid(visible=False, axis="y")
    return made[0], made[1]


def _draw_headings(axes: Axes, pilots: Sequence[PilotUsage], layout: _Layout) -> None:
    ticks = []
    for pilot in pilots:
        used = "" if pilot.used is None else f" · {pilot.used:.0%} of its cores used"
        text = f"{pilot.pilot} · {pilot.engine} · {pilot.cores} core{'s' * (pilot.cores != 1)}{used}"
        place = (0, layout.headings[pilot.pilot])
        transform = axes.get_yaxis_transform()
        axes.text(*place, text, transform=transform, fontsize=8, color=INK, va="center", fontweight="bold")
        every = max(1, round(_LABELLED_ROW_IN * 1.2 / _row_in(layout, pilot)))
        ticks += [(layout.rows[w.pilot, w.worker], w.worker) for w in pilot.workers if w.worker % every == 0]
    axes.set_yticks([row.top + row.height / 2 for row, _ in ticks], [str(worker) for _, worker in ticks], fontsize=7.5)
    axes.tick_params(axis="y", length=0)
    corner = (0.0, 1.0)
    style: dict[str, Any] = {"fontsize": 7.5, "color": MUTED, "ha": "right", "va": "top", "textcoords": "offset points"}
    axes.annotate("worker", corner, (-4, -3), xycoords="axes fraction", **style)


def _row_in(layout: _Layout, pilot: PilotUsage) -> float:
    tops = [layout.rows[w.pilot, w.worker].top for w in pilot.workers[:2]]
    return tops[1] - tops[0] if len(tops) > 1 else _ROW_IN


# ---------------------------------------------------------------- rows


def _draw_rows(
    axes: Axes, timeline: Timeline, placed: Sequence[Bar], *, layout: _Layout, scale: float, together: bool
) -> list[Patch]:
    colours = _colours(placed)
    handles = _draw_stages(axes, timeline, layout, scale)
    handles += _draw_absence(axes, timeline, layout, scale)
    well = [bar for bar in placed if bar.told]
    if together:
        _draw_shares(axes, well, colours, layout=layout, scale=scale, end_s=timeline.end_s)
    else:
        _draw_bars(axes, well, colours, layout=layout, scale=scale)
    named = list(dict.fromkeys(colours.values()))
    others = [name for name, colour in colours.items() if colour == _OTHERS]
    labels = {colour: name for name, colour in colours.items() if colour != _OTHERS}
    labels[_OTHERS] = f"{len(others)} other functions" if len(others) > 1 else "".join(others)
    functions = [Patch(facecolor=colour, label=_short(labels[colour])) for colour in named]
    return [*functions, *_draw_troubles(axes, placed, layout, scale), *handles]


def _short(name: str) -> str:
    name = name.lstrip("_") or name  # a legend leaves out what begins with an underscore
    return name if len(name) <= _LONGEST_NAME else name[: _LONGEST_NAME - 1] + "…"


def _colours(placed: Iterable[Bar]) -> dict[str, str]:
    """Return a colour for each function, those with most work first; the last ones share one."""
    busy: dict[str, float] = defaultdict(float)
    for bar in placed:
        busy[bar.slice.function] += bar.end_s - bar.begin_s
    ranked = sorted(busy, key=lambda name: (-busy[name], name))
    return {name: COLOURS[rank] if rank < len(COLOURS) else _OTHERS for rank, name in enumerate(ranked)}


def _draw_bars(axes: Axes, placed: Iterable[Bar], colours: dict[str, str], *, layout: _Layout, scale: float) -> None:
    boxes, faces = [], []
    for bar in placed:
        row = layout.rows.get((bar.slice.pilot or "", bar.slice.worker or 0))
        if row is not None:
            boxes.append(_box(bar, row, scale))
            faces.append(colours[bar.slice.function])
    axes.add_collection(PolyCollection(boxes, facecolors=faces, edgecolors="white", linewidths=0.25), autolim=False)


def _box(bar: Bar, row: _Row, scale: float) -> list[tuple[float, float]]:
    left, right = bar.begin_s * scale, bar.end_s * scale
    bottom = row.top + row.height
    return [(left, row.top), (right, row.top), (right, bottom), (left, bottom)]


def _draw_shares(
    axes: Axes, placed: Iterable[Bar], colours: dict[str, str], *, layout: _Layout, scale: float, end_s: float
) -> None:
    edges = np.linspace(0, end_s, _COLUMNS + 1, dtype=np.float64)
    lanes: dict[tuple[str, int], dict[str, list[Bar]]] = defaultdict(lambda: defaultdict(list))
    for bar in placed:
        lanes[bar.slice.pilot or "", bar.slice.worker or 0][colours[bar.slice.function]].append(bar)
    for lane, by_colour in lanes.items():
        row = layout.rows.get(lane)
        if row is not None:
            shares = np.array([busy_share(mine, edges) for mine in by_colour.values()])
            extent = (0, end_s * scale, row.top + row.height, row.top)
            axes.imshow(
                _pixels(shares, list(by_colour)), extent=extent, aspect="auto", interpolation="nearest", zorder=2
            )


def busy_share(lane: Sequence[Bar], edges: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return which share of each interval between the edges (ascending, n + 1) the bars (apart, ascending) take, n."""
    times = np.array([edge for bar in lane for edge in (bar.begin_s, bar.end_s)])
    busy = np.array([_busy_s(bar) for bar in lane])
    after = np.cumsum(busy)
    done = np.ravel(np.column_stack([after - busy, after]))
    share: NDArray[np.float64] = (np.diff(np.interp(edges, times, done)) / np.diff(edges)).clip(0, 1)
    return share


def _busy_s(bar: Bar) -> float:
    length_s = bar.end_s - bar.begin_s
    return length_s if bar.slice.run_s is None else min(length_s, bar.slice.run_s)


def _pixels(shares: NDArray[np.float64], colours: list[str]) -> NDArray[np.float64]:
    """Return one line of pixels: the colour with the largest share, as deep as all shares together."""
    table = np.array([to_rgb(colour) for colour in colours])
    total = shares.sum(axis=0).clip(0, 1)
    line: NDArray[np.float64] = np.concatenate([table[shares.argmax(axis=0)], total[:, None]], axis=1)
    return line[None]


def _draw_troubles(axes: Axes, placed: Iterable[Bar], layout: _Layout, scale: float) -> list[Patch]:
    ill = [bar for bar in placed if not bar.told or bar.slice.state not in ("done", "dispatched")]
    looks: dict[str, tuple[dict[str, Any], list[Bar]]] = {
        "raised": ({"facecolor": "none", "hatch": "xxxx"}, [bar for bar in ill if bar.told]),
        "lost or stopped": ({"facecolor": "#F9DADF", "hatch": "////"}, [bar for bar in ill if not bar.told]),
    }
    handles = []
    for label, (look, members) in looks.items():
        for bar in members[:_MANY_TROUBLES]:
            row = layout.rows.get((bar.slice.pilot or "", bar.slice.worker or 0))
            if row is not None:
                size = ((bar.end_s - bar.begin_s) * scale, row.height)
                axes.add_patch(Rectangle((bar.begin_s * scale, row.top), *size, ec=_TROUBLE, lw=0.7, zorder=3, **look))
        if members:
            left_out = "" if len(members) <= _MANY_TROUBLES else f", first {_MANY_TROUBLES}"
            handles.append(Patch(edgecolor=_TROUBLE, label=f"{label} ({len(members)}{left_out})", **look))
    return handles


def _draw_stages(axes: Axes, timeline: Timeline, layout: _Layout, scale: float) -> list[Patch]:
    names = list(dict.fromkeys(stage.name for stage in timeline.stages))
    tints = {name: _STAGE_TINTS[number % len(_STAGE_TINTS)] for number, name in enumerate(names)}
    boxes: dict[float, list[list[tuple[float, float]]]] = {0.45: [], 1.0: []}
    for stage in timeline.stages:
        left, right = stage.start_s * scale, stage.end_s * scale
        for alpha, bottom in ((0.45, layout.height), (1.0, _STAGE_IN * 0.7)):
            boxes[alpha].append([(left, 0), (right, 0), (right, bottom), (left, bottom)])
    faces = [tints[stage.name] for stage in timeline.stages]
    for alpha, shapes in boxes.items():
        axes.add_collection(PolyCollection(shapes, facecolors=faces, alpha=alpha, lw=0, zorder=0), autolim=False)
    return [Patch(facecolor=tints[name], label=f"stage: {_short(name)}") for name in names[: len(_STAGE_TINTS)]]


def _draw_absence(axes: Axes, timeline: Timeline, layout: _Layout, scale: float) -> list[Patch]:
    """Hatch the rows of a pilot before it takes tasks and after its end."""
    look: dict[str, Any] = {"facecolor": "#F4F4F4", "edgecolor": "#C4C4C4", "hatch": "...", "lw": 0}
    drawn = False
    for pilot in timeline.pilots:
        rows = [row for (name, _), row in layout.rows.items() if name == pilot.name]
        for begin_s, end_s in _absent(pilot, timeline.end_s) if rows else []:
            top, bottom = rows[0].top, rows[-1].top + rows[-1].height
            size = ((end_s - begin_s) * scale, bottom - top)
            axes.add_patch(Rectangle((begin_s * scale, top), *size, zorder=1, **look))
            drawn = True
    return [Patch(label="pilot not there", **look)] if drawn else []


def _absent(pilot: PilotTrace, end_s: float) -> list[tuple[float, float]]:
    begin_s, stop_s = window(pilot, end_s)
    return [span for span in ((0.0, begin_s), (stop_s, end_s)) if span[1] - span[0] > end_s * 1e-3]


# ---------------------------------------------------------------- strips


def _draw_strip(axes: Axes, steps: Steps, label: str, *, scale: float, end_s: float) -> None:
    times, counts = _thinned(steps, end_s)
    axes.fill_between(times * scale, counts, step="post", color="#A9B4BE", lw=0)
    axes.plot(times * scale, counts, drawstyle="steps-post", color="#5F6E7A", lw=0.7)
    axes.set_ylim(0, max(1, counts.max(initial=0)) * 1.08)
    axes.yaxis.set_major_locator(MaxNLocator(2, integer=True, steps=[1, 2, 5, 10]))
    axes.tick_params(axis="y", labelsize=7.5, length=0)
    axes.text(0.995, 0.9, label, transform=axes.transAxes, ha="right", va="top", fontsize=8, color=MUTED)


def _thinned(steps: Steps, end_s: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the steps up to the end; many of them as the largest count in each narrow column of time."""
    known = [(0.0, 0), *steps]
    times, counts = np.array([at for at, _ in known]), np.array([float(count) for _, count in known])
    if len(known) > 2 * _COLUMNS:
        edges = np.linspace(0, max(end_s, 1e-9), _COLUMNS + 1)
        column = np.searchsorted(edges, times, side="right").clip(1, _COLUMNS) - 1
        largest = counts[np.searchsorted(times, edges[:-1], side="right").clip(1) - 1]
        np.maximum.at(largest, column, counts)
        times, counts = edges[:-1], largest
    return np.append(times, end_s), np.append(counts, counts[-1])
