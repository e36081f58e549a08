"""Tables 1 and 2 of the paper, made anew from the cards of the mini-apps that are installed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from .tables import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from miniapps import MiniApp

MODES: Final = ("HPC-for-Quantum", "Quantum-in-HPC", "Quantum-about-HPC")
_COLUMNS_1: Final = ("Integration mode", "Scenario", "Mini-app", "Motif", "Coupling")
_COLUMNS_2: Final = ("Motif", "Interaction", "Coupling", "Example", "Middleware requirements", "Mini-app")
_CAPTION: Final = "As the cards of the installed mini-apps state it; what a campaign measures stands in its own tables."


def table_1(apps: Mapping[str, MiniApp]) -> Table:
    """Return the application scenarios that mini-apps exercise, by integration mode."""
    rows = [
        (app.card.integration_mode, scenario, name, app.card.motif, app.card.coupling)
        for name, app in apps.items()
        if app.card.integration_mode in MODES
        for scenario in app.card.scenarios
    ]
    rows.sort(key=lambda row: (MODES.index(row[0]), row[1], row[3]))
    return Table("table1", "Table 1: application scenarios", _COLUMNS_1, tuple(rows), frozenset(), _CAPTION)


def table_2(apps: Mapping[str, MiniApp]) -> Table:
    """Return the execution motifs, one row for each mini-app that has one, basic motifs first."""
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
    rows.sort(key=lambda row: (row[0], row[-1]))
    return Table("table2", "Table 2: execution motifs", _COLUMNS_2, tuple(rows), frozenset(), _CAPTION)


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
    return [table_1(apps), table_2(apps)]
