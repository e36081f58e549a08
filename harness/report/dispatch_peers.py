"""The comparison of dispatch with bare peers, drawn: no-ops per second against their number, and the published row."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

import pandas as pd

from harness.provenance import Provenance

from . import figures, series, table3

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

_TITLES = {
    "ours-ray": "ours on Ray",
    "ours-dask": "ours on Dask",
    "ours-processes": "ours on processes",
    "ray": "Ray",
    "dask": "Dask",
    "process-pool": "ProcessPoolExecutor",
    "loky": "loky",
    "executorlib": "executorlib",
    "parsl": "Parsl HTEX",
}


def draw(found: Mapping[str, Any], name: str = "dispatch") -> figures.Drawing | None:
    """Draw what `harness.peers.dispatch.compare` has found; None if no no-op was measured.

    Of each system its first way is drawn; of one that stands in several pairings, the first of them.
    """
    rows = _rows(found)
    if not rows:
        return None
    points = pd.DataFrame([*rows, *table3.published_rows()], columns=list(table3.COLUMNS))
    names = list(dict.fromkeys(row[0] for row in rows))
    looks = {title: series.Look(rank, rank % 8, rank) for rank, title in enumerate(names)}
    caption = _caption(found)
    figure = table3.figure(points, looks, caption, what="a Python function that does nothing; published: /bin/sleep 0")
    return figures.Drawing(name, figure, points, caption, table3.table(points, caption), table3.VIEW)


def write(found: Mapping[str, Any], directory: Path, *, name: str) -> list[Path]:
    """Draw and write all files of the figure, PNG first; none if there is nothing to draw."""
    drawing = draw(found, name)
    return [] if drawing is None else figures.write(drawing, directory, origin(found))


def _rows(found: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    taken: dict[str, tuple[str, str]] = {}
    rows = []
    for pairing in found["pairings"]:
        for row in pairing.get("rows", ()):
            place = taken.setdefault(row["system"], (pairing["peer"], row["way"]))
            drawn = row["task"] == "noop" and row["function"] == "known" and row["seconds"]
            if drawn and place == (pairing["peer"], row["way"]):
                times = median(row["seconds"]), min(row["seconds"]), max(row["seconds"])
                what = row["task"], row["n"], len(row["seconds"])
                source = f"pairing {pairing['peer']}, way {row['way']}"
                title = _TITLES.get(row["system"], row["system"])
                rows.append(table3.row(title, "measured", what, times, source=source))
    order = {row[0]: place for place, row in reversed(list(enumerate(rows)))}
    return sorted(rows, key=lambda row: (order[row[0]], row[3]))


def _caption(found: Mapping[str, Any]) -> str:
    settings = found["settings"]
    return (
        f"Measured: median and range of up to {settings['rounds']} samples, {settings['workers']} workers each, ours "
        f"and a peer taking turns in one process. Published: another machine. {origin(found).sentence()}"
    )


def origin(found: Mapping[str, Any]) -> Provenance:
    """Return where the numbers of such a comparison come from."""
    git, machine = found["environment"]["git"], found["environment"]["machine"]
    commit = f"{str(git['commit'])[:10]}{'+changes' if git['dirty'] else ''}" if git["commit"] else "unknown"
    counts = [len(row["seconds"]) for pairing in found["pairings"] for row in pairing.get("rows", ()) if row["seconds"]]
    return Provenance(
        campaigns=("peers/dispatch",),
        apps=("dispatch",),
        commits=(commit,),
        machines=(f"{machine['hostname']} ({machine['cpu']}, {machine['cores_usable']} cores)",),
        cases=len(counts),
        repeats=(min(counts, default=0), max(counts, default=0)),
        kinds={"measured": sum(counts)},
        statuses={"ok": sum(counts)},
    )
