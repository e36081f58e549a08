"""``qhpc list``: what there is to run, and what to run it on."""

from __future__ import annotations

from itertools import zip_longest
from typing import Annotated, Any

import typer

from ._common import Json, emit, note, out, table

Motifs = Annotated[bool, typer.Option("--motifs", help="Tables 1 and 2 of the paper, from the mini-apps' cards.")]


def listing(as_json: Json = False, *, motifs: Motifs = False) -> int:
    """List mini-apps, engines, launchers, kinds of devices, campaigns and machines; or the motifs as Markdown."""
    if motifs:
        return _motifs(as_json)
    from pilot_quantum import devices, engines, launchers

    found = {
        "apps": _apps(),
        "engines": [{"name": name} for name in engines.names()],
        "launchers": [{"name": name} for name in launchers.names()],
        "devices": [{"name": name} for name in devices.names()],
        "campaigns": _campaigns(),
        "machines": _machines(),
    }
    if as_json:
        emit(found)
        return 0
    table(["mini-app", "motif", ""], [[a["name"], a["motif"], a["summary"]] for a in found["apps"]])
    pairs = zip_longest(
        *([one["name"] for one in found[kind]] for kind in ("engines", "launchers", "devices")), fillvalue=""
    )
    table(["engine", "launcher", "device"], list(pairs))
    table(["campaign", "cases", ""], [[c["name"], str(c["cases"]), c["description"]] for c in found["campaigns"]])
    table(["machine", ""], [[m["name"], m["description"]] for m in found["machines"]])
    note("more: qhpc describe NAME; what is installed: qhpc doctor")
    return 0


def _motifs(as_json: bool) -> int:
    from harness.report.cards import all_tables
    from harness.report.tables import markdown

    tables = all_tables()
    if as_json:
        emit({made.name: [dict(zip(made.columns, row, strict=True)) for row in made.rows] for made in tables})
        return 0
    for made in tables:
        out().print(markdown(made), markup=False, soft_wrap=True)
    return 0


def _apps() -> list[dict[str, Any]]:
    import miniapps

    found: list[dict[str, Any]] = []
    for name in miniapps.names():
        try:
            app = miniapps.load(name)
        except miniapps.UnknownMiniApp as error:  # somebody else's app that is broken must not hide the others
            found.append({"name": name, "version": None, "motif": "", "summary": str(error)})
        else:
            found.append({"name": name, "version": app.version, "motif": app.card.motif, "summary": app.summary})
    return found


def _machines() -> list[dict[str, Any]]:
    from harness import machines

    return [{"name": name, "description": machines.load(name).description} for name in machines.shipped()]


def _campaigns() -> list[dict[str, Any]]:
    from harness.cases import expand
    from harness.errors import CampaignError
    from harness.spec import find, load, shipped

    found = []
    for name in shipped():
        campaign = load(find(name)).campaign
        try:
            cases: int | None = len(expand(campaign).cases)
        except CampaignError:  # for example an app whose extra is not installed
            cases = None
        found.append({"name": name, "description": campaign.description, "cases": cases})
    return found
