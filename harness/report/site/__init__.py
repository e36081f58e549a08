"""The report as a site: static pages that open from disk, without a server or a network. The door of the package.

``build(results, out)`` writes::

    index.html paper.html models.html middleware.html history.html environment.html
    campaigns/<name>.html figures/<campaign>-<figure>.html
    files/     pictures and points         paper/   as ``qhpc paper`` writes them
    static/    style, script, plotting library
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from harness.errors import UserError
from harness.report import read_campaigns

from . import campaigns, comparisons, overview, peers
from .page import STATIC, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.report import StoredCampaign
    from harness.store import DamagedLine

    from .page import Page

__all__ = ["Site", "build"]


@dataclass(frozen=True, slots=True)
class Site:
    """What was written.

    Attributes
    ----------
    index
        The page to open.
    pages
        Every page, as paths below the site.
    size
        Bytes of all files.
    damaged
        Lines in the records that are none.
    """

    index: Path
    pages: list[str]
    size: int
    damaged: list[DamagedLine]


def build(results: Path, out: Path, *, asv_html: Path | None = None) -> Site:
    """Write the site of a results directory.

    Parameters
    ----------
    results
        The results directory.
    out
        Where to write; files of an earlier site there are replaced.
    asv_html
        Pages that ``asv publish`` made, to link to; None or a directory that is not there means none.

    Raises
    ------
    harness.report.NothingToReport
        If there is no record.
    UserError
        If the plotting library is not installed, or ``out`` holds something else.
    """
    library = _library()
    stored, damaged = read_campaigns(results)
    _clear(out)
    shown = [campaigns.shown(one, out, name) for one, name in zip(stored, _names(stored), strict=True)]
    pages: list[Page] = [
        overview.index_page(shown),
        overview.paper_page(results, out),
        comparisons.models_page(shown),
        peers.middleware_page(results, shown, out),
        comparisons.history_page(results, shown, _asv_link(asv_html, out)),
        comparisons.environment_page(shown),
    ]
    for one in shown:
        pages += campaigns.campaign_pages(one, out)
    for page in pages:
        write(page, out)
    _copy_static(library, out)
    size = sum(file.stat().st_size for file in out.rglob("*") if file.is_file())
    return Site(out / "index.html", [page.path for page in pages], size, damaged)


def _names(stored: Sequence[StoredCampaign]) -> list[str]:
    """Return a name of its own for each: directories that hold the same campaign are counted."""
    count: dict[str, int] = {}
    names = []
    for one in stored:
        count[one.campaign] = count.get(one.campaign, 0) + 1
        number = count[one.campaign]
        names.append(one.campaign if number == 1 else f"{one.campaign}-directory-{number}")
    return names


def _library() -> Path:
    """Return the plotting library's script, from the installed package of the same name."""
    found = find_spec("plotly")
    places = list(found.submodule_search_locations or ()) if found else []
    for place in places:
        file = Path(place) / "package_data" / "plotly.min.js"
        if file.is_file():
            return file
    raise UserError("plotly is not installed; the site needs: pip install 'qhpc-miniapps[report]'")


def _clear(out: Path) -> None:
    """Make room for a site; refuse a directory that holds anything else."""
    if out.is_dir() and any(out.iterdir()):
        if not (out / "static" / "site.css").is_file():
            raise UserError(f"--out {out}: holds files that are no site; choose an empty or a new directory")
        shutil.rmtree(out)
    out.mkdir(parents=True, exist_ok=True)


def _copy_static(library: Path, out: Path) -> None:
    static = out / "static"
    static.mkdir(exist_ok=True)
    for file in (*STATIC.iterdir(), library):
        shutil.copyfile(file, static / file.name)


def _asv_link(asv_html: Path | None, out: Path) -> str:
    if asv_html is None or not (asv_html / "index.html").is_file():
        return ""
    shutil.copytree(asv_html, out / "asv")
    return "asv/index.html"
