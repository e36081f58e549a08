"""The paper from records: tables and figures that have data, and the paper's claims as tests. The door of the package.

``regenerate(items, results, out, scale)`` writes into ``out``::

    <item>.png .svg .pdf    the picture          <item>.csv   every point, measured, published or projected
    <item>.md .tex          the table            <item>.json  caption, campaign, commit, machine
    <item>-figure.tex       the picture in LaTeX, with its caption
    claims.md .tex .csv .json                    what the paper says, what the records say
    README.md, paper.json                        all of it, what is missing, and how to make it

The same records give the same bytes. ``run.steps`` tells what records what is missing; nothing here starts it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.provenance import provenance
from harness.report import NothingToReport, read_campaigns

from . import claims, draw, write
from .items import ITEMS, NAMES, SCALES, Item, chosen

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from harness.store import DamagedLine

__all__ = ["ITEMS", "NAMES", "SCALES", "Item", "Paper", "chosen", "regenerate"]


@dataclass(frozen=True, slots=True)
class Paper:
    """What was made.

    Attributes
    ----------
    made
        Every table and figure that was asked for, in the paper's order.
    judged
        The claims about them with their verdicts.
    index
        The file to read first.
    damaged
        Lines in the records that are none.
    """

    made: list[draw.Made]
    judged: list[tuple[claims.Claim, claims.Finding]]
    index: Path
    damaged: list[DamagedLine]


def regenerate(items: Sequence[Item], results: Path, out: Path, scale: str) -> Paper:
    """Draw these tables and figures from the records below ``results``, and judge the claims about them.

    What has no records is named with the command that makes them; nothing is started.
    """
    found, damaged = _sources(results)
    out.mkdir(parents=True, exist_ok=True)
    made = [draw.make(item, scale, found, out) for item in items]
    judged = claims.judge(_evidence(made, found), (item.name for item in items))
    write.write_claims(judged, _origin(made, found), out)
    return Paper(made, judged, write.write_index(made, judged, scale, out), damaged)


def _sources(results: Path) -> tuple[dict[str, draw.Source], list[DamagedLine]]:
    if not results.is_dir():
        return {}, []
    try:
        stored, damaged = read_campaigns(results)
    except NothingToReport:
        return {}, []
    return draw.sources(stored), damaged


def _evidence(made: Sequence[draw.Made], found: Mapping[str, draw.Source]) -> claims.Evidence:
    return claims.Evidence(
        cases={one.item.name: found[one.campaign].cases for one in made if one.campaign in found},
        points={
            one.item.name: picture.points
            for one in made
            for picture in one.pictures
            if picture.campaign == one.campaign and picture.points is not None
        },
        everything=[case for source in found.values() for case in source.cases],
    )


def _origin(made: Sequence[draw.Made], found: Mapping[str, draw.Source]) -> str:
    records = [record for one in made if one.campaign in found for record in found[one.campaign].records]
    return provenance(records).sentence() if records else ""
