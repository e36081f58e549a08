"""The report: tables and figures of every campaign in a results directory, each with its data and its origin.

``write_report(results)`` writes, per campaign, below ``<campaign>/figures/`` or below ``out/<campaign>/``::

    <figure>.png .svg .pdf    the picture
    <figure>.csv              every plotted point, with kind = measured | published | projected
    <figure>.json             caption, campaign, commit, machine, repeats
    cases.md cases.tex        the table

The same records give the same bytes.
"""

from __future__ import annotations

from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import Exit, UserError
from harness.provenance import Provenance, provenance
from harness.store import read_records, record_files

from . import figures, tables
from .motifs import motif_table
from .summary import CaseSummary, summarize

if TYPE_CHECKING:
    from pathlib import Path

    from harness.record import Record
    from harness.store import DamagedLine
    from miniapps import MiniApp

    from .tables import Table

__all__ = ["CampaignReport", "NothingToReport", "read_campaigns", "write_report"]


class NothingToReport(UserError):
    """There is no record, or none of the campaign or figure that was asked for."""

    code = Exit.NOTHING_MEASURED


@dataclass(frozen=True, slots=True)
class CampaignReport:
    """What was written for one campaign.

    Attributes
    ----------
    campaign
        Its name.
    cases
        One summary a case.
    table
        The table of the cases.
    figures
        Files of each figure by name, PNG first.
    tables
        Files of the table.
    origin
        Where the numbers come from.
    """

    campaign: str
    cases: list[CaseSummary]
    table: Table
    figures: dict[str, list[Path]]
    tables: list[Path]
    origin: Provenance


@dataclass(frozen=True, slots=True)
class StoredCampaign:
    """Records of one campaign and the directory they lie in."""

    campaign: str
    directory: Path
    records: list[Record]


def read_campaigns(results: Path) -> tuple[list[StoredCampaign], list[DamagedLine]]:
    """Read the campaigns at or below a directory, sorted by name, and the lines that are no records.

    Raises
    ------
    NothingToReport
        If there is no record.
    harness.store.StoreError
        If there is no such directory.
    """
    groups: dict[tuple[str, Path], list[Record]] = defaultdict(list)
    damaged: list[DamagedLine] = []
    for file in record_files(results):
        found, place = read_records(file), file.parent.parent
        damaged += found.damaged
        for record in found.records:
            groups[record.campaign, place].append(record)
    if not groups:
        raise NothingToReport(f"{results}: no records there; `qhpc run` writes them")
    return [StoredCampaign(name, place, groups[name, place]) for name, place in sorted(groups)], damaged


def write_report(
    campaigns: list[StoredCampaign], *, figure: str | None = None, out: Path | None = None
) -> list[CampaignReport]:
    """Write tables and figures.

    Parameters
    ----------
    campaigns
        As `read_campaigns` gives them.
    figure
        Draw only this one; None draws what fits each campaign.
    out
        Directory to write below; None means each campaign's own ``figures/``.

    Raises
    ------
    NothingToReport
        If the figure fits none of the campaigns.
    """
    if figure is not None and figure not in figures.names():
        raise UserError(f"--figure {figure!r}: no such figure; there are: {', '.join(figures.names())}")
    reports = [
        _write(stored, figure, stored.directory / "figures" if out is None else out / stored.campaign)
        for stored in campaigns
    ]
    if figure is not None and not any(report.figures for report in reports):
        names = ", ".join(stored.campaign for stored in campaigns)
        raise NothingToReport(f"--figure {figure}: no campaign here has the cases for it (found: {names})")
    return reports


def _write(stored: StoredCampaign, figure: str | None, directory: Path) -> CampaignReport:
    cases, origin = summarize(stored.records), provenance(stored.records)
    drawings = figures.draw(figures.Request(cases, origin, stored.records), figure)
    written = {drawing.name: figures.write(drawing, directory, origin) for drawing in drawings}
    table = tables.campaign_table(stored.campaign, cases, origin.sentence())
    files = tables.write_table(table, directory, "cases")
    asked = motif_table(stored.campaign, stored.records, _installed(stored.records), origin.sentence())
    if asked is not None:
        files += tables.write_table(asked, directory, "motifs", csv=True)
    return CampaignReport(stored.campaign, cases, table, written, files, origin)


def _installed(records: list[Record]) -> dict[str, MiniApp]:
    """Return the mini-apps of the records, by name, as far as they are here."""
    import miniapps

    found = {}
    for name in {record.app for record in records}:
        with suppress(miniapps.UnknownMiniApp):
            found[name] = miniapps.load(name)
    return found
