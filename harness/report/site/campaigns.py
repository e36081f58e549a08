"""Pages of campaigns and of their figures."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

from harness.labels import axes as axes_of
from harness.labels import case_label
from harness.provenance import listed, provenance
from harness.report import figures, tables
from harness.report.summary import summarize
from harness.store import TRACES
from harness.traces import draw as draw_trace
from harness.traces import find_traces, read_timeline, write_chrome

from . import charts
from .page import Cell, Grid, Link, Page, Picture, Section, cell, chart_block, grid, picture

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    import pandas as pd

    from harness.provenance import Provenance
    from harness.record import Record
    from harness.report import StoredCampaign
    from harness.report.summary import CaseSummary

_POINTS: Final = 200
_TROUBLES: Final = 100
_PERFETTO_BYTES: Final = 5_000_000


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure of a campaign with its files below the site."""

    drawing: figures.Drawing
    files: list[Path]
    below: str

    def page(self, campaign: str) -> str:
        """Return the path of its page."""
        return f"figures/{campaign}-{self.drawing.name}.html"

    def title(self, campaign: str) -> str:
        """Return what it is called."""
        return campaign if campaign == self.drawing.name else f"{campaign}: {self.drawing.name.replace('_', ' ')}"


@dataclass(frozen=True, slots=True)
class Shown:
    """A campaign as the site shows it."""

    name: str
    directory: Path
    records: Sequence[Record]
    cases: list[CaseSummary]
    origin: Provenance
    drawn: list[Drawn] = field(default_factory=list)

    @property
    def path(self) -> str:
        """Its page."""
        return f"campaigns/{self.name}.html"

    @property
    def text(self) -> str:
        """The campaign file that was run last; empty if it is not there."""
        file = self.directory / "campaign.toml"
        return file.read_text("utf-8") if file.is_file() else ""


def shown(stored: StoredCampaign, out: Path, name: str) -> Shown:
    """Sum up a campaign and draw its figures below the site; ``name`` is its own among all campaigns."""
    cases, origin = summarize(stored.records), provenance(stored.records)
    below = f"files/{name}"
    drawings = figures.draw(figures.Request(cases, origin, stored.records))
    drawn = [Drawn(drawing, figures.write(drawing, out / below, origin), below) for drawing in drawings]
    return Shown(name, stored.directory, stored.records, cases, origin, drawn)


# ---------------------------------------------------------------- a campaign's page


def campaign_pages(one: Shown, out: Path) -> list[Page]:
    """Return the page of a campaign and those of its figures."""
    return [_campaign_page(one, out), *(_figure_page(one, drawn) for drawn in one.drawn)]


def _campaign_page(one: Shown, out: Path) -> Page:
    lead = f"Mini-apps: {', '.join(one.origin.apps)}. {one.origin.sentence()}"
    page = Page(one.path, f"Campaign {one.name}", lead, _facts(one))
    for drawn in one.drawn:
        page.sections.append(_figure_section(one, drawn))
    table = tables.campaign_table(one.name, one.cases)
    page.sections.append(Section("Cases", grids=[grid("cases", table)]))
    troubles = _troubles(one)
    if troubles.rows:
        page.sections.append(Section("Without a value", grids=[troubles]))
    page.sections.append(_trace_section(one, out))
    if one.text:
        title = "campaign.toml, as it was run last"
        page.sections.append(Section("The campaign", code_title=title, code=one.text))
    return page


def _facts(one: Shown) -> list[tuple[str, str]]:
    statuses = Counter(record.status for record in one.records)
    low, high = one.origin.repeats
    return [
        ("cases", str(len(one.cases))),
        ("records", f"{len(one.records):,}"),
        ("ok", f"{statuses['ok']:,}"),
        ("other ends", f"{len(one.records) - statuses['ok']:,}"),
        ("repeats", str(low) if low == high else f"{low} to {high}"),
    ]


def _figure_section(one: Shown, drawn: Drawn) -> Section:
    link = Link(f"Picture, points and origin of {drawn.drawing.name}", f"../{drawn.page(one.name)}")
    chart = charts.of_drawing(drawn.drawing)
    if chart is None:
        return Section(drawn.drawing.name, links=[link], pictures=[_picture(one, drawn)])
    label = _label(one, drawn)
    return Section(drawn.drawing.name, links=[link], charts=[chart_block(chart, label, drawn.drawing.caption)])


def _label(one: Shown, drawn: Drawn) -> str:
    names = list(dict.fromkeys(str(name) for name in _names(drawn.drawing.points)))
    view = drawn.drawing.view
    what = f": {view.y_title or view.y} against {view.x_title or view.x}" if view and view.y_title else ""
    shown_names = f" Shown: {listed(names, most=8)}." if names else ""
    return f"Figure {drawn.drawing.name} of campaign {one.name}{what}.{shown_names} Its table of points says the same."


