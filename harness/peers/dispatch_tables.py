"""What was measured of dispatch, as factors and as tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median, quantiles
from typing import Any, Final

from rich import box
from rich.table import Table

from harness.report.published import PublishedNumbersMissing, published

from .dispatch_systems import SYSTEMS

_LOOP: Final = "spawn-loop"
_Cell = tuple[str, int, str]


def factors(found: dict[str, Any]) -> list[dict[str, Any]]:
    """Return by how much ours is faster, per pairing and cell: ratios of the medians of interleaved samples.

    Returns
    -------
    list of dict
        ``peer``, ``task``, ``n``, ``function``; ``ours`` and ``theirs`` in tasks/s, of each system's first way;
        ``factor``, None where the peer was left out; ``of_loop``, the share of the bare spawning loop's rate, None for
        no-ops.
    """
    return [
        _factor(pairing, cell, {(row["system"], row["way"]): row for row in rows})
        for pairing in found["pairings"]
        for cell, rows in _by_cell(pairing.get("rows", ())).items()
    ]


def _factor(pairing: dict[str, Any], cell: _Cell, rows: dict[tuple[str, str], dict[str, Any]]) -> dict[str, Any]:
    rates = {name: _first_rate(rows, name) for name in (pairing["ours"], pairing["peer"], _LOOP)}
    ours, theirs, loop = rates.values()
    task, n, function = cell
    return {
        "peer": pairing["peer"],
        "task": task,
        "n": n,
        "function": function,
        "ours": ours,
        "theirs": theirs,
        "factor": ours / theirs if ours and theirs else None,
        "of_loop": ours / loop if ours and loop else None,
    }


def _first_rate(rows: dict[tuple[str, str], dict[str, Any]], system: str) -> float | None:
    first = next((row for (name, _), row in rows.items() if name == system), None)
    return None if first is None or not first["seconds"] else float(first["n"] / median(first["seconds"]))


def _by_cell(rows: Iterable[dict[str, Any]]) -> dict[_Cell, list[dict[str, Any]]]:
    cells: dict[_Cell, list[dict[str, Any]]] = {}
    for row in rows:
        cells.setdefault((row["task"], row["n"], row["function"]), []).append(row)
    return cells


def tables(found: dict[str, Any]) -> list[Table]:
    """Return a table of rates for each pairing, one of round trips and one of what a queued task occupies."""
    rates = [_rates(pairing, found["factors"]) for pairing in found["pairings"] if pairing.get("rows")]
    rest = [_round_trips(found["pairings"]), *([_weights(found["weights"])] if found["weights"] else [])]
    missing = [(pairing["peer"], pairing["left_out"]) for pairing in found["pairings"] if "left_out" in pairing]
    return [*rates, *rest, *([_missing(missing)] if missing else [])]


_TEXTS: Final = ("task", "system", "system, way", "why")


def _table(title: str, columns: Sequence[str]) -> Table:
    table = Table(title=title, box=box.SIMPLE_HEAD, title_justify="left", title_style="bold", pad_edge=False)
    for column in columns:
        table.add_column(column, justify="left" if column in _TEXTS else "right")
    return table


def _rates(pairing: dict[str, Any], all_factors: list[dict[str, Any]]) -> Table:
    title = f"{SYSTEMS[pairing['ours']].title} and {SYSTEMS[pairing['peer']].title}: tasks/s"
    table = _table(title, ["task", "tasks", "system, way", "median", "lowest – highest", "ours ÷"])
    told = {(f["task"], f["n"], f["function"]): f for f in all_factors if f["peer"] == pairing["peer"]}
    paper = _paper()
    for cell, rows in _by_cell(pairing["rows"]).items():
        task, n, function = cell
        head = [task if function == "known" else f"new {task}", f"{n:,}"]
        for row in rows:
            table.add_row(*head, _who(row), *_rate(row), _against(row, told[cell]))
            head = ["", ""]
        if task == "sleep" and n in paper:
            table.add_row(*head, "Table 3 (published)", f"{paper[n]:,.0f}", "other machine", "")
        table.add_section()
    return table


def _who(row: dict[str, Any]) -> str:
    ours = row["system"].startswith("ours")
    return f"{'ours' if ours else row['system']}, {row['way']}"


def _rate(row: dict[str, Any]) -> tuple[str, str]:
    if not row["seconds"]:
        return "–", row["left_out"]
    rates = sorted(row["n"] / seconds for seconds in row["seconds"])
    return f"{median(rates):,.0f}", f"{_short(rates[0])} – {_short(rates[-1])}" if len(rates) > 1 else "once"


def _short(rate: float) -> str:
    return f"{rate / 1000:,.0f}k" if rate >= 10_000 else f"{rate:,.0f}"


def _against(row: dict[str, Any], told: dict[str, Any]) -> str:
    """Return how many times faster our first way is than this one; nothing for our own ways."""
    if row["system"].startswith("ours") or not row["seconds"] or not told["ours"]:
        return ""
    return _times(told["ours"] * median(row["seconds"]) / row["n"])


def _times(factor: float) -> str:
    return f"{factor:,.0f} ×" if factor >= 10 else f"{factor:.2f} ×"


def _paper() -> dict[int, float]:
    try:
        rows = published("table3").to_dict("records")
    except PublishedNumbersMissing:
        return {}
    return {int(row["n_tasks"]): float(row["throughput_tasks_per_s"]) for row in rows}


def _round_trips(pairings: Iterable[dict[str, Any]]) -> Table:
    table = _table("one task at a time, submit to result", ["system", "p50", "p99", "peer's p50", "ours ÷ peer's"])
    for pairing in pairings:
        trips = pairing.get("round_trips", {})
        ours, theirs = trips.get(pairing["ours"]), trips.get(pairing["peer"])
        if ours and theirs:
            names = f"{SYSTEMS[pairing['ours']].title}, {SYSTEMS[pairing['peer']].title}"
            ratio = median(ours) / median(theirs)
            table.add_row(names, _ms(median(ours)), _ms(_p99(ours)), _ms(median(theirs)), f"{ratio:.2f}")
    return table


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.2f} ms"


def _p99(seconds: list[float]) -> float:
    return quantiles(seconds, n=100, method="inclusive")[98]


def _weights(weights: dict[str, Any]) -> Table:
    table = _table("what a queued task occupies in the driver's process", ["system", "bytes"])
    for name, entry in weights.items():
        if "weights" not in entry:
            table.add_row(SYSTEMS[name].title, entry.get("left_out", "–"))
            continue
        for way, weight in entry["weights"].items():
            table.add_row(f"{SYSTEMS[name].title}, {way}", f"{weight:,.0f}")
    return table


def _missing(entries: list[tuple[str, str]]) -> Table:
    table = _table("not measured", ["system", "why"])
    for name, reason in entries:
        table.add_row(SYSTEMS[name].title, reason)
    return table
