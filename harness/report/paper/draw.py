"""Every table and figure of the paper from records: files, and what there is to say of each."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from harness.provenance import provenance
from harness.report import cards, figures
from harness.report.summary import summarize
from harness.report.tables import latex_figure, write_table

from .progress import Progress, progress, shipped_campaign

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import pandas as pd

    from harness.provenance import Provenance
    from harness.record import Record
    from harness.report import StoredCampaign
    from harness.report.summary import CaseSummary
    from harness.report.tables import Table

    from .items import Item

DRAWN: Final = "drawn"
PARTIAL: Final = "partial"
NO_DATA: Final = "no data"


@dataclass(frozen=True, slots=True)
class Source:
    """Records of one campaign, summed up once."""

    campaign: str
    records: Sequence[Record]
    cases: Sequence[CaseSummary]
    origin: Provenance


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture or table that was written.

    Attributes
    ----------
    stem
        Name of its files without suffix.
    campaign
        Where its records are from; empty for what needs none.
    caption
        The text below it.
    files
        Names of its files, the picture first.
    points
        Its points; None for a table of the cards.
    table
        Its table; None without one.
    """

    stem: str
    campaign: str
    caption: str
    files: tuple[str, ...]
    points: pd.DataFrame | None = None
    table: Table | None = None


@dataclass(frozen=True, slots=True)
class Made:
    """One table or figure of the paper.

    Attributes
    ----------
    item
        Which.
    campaign
        Campaign that measures it at the scale that was asked for; empty for what needs none.
    state
        ``drawn``, ``partial`` (repeats are missing) or ``no data``.
    progress
        How much of its campaign is recorded; None where that cannot be told, or nothing is measured.
    budget_s
        Seconds that the campaign gives itself; None if it states none.
    pictures
        What was written: first from its own campaign, then from others of its name.
    """

    item: Item
    campaign: str
    state: str
    progress: Progress | None = None
    budget_s: float | None = None
    pictures: list[Picture] = field(default_factory=list)

    @property
    def command(self) -> str:
        """What makes it, or completes it."""
        return f"qhpc paper {self.item.name}"


def sources(stored: Sequence[StoredCampaign]) -> dict[str, Source]:
    """Return the campaigns that have records, summed up, by name; directories of one campaign are put together."""
    records: dict[str, list[Record]] = {}
    for one in stored:
        records.setdefault(one.campaign, []).extend(one.records)
    return {name: Source(name, rows, summarize(rows), provenance(rows)) for name, rows in records.items()}


def make(item: Item, scale: str, found: Mapping[str, Source], out: Path) -> Made:
    """Draw one item into ``out`` from what is there.

    Its own campaign comes first. Campaigns whose name begins with the item's (``fig6-devices``) are drawn beside it,
    unless they belong to another scale.
    """
    if not item.measured:
        return Made(item, "", DRAWN, pictures=[_card_table(item.name, out)])
    name = item.campaigns[scale]
    campaign = shipped_campaign(name)
    own = found.get(name)
    state = progress(campaign, own.records if own else ())
    pictures = [picture for picture in [_picture(item, own, item.name, out)] if picture is not None]
    drawn = bool(pictures)
    for other in _others(item, found):
        further = _picture(item, found[other], other, out)
        pictures += [further] if further is not None else []
    return Made(item, name, _state(state, drawn=drawn), state, campaign.budget_s, pictures)


def _state(state: Progress | None, *, drawn: bool) -> str:
    if not drawn:
        return NO_DATA
    return PARTIAL if state is not None and state.missing else DRAWN


def _others(item: Item, found: Mapping[str, Source]) -> list[str]:
    own = set(item.campaigns.values())
    return sorted(name for name in found if name.startswith(f"{item.name}-") and name not in own)


def _picture(item: Item, source: Source | None, stem: str, out: Path) -> Picture | None:
    if source is None:
        return None
    request = figures.Request(source.cases, source.origin, source.records)
    drawings = figures.draw(request, item.name)
    if not drawings:
        return None
    drawing = _called(drawings[0], stem)
    files = [*figures.write(drawing, out, source.origin), _latex_figure(drawing, out)]
    names = tuple(file.name for file in files)
    return Picture(stem, source.campaign, drawing.caption, names, drawing.points, drawing.table)


def _latex_figure(drawing: figures.Drawing, out: Path) -> Path:
    file = out / f"{drawing.name}-figure.tex"
    file.write_text(latex_figure(drawing.name, drawing.caption), encoding="utf-8")
    return file


def _called(drawing: figures.Drawing, stem: str) -> figures.Drawing:
    table = None if drawing.table is None else replace(drawing.table, name=stem)
    return replace(drawing, name=stem, table=table)


def _card_table(name: str, out: Path) -> Picture:
    table = next(table for table in cards.all_tables() if table.name == name)
    files = write_table(table, out, name, csv=True)
    return Picture(name, "", table.caption, tuple(file.name for file in files), table=table)


def as_dict(made: Made) -> dict[str, Any]:
    """Return what was made as plain JSON values."""
    state = made.progress
    return {
        "name": made.item.name,
        "title": made.item.title,
        "state": made.state,
        "campaign": made.campaign or None,
        "budget_s": made.budget_s,
        "repeats": None
        if state is None
        else {"wanted": state.wanted, "ok": state.ok, "unsupported": state.unsupported, "failed": state.failed},
        "pictures": [
            {"stem": one.stem, "campaign": one.campaign or None, "caption": one.caption, "files": list(one.files)}
            for one in made.pictures
        ],
    }