def _names(points: pd.DataFrame) -> Sequence[object]:
    column = next((name for name in ("series", "label", "chooser") if name in points), None)
    return [] if column is None else points[column].to_list()


def _picture(one: Shown, drawn: Drawn) -> Picture:
    return picture(
        drawn.files[0], drawn.below, alt=_label(one, drawn), caption=drawn.drawing.caption, files=drawn.files
    )


def _troubles(one: Shown) -> Grid:
    rows = []
    for record in one.records:
        if record.status != "ok":
            why = record.error.message if record.error else record.check.detail
            what = case_label(record.params, axes_of(one.cases)) or record.app
            rows.append([cell(what), cell(str(record.repeat)), cell(record.status.replace("_", " ")), cell(why[:300])])
    note = f"The first {_TROUBLES} of {len(rows)}." if len(rows) > _TROUBLES else ""
    return Grid("troubles", "Repeats without a value", ("case", "repeat", "status", "why"), rows[:_TROUBLES], note=note)


def _trace_section(one: Shown, out: Path) -> Section:
    found = find_traces(one.directory / TRACES) if (one.directory / TRACES).is_dir() else []
    title = "Tasks over time"
    if not found:
        return Section(title, [f"No traces were kept. To keep some: qhpc run {one.name} --traces"])
    file = found[-1]
    timeline = read_timeline(file.path)
    stem = out / f"files/{one.name}/trace-{file.key}-{file.repeat}"
    caption = f"Case {file.key}, repeat {file.repeat}: {timeline.tasks:,} tasks in {timeline.end_s:.4g} s."
    files = draw_trace(timeline, stem, title=f"{one.name}: what ran where", caption=caption)
    perfetto = write_chrome(timeline, stem.with_name(f"{stem.name}.perfetto.json"))
    if perfetto.stat().st_size <= _PERFETTO_BYTES:
        files = [*files, perfetto]
    else:
        perfetto.unlink()
    chart = charts.tasks(timeline)
    label = f"Tasks over time of campaign {one.name}, one row a worker. {caption}"
    shown_ = picture(files[0], f"files/{one.name}", alt=label, caption=caption, files=files)
    texts = [f"{len(found)} traces are kept; this is the last one. The JSON file opens in Perfetto."]
    return Section(title, texts, charts=[chart_block(chart, label, caption)] if chart else [], pictures=[shown_])


# ---------------------------------------------------------------- a figure's page


def _figure_page(one: Shown, drawn: Drawn) -> Page:
    drawing = drawn.drawing
    page = Page(drawn.page(one.name), f"{drawing.name} of campaign {one.name}")
    page.sections.append(
        Section(links=[Link(f"Campaign {one.name}", f"../{one.path}")], pictures=[_picture(one, drawn)])
    )
    chart = charts.of_drawing(drawing)
    if chart is not None:
        caption = "Point at a marker for its value and its case; choose a series in the legend to hide it."
        page.sections.append(Section("Chart", charts=[chart_block(chart, _label(one, drawn), caption)]))
    if drawing.table is not None:
        page.sections.append(Section("Table", grids=[replace(grid("table", drawing.table), note="")]))
    page.sections.append(Section("Points", grids=[_points(drawing.points)]))
    page.sections.append(Section("Origin", grids=[_origin(one)]))
    return page


def _points(points: pd.DataFrame) -> Grid:
    columns = [str(name) for name in points.columns]
    numeric = frozenset(str(name) for name in points.select_dtypes("number").columns)
    rows = [[_number(value) for value in row] for row in points.head(_POINTS).itertuples(index=False)]
    note = f"The first {_POINTS} of {len(points):,} points; the CSV file has all." if len(points) > _POINTS else ""
    return Grid("points", "Every point of the figure", columns, rows, numeric, note)


def _number(value: object) -> Cell:
    if isinstance(value, float):
        return Cell("–") if value != value else Cell(f"{value:.5g}", value=value)  # noqa: PLR0124 - not a number
    return Cell(str(value))


def _origin(one: Shown) -> Grid:
    rows = [
        ("campaign", one.name),
        ("apps", ", ".join(one.origin.apps)),
        ("commits", ", ".join(one.origin.commits)),
        ("machines", ", ".join(one.origin.machines)),
        ("cases", str(one.origin.cases)),
        ("repeats", " to ".join(map(str, one.origin.repeats))),
        ("records by kind", ", ".join(f"{count} {kind}" for kind, count in one.origin.kinds.items())),
        ("records by status", ", ".join(f"{count} {status}" for status, count in one.origin.statuses.items())),
    ]
    return Grid("origin", "Where the numbers come from", ("what", "value"), [[Cell(a), Cell(b)] for a, b in rows])
