"""The first page, and the page of the paper."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from harness.report.paper import ITEMS, regenerate
from harness.report.paper.draw import NO_DATA, PARTIAL

from .page import Cell, Grid, Page, Section, cell, grid, picture, thumb

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.report.paper import Paper
    from harness.report.paper.draw import Made

    from .campaigns import Shown


def index_page(campaigns: Sequence[Shown]) -> Page:
    """Return the first page: every campaign with its state."""
    statuses = Counter(record.status for one in campaigns for record in one.records)
    total = sum(statuses.values())
    facts = [
        ("campaigns", str(len(campaigns))),
        ("cases", f"{sum(len(one.cases) for one in campaigns):,}"),
        ("records", f"{total:,}"),
        ("ok", f"{statuses['ok']:,}"),
        ("answers wrong", f"{statuses['check_failed']:,}"),
        ("machines", str(len({name for one in campaigns for name in one.origin.machines}))),
    ]
    lead = "Benchmarks of quantum-HPC mini-apps: what was measured, where, and whether the answers were right."
    page = Page("index.html", "Overview", lead, facts)
    page.sections.append(Section("Campaigns", grids=[_campaigns(campaigns)]))
    thumbs = [
        thumb(drawn.files[0], drawn.below, text=drawn.title(one.name), href=drawn.page(one.name))
        for one in campaigns
        for drawn in one.drawn
    ]
    if thumbs:
        page.sections.append(Section("Figures", thumbs=thumbs))
    return page


def _campaigns(campaigns: Sequence[Shown]) -> Grid:
    columns = ("campaign", "apps", "cases", "records", "ok", "answers", "commits", "machines")
    rows = []
    for one in campaigns:
        ok = one.origin.statuses.get("ok", 0)
        total = sum(one.origin.statuses.values())
        wrong = one.origin.statuses.get("check_failed", 0)
        rows.append(
            [
                Cell(one.name, one.path),
                Cell(", ".join(one.origin.apps)),
                Cell(str(len(one.cases))),
                Cell(f"{len(one.records):,}"),
                Cell(f"{ok / total:.0%}" if total else "–"),
                Cell(f"{wrong} wrong" if wrong else "right", tone="bad" if wrong else "good"),
                Cell(", ".join(one.origin.commits)),
                Cell(", ".join(one.origin.machines)),
            ]
        )
    return Grid("campaigns", "Campaigns with records", columns, rows, frozenset({"cases", "records", "ok"}))


# ---------------------------------------------------------------- the paper


def paper_page(results: Path, out: Path) -> Page:
    """Return the page of the paper's tables, figures and claims, made by the same functions as ``qhpc paper``."""
    made = regenerate(ITEMS, results, out / "paper", "laptop")
    lead = (
        "Tables and figures of the paper from the records here. Filled markers on solid lines were measured, hollow "
        "grey ones on dashed lines are published, dotted lines in hatched bands are projected."
    )
    counts = Counter(finding.verdict for _, finding in made.judged)
    facts = [(verdict, str(count)) for verdict, count in sorted(counts.items())]
    page = Page("paper.html", "The paper", lead, facts)
    page.sections.append(Section("Claims", grids=[_claims(made)]))
    page.sections.extend(_section(one, out) for one in made.made)
    return page


def _claims(made: Paper) -> Grid:
    columns = ("claim", "place", "published", "measured here", "verdict", "rule", "why")
    rows = [
        [
            Cell(claim.says),
            Cell(claim.place),
            Cell(claim.published),
            Cell(finding.measured or "–"),
            cell(finding.verdict),
            Cell(claim.rule),
            Cell(finding.why),
        ]
        for claim, finding in made.judged
    ]
    return Grid("claims", "What the paper says, and what the records say", columns, rows)


def _section(made: Made, out: Path) -> Section:
    texts = []
    if made.state == NO_DATA:
        texts.append(f"No records yet. To make them: {made.command}")
    if made.state == PARTIAL and made.progress is not None:
        texts.append(f"{made.progress.sentence()} To go on: {made.command}")
    pictures, grids = [], []
    several = sum(one.table is not None for one in made.pictures) > 1
    for one in made.pictures:
        files = [out / "paper" / name for name in one.files]
        if files[0].suffix == ".png":
            alt = f"{made.item.title}, campaign {one.campaign}. The CSV file has its points."
            pictures.append(picture(files[0], "paper", alt=alt, caption=one.caption, files=files))
        if one.table is not None:
            title = f"{one.table.title}, campaign {one.campaign}" if several else one.table.title
            grids.append(grid(one.stem, replace(one.table, title=title)))
    return Section(made.item.title, texts, pictures=pictures, grids=grids)
