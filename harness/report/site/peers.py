"""The page of ours against peers: every file below ``results/peers``, each told by what differs among its rows."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from harness.labels import quantity, value
from harness.report import dispatch_peers, figures

from . import charts
from .page import Cell, Grid, Link, Page, Section, chart_block, grid, picture

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

    from .campaigns import Shown

_ROWS: Final = 40
_OURS: Final = ("ours", "amplitude")
_BEST: Final = "best"
_SILENT: Final = ("environment", "settings", "load_before", "rates", "seconds", "samples", "values", "quartiles", "row")
_NUMBERS: Final = ("medians", "medians_s", "factors", "factor", "fastest_peer", "unit", "beyond_limit", "evaluations")


class _Told(NamedTuple):
    """What a file is about: a heading and a sentence."""

    title: str
    lead: str


_KNOWN: Final = {
    "dispatch": _Told("Dispatch of tasks", "Tasks a second of this runtime and of bare Ray, Dask and process pools."),
    "late_binding": _Told(
        "Late binding", "Tasks bound to pilots when these are ready, against tasks bound in advance and a lower bound."
    ),
    "pilot_startup": _Told("Start-up of pilots", "Seconds from asking Slurm for a pilot to its first worker."),
    "b1": _Told("B.1 circuit execution", "Batches of circuits through this runtime and through Aer's own ways."),
    "cutting-published": _Told("B.3 circuit cutting, two cuts", "The published way and ours, to the same statistics."),
    "cutting-published-3": _Told("B.3 circuit cutting, three cuts", "The published way and ours, the same statistics."),
    "cutting-wide": _Told(
        "B.3 circuit cutting, 36 qubits, five cuts", "Ours alone, with finding the cuts; exact and drawn."
    ),
    "cutting-pennylane": _Told("B.3 against PennyLane's cutting", "The same circuits and cuts, exact values."),
    "cutting-clusters": _Told(
        "B.3 against whole circuits", "Two dense clusters, cut, against simulators of the whole."
    ),
    "cutting-shots": _Told("B.3 shots for the same error", "Distinct circuits with allotted shots; the published way."),
    "mitigation": _Told("B.4 error mitigation", "Noisy values through this runtime, Cirq and Aer."),
    "vqa": _Told("C.2 to C.4 energies and gradients", "Ours against PennyLane's fastest simulator."),
    "routing": _Told("Routing over devices", "Emulated devices on a simulated clock, ours against fixed rules."),
    "eagle_speed": _Told("The emulated Eagle", "Its speed against what the vendor publishes."),
    "device_crashes": _Told("Crashes around devices", "Kills of driver and service: no circuit is lost or run twice."),
}


def middleware_page(results: Path, campaigns: Sequence[Shown], out: Path) -> Page:
    """Return the page of ours against bare peers."""
    page = Page(
        "middleware.html",
        "Middleware and peers",
        "The same work through ours and through bare peers, in turn on one machine; and what the runtime guarantees.",
    )
    files = {file.stem: file for file in sorted((results / "peers").glob("*.json"))}
    for name in sorted(files, key=lambda stem: list(_KNOWN).index(stem) if stem in _KNOWN else len(_KNOWN)):
        page.sections.append(_section(files[name], out))
    for one in campaigns:
        if "dispatch" in one.origin.apps and one.name.startswith("table3"):
            page.sections.append(Section(f"Engines: {one.name}", links=[Link(f"Campaign {one.name}", one.path)]))
    if not page.sections:
        page.sections.append(Section(texts=["No comparison was recorded yet: qhpc peers dispatch"]))
    return page


def _section(file: Path, out: Path) -> Section:
    told = _KNOWN.get(file.stem, _Told(file.stem.replace("_", " "), ""))
    try:
        found = json.loads(file.read_text("utf-8"))
    except ValueError as error:
        return Section(told.title, [f"{file.name} cannot be read: {error}"])
    if isinstance(found, dict) and "pairings" in found:
        return _dispatch(file.stem, told, found, out)
    rows = found.get("rows") if isinstance(found, dict) else None
    compared = [row for row in rows if _faster(row)] if isinstance(rows, list) else []
    texts = [text for text in (told.lead, _measured_on(found)) if text]
    if not compared:
        return Section(told.title, texts, grids=list(_plain_grids(file.stem, told.title, found)))
    return Section(
        told.title, texts, charts=_chart(told.title, compared), grids=[_comparison(file.stem, told.title, compared)]
    )


def _dispatch(name: str, told: _Told, found: Mapping[str, Any], out: Path) -> Section:
    drawing = dispatch_peers.draw(found, name)
    if drawing is None:
        return Section(told.title, ["No no-op was measured."])
    below = "files/peers"
    files = figures.write(drawing, out / below, dispatch_peers.origin(found))
    label = "Tasks per second of ours and of bare peers against the number of tasks"
    shown = picture(
        files[0], below, alt=label, caption=drawing.caption, files=[f for f in files if f.suffix != ".json"]
    )
    chart = charts.of_drawing(drawing)
    blocks = [chart_block(chart, label, drawing.caption)] if chart else []
    tables = [grid(f"{name}-table", drawing.table)] if drawing.table else []
    return Section(told.title, [told.lead] if told.lead else [], charts=blocks, pictures=[shown], grids=tables)


def _measured_on(found: Any) -> str:
    """Say on which machine and commit, as the file or its first row states it."""
    rows = found.get("rows") if isinstance(found, dict) else None
    first = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    environment = (found.get("environment") if isinstance(found, dict) else None) or first.get("environment") or {}
    machine, git = environment.get("machine") or {}, environment.get("git") or {}
    if not machine:
        return ""
    dirty = " with uncommitted changes" if git.get("dirty") else ""
    what = f"{machine.get('hostname')} ({machine.get('cpu')}, {machine.get('cores_usable')} cores)"
    return f"Measured on {what}, commit {str(git.get('commit'))[:10]}{dirty}."


# ---------------------------------------------------------------- rows that compare


def _faster(row: Any) -> dict[str, float]:
    """Return by peer how many times faster ours was; empty for a row that compares nothing."""
    if not isinstance(row, dict):
        return {}
    if isinstance(row.get("factor"), int | float):
        peers = [name for name in row.get("medians") or {} if name not in _OURS]
        return {str(row.get("fastest_peer") or (peers[0] if len(peers) == 1 else "peer")): float(row["factor"])}
    factors = row.get("factors")
    pairs = (
        [(*name.split("/", 1), float(found)) for name, found in factors.items()] if isinstance(factors, dict) else []
    )
    named = {(b if a in _OURS else a): found for a, b, found in pairs if a != b and (a in _OURS) != (b in _OURS)}
    return {f"the fastest of {len(named) - 1}": named[_BEST]} if _BEST in named else named


def _chart(title: str, rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    names = _differing(rows)
    bars = [
        (f"{_words(row, names)}: {peer.replace('_', ' ')}", found)
        for row in rows
        for peer, found in _faster(row).items()
        if found > 0
    ][:_ROWS]
    if len(bars) < 2:
        return []
    label = f"{title}: by what factor ours is faster, {len(bars)} bars"
    caption = (
        "How many times faster ours is than the way named, for the same work; below 1 that is faster. Ours in circuit "
        "cutting is the executor amplitude; reference is the published way, distinct, branching and exact are ours too."
    )
    return [chart_block(charts.factors(bars, "times faster than the way named"), label, caption)]


def _comparison(name: str, about: str, rows: Sequence[Mapping[str, Any]]) -> Grid:
    names = _differing(rows)
    contenders = list(dict.fromkeys(who for row in rows for who in _medians(row)))
    peers = list(dict.fromkeys(peer for row in rows for peer in _faster(row)))
    columns = [
        *names,
        *(who.replace("_", " ") for who in contenders),
        *(f"faster than {peer.replace('_', ' ')}" for peer in peers),
    ]
    cells = [
        [
            *(Cell(value(_facts(row).get(column))) for column in names),
            *(_quantity(_medians(row).get(who), _unit(row)) for who in contenders),
            *(_factor(_faster(row).get(peer)) for peer in peers),
        ]
        for row in rows
    ]
    same = ", ".join(f"{key} {value(one)}" for key, one in _facts(rows[0]).items() if key not in names)
    note = f"Medians. In every row: {same}." if same else "Medians."
    title = f"{about}: medians of each, and how many times faster ours is"
    return Grid(f"peers-{name}", title, columns, cells, frozenset(columns[len(names) :]), note)


def _medians(row: Mapping[str, Any]) -> dict[str, float]:
    return {str(who): float(one) for who, one in (row.get("medians_s") or row.get("medians") or {}).items()}


def _unit(row: Mapping[str, Any]) -> str:
    return "s" if "medians_s" in row else str(row.get("unit", "circuits/s"))


def _quantity(found: float | None, unit: str) -> Cell:
    return Cell(quantity(found, unit), value=found)


def _factor(found: float | None) -> Cell:
    return Cell("–" if found is None else f"{found:,.3g} x" if found < 1000 else f"{found:,.0f} x", value=found)


def _facts(row: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a row is about: its parameters, texts and whole numbers."""
    params = row.get("params")
    facts = dict(params) if isinstance(params, dict) else {}
    for key, found in row.items():
        if key not in (*_SILENT, *_NUMBERS, "params") and isinstance(found, str | int):
            facts[key] = found
    return facts


