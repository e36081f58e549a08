"""Tables 1 and 2 of the paper, made anew from the cards of the mini-apps that are installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .published import PublishedNumbersMissing, published
from .tables import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from miniapps import MiniApp

MODES: Final = ("HPC-for-Quantum", "Quantum-in-HPC", "Quantum-about-HPC")
NONE: Final = "none"
"""What stands in the column of mini-apps where there is none."""
_COLUMNS_1: Final = ("Integration mode", "Scenario", "Coupling", "Category", "Structure", "Mini-app", "Motif")
_COLUMNS_2: Final = ("Motif", "Interaction", "Coupling", "Example", "Middleware requirements", "Mini-app")
_CAPTION_1: Final = (
    "Scenarios as published; mini-apps as their cards name the scenarios. A scenario that no mini-app runs has 'none'."
)
_CAPTION_2: Final = (
    "As the cards of the installed mini-apps state it; what a campaign measures stands in its own tables. A published "
    "motif that no mini-app runs has 'none'."
)


def table_1(apps: Mapping[str, MiniApp], *, complete: bool = True) -> Table:
    """Return the application scenarios, one row for each mini-app that exercises one.

    Parameters
    ----------
    apps
        Mini-apps by name.
    complete
        List the published scenarios that none of them exercises, too.
    """
    running = _by_scenario(apps)
    rows: list[tuple[str, ...]] = []
    for entry in _published("table1"):
        about = tuple(entry[name] for name in ("mode", "scenario", "coupling", "category", "structure"))
        found = running.pop(entry["scenario"].casefold(), [])
        rows += [(*about, name, apps[name].card.motif) for name, _ in found]
        if complete and not found:
            rows.append((*about, NONE, "–"))
    for found in running.values():  # scenarios of cards that the paper does not list
        rows += [
            (
                apps[name].card.integration_mode,
                scenario,
                apps[name].card.coupling,
                "–",
                "–",
                name,
                apps[name].card.motif,
            )
            for name, scenario in found
        ]
    rows.sort(key=lambda row: MODES.index(row[0]))
    return Table("table1", "Table 1: application scenarios", _COLUMNS_1, tuple(rows), frozenset(), _CAPTION_1)


def table_2(apps: Mapping[str, MiniApp], *, complete: bool = True) -> Table:
    """Return the execution motifs, one row for each mini-app that has one, basic motifs first.

    Parameters
    ----------
    apps
        Mini-apps by name.
    complete
        List the published motifs that none of them runs, too.
    """
    rows = [
        (
            app.card.motif,
            app.card.interaction,
            app.card.coupling,
            app.card.example,
            app.card.middleware_requirements,
            name,
        )
        for name, app in apps.items()
        if app.card.integration_mode in MODES
    ]
    seen = {row[0].split()[0] for row in rows}
    missing = [entry for entry in _published("table2") if complete and entry["number"] not in seen]
    rows += [(f"{entry['number']} {entry['motif']}", *4 * ("–",), NONE) for entry in missing]
    rows.sort(key=lambda row: (row[0], row[-1]))
    return Table("table2", "Table 2: execution motifs", _COLUMNS_2, tuple(rows), frozenset(), _CAPTION_2)


def _by_scenario(apps: Mapping[str, MiniApp]) -> dict[str, list[tuple[str, str]]]:
    """Return mini-app and scenario by the scenario's name in lower case."""
    found: dict[str, list[tuple[str, str]]] = {}
    for name, app in apps.items():
        if app.card.integration_mode in MODES:
            for scenario in app.card.scenarios:
                found.setdefault(scenario.casefold(), []).append((name, scenario))
    return found


def _published(name: str) -> list[dict[str, str]]:
    try:
        rows = published(name).to_dict("records")
    except PublishedNumbersMissing:
        return []
    return [{str(key): str(cell) for key, cell in row.items()} for row in rows]


def installed() -> dict[str, MiniApp]:
    """Return the labels of all mini-apps that can be loaded, by name."""
    import miniapps

    found = {}
    for name in miniapps.names():
        try:
            found[name] = miniapps.load(name)
        except miniapps.UnknownMiniApp:  # `qhpc list` tells of it
            continue
    return found


def all_tables(names: Iterable[str] = ()) -> list[Table]:
    """Return Tables 1 and 2 of the mini-apps called ``names``, of all installed ones if none is named."""
    wanted = set(names)
    apps = {name: app for name, app in installed().items() if not wanted or name in wanted}
    return [table_1(apps, complete=not wanted), table_2(apps, complete=not wanted)]
