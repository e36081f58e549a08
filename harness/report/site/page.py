"""A page as a value, and writing it: sections of text, charts, pictures and tables, through one template."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from struct import unpack
from typing import TYPE_CHECKING, Any, Final

import jinja2

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from harness.report.tables import Table

    from .charts import Chart

SITE: Final = "Quantum-HPC mini-apps"
NAVIGATION: Final = (
    ("index.html", "Overview"),
    ("paper.html", "The paper"),
    ("models.html", "Model and measurement"),
    ("middleware.html", "Middleware"),
    ("history.html", "Over commits"),
    ("environment.html", "Environment"),
)
_HERE: Final = Path(__file__).parent
STATIC: Final = _HERE / "static"
_TONES: Final = {
    "holds": "good",
    "drawn": "good",
    "ok": "good",
    "better": "good",
    "does not hold here": "bad",
    "worse": "bad",
    "failed": "bad",
    "check failed": "bad",
    "not testable here": "open",
    "partial": "open",
    "no data": "open",
    "undecided": "open",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell: its text, where it leads, its tone (good, bad, open), and the number it is sorted by."""

    text: str
    href: str = ""
    tone: str = ""
    value: float | None = None


@dataclass(frozen=True, slots=True)
class Grid:
    """A table on a page; ``id`` is its own on that page, ``right`` names the columns that are set flush right."""

    id: str
    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]
    right: frozenset[str] = frozenset()
    note: str = ""


@dataclass(frozen=True, slots=True)
class ChartBlock:
    """A chart as JSON, what a screen reader says of it, and the text below."""

    json: str
    label: str
    caption: str


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture with its size in pixels, its text for those who do not see it, its caption, and its files."""

    src: str
    alt: str
    width: int
    height: int
    caption: str
    files: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Link:
    """A link of its own line."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Thumb:
    """A small picture that leads to its page."""

    text: str
    href: str
    src: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page."""

    title: str = ""
    texts: Sequence[str] = ()
    links: Sequence[Link] = ()
    charts: Sequence[ChartBlock] = ()
    pictures: Sequence[Picture] = ()
    grids: Sequence[Grid] = ()
    thumbs: Sequence[Thumb] = ()
    code_title: str = ""
    code: str = ""


@dataclass(frozen=True, slots=True)
class Page:
    """A page: its path below the site, its title, a first sentence, numbers at a glance, its parts."""

    path: str
    title: str
    lead: str = ""
    facts: Sequence[tuple[str, str]] = ()
    sections: list[Section] = field(default_factory=list)

    @property
    def root(self) -> str:
        """What leads from this page to the site's directory."""
        return "../" * self.path.count("/")


@cache
def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(_HERE / "templates")
    return jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )


def write(page: Page, out: Path) -> Path:
    """Write a page as HTML below ``out``."""
    charts = any(section.charts for section in page.sections)
    text = (
        _environment()
        .get_template("page.html")
        .render(
            site=SITE,
            title=page.title,
            lead=page.lead,
            facts=page.facts,
            sections=page.sections,
            root=page.root,
            current=page.path,
            navigation=NAVIGATION,
            charts=charts,
        )
    )
    file = out / page.path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return file


# ---------------------------------------------------------------- making parts


def chart_block(chart: Chart, label: str, caption: str) -> ChartBlock:
    """Return a chart for a page; its numbers are written with seven digits, so that a page stays small."""
    text = json.dumps(_rounded(chart), separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return ChartBlock(text.replace("<", "\\u003c"), label, caption)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items() if item is not None}
    if isinstance(value, list | tuple):
        return [_rounded(item) for item in value]
    return float(f"{value:.7g}") if isinstance(value, float) else value


def picture(file: Path, below: str, *, alt: str, caption: str, files: Iterable[Path] = ()) -> Picture:
    """Return a picture whose files lie in the directory ``below`` of the site."""
    width, height = _size(file)
    named = [(one.name, f"{below}/{one.name}") for one in files]
    return Picture(f"{below}/{file.name}", alt, width, height, caption, named)


def thumb(file: Path, below: str, *, text: str, href: str) -> Thumb:
    """Return a small picture of a file in the directory ``below`` of the site."""
    return Thumb(text, href, f"{below}/{file.name}", *_size(file))


def _size(file: Path) -> tuple[int, int]:
    """Return width and height of a PNG in pixels."""
    width, height = unpack(">II", file.read_bytes()[16:24])
    return width, height


def cell(text: str, *, href: str = "", value: float | None = None) -> Cell:
    """Return a cell; words that are verdicts or states get their tone."""
    return Cell(text, href, _TONES.get(text, ""), value)


def grid(name: str, table: Table) -> Grid:
    """Return a table of the report for a page."""
    rows = [[cell(text) for text in row] for row in table.rows]
    return Grid(name, table.title, table.columns, rows, table.right, table.caption)