def _differing(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the names of facts that differ among the rows; all of a single one."""
    facts = [_facts(row) for row in rows]
    names = list(dict.fromkeys(name for one in facts for name in one))
    if len(rows) == 1:
        return names
    return [name for name in names if len({str(one.get(name)) for one in facts}) > 1]


def _words(row: Mapping[str, Any], names: Sequence[str]) -> str:
    facts = _facts(row)
    if "workload" in facts:
        told = str(facts["workload"])
        names = [n for n in names if isinstance(facts.get(n), str) and (n == "workload" or facts[n] not in told)]
    parts = (
        str(facts[name]) if isinstance(facts[name], str) else f"{name} {value(facts[name])}"
        for name in names
        if facts.get(name) is not None
    )
    return ", ".join(parts)


# ---------------------------------------------------------------- everything else


def _plain_grids(name: str, about: str, found: Any) -> Iterable[Grid]:
    tables = dict(_tables(found))
    if "summary" in tables:
        tables = {key: rows for key, rows in tables.items() if len(rows) <= _ROWS}
    for key, rows in tables.items():
        flat = [_flat(row) for row in rows]
        columns = list(dict.fromkeys(column for row in flat for column in row))
        if columns:
            cells = [[_any_cell(row.get(column)) for column in columns] for row in flat[:_ROWS]]
            note = f"The first {_ROWS} of {len(flat)} rows." if len(flat) > _ROWS else ""
            yield Grid(f"{name}-{key}", f"{about}: {key.replace('_', ' ')}", columns, cells, note=note)


def _tables(found: Any) -> Iterable[tuple[str, list[dict[str, Any]]]]:
    """Yield the lists of objects of a file, whatever it calls them; a summary comes as a list of one."""
    items = found.items() if isinstance(found, dict) else [("rows", found)]
    for name, one in items:
        if isinstance(one, list) and one and all(isinstance(row, dict) for row in one):
            yield name, one
        if isinstance(one, dict) and name not in _SILENT and one:
            inner = all(isinstance(row, dict) for row in one.values())
            yield name, [{"what": key, **row} for key, row in one.items()] if inner else [one]


def _flat(row: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the single values of an object, inner ones as ``outer.inner``; samples and loads stay in the file."""
    found: dict[str, Any] = {}
    for key, one in row.items():
        if isinstance(one, dict) and key not in _SILENT:
            found |= _flat(one, f"{prefix}{key}.")
        elif isinstance(one, str | int | float) or one is None:
            found[f"{prefix}{key}"] = one
    return found


def _any_cell(found: Any) -> Cell:
    if isinstance(found, float):
        return Cell(f"{found:.4g}", value=found)
    return Cell("–" if found is None else str(found))
