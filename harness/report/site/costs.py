"""Our own costs over commits: what asv has stored, a chart for each benchmark and a line for each of its cases."""

from __future__ import annotations

import json
from collections import defaultdict
from itertools import product
from math import isfinite, log
from typing import TYPE_CHECKING, Any, Final

from . import charts
from .page import Cell, Grid, Link, Section, chart_block

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

Points = list[tuple[str, float]]
"""Commit and number, the oldest first."""

_CHANGED: Final = 30
_ALONE: Final = "benchmarks of one number"
_WARNING: Final = (
    "A commit was measured when its run came: what the machine did meanwhile is in its numbers. What judges a change "
    "measures both commits in turn: qhpc gate, or asv continuous --interleave-rounds --bench Cases."
)


def costs_sections(results: Path, asv_pages: str) -> list[Section]:
    """Return what asv measured at several commits, relative to the first of them.

    Parameters
    ----------
    results
        The results directory; asv's files are in ``asv/<machine>/``.
    asv_pages
        What leads to asv's own pages; empty if they are not there.
    """
    links = [Link("asv's own pages", asv_pages)] if asv_pages else []
    machines = {name: found for name, found in _by_machine(results).items() if found}
    if not machines:
        return [Section("Our own costs", ["No history of more than one commit is recorded by asv yet."], links=links)]
    sections = []
    for machine, series in machines.items():
        groups: dict[str, dict[str, Points]] = defaultdict(dict)
        for (benchmark, case), points in series.items():
            groups[benchmark if case else _ALONE][case or benchmark] = points
        blocks = [_chart(name, some) for name, some in groups.items()]
        name = f"Our own costs{f' on {machine}' if len(machines) > 1 else ''}"
        sections.append(Section(name, [_WARNING], links, charts=blocks, grids=[_changes(machine, series)]))
    return sections


def _chart(name: str, series: dict[str, Points]) -> Any:
    relative = {case: [(commit, value / points[0][1]) for commit, value in points] for case, points in series.items()}
    label = f"asv, {name}: {len(series)} numbers over commits, relative to the first commit"
    return chart_block(charts.history(relative, "relative to the first commit"), label, f"{name}. Lower is better.")


def _changes(machine: str, series: dict[tuple[str, str], Points]) -> Grid:
    """Return what changed most from the first to the last commit."""
    changed = sorted(series.items(), key=lambda item: -abs(log(item[1][-1][1] / item[1][0][1])))
    rows = []
    for (benchmark, case), points in changed[:_CHANGED]:
        (first, before), (last, after) = points[0], points[-1]
        texts = [Cell(benchmark), Cell(case), Cell(first), Cell(last)]
        numbers = [Cell(f"{value:.4g}", value=value) for value in (before, after)]
        rows.append([*texts, *numbers, Cell(f"{after / before:.3f}", value=after / before)])
    columns = ("benchmark", "case", "first commit", "last commit", "before", "after", "after ÷ before")
    note = f"The {_CHANGED} of {len(changed)} that changed most." if len(changed) > _CHANGED else ""
    return Grid(f"costs-{machine}", f"What changed most on {machine}", columns, rows, frozenset(columns[4:]), note)


# ---------------------------------------------------------------- asv's files


def _by_machine(results: Path) -> dict[str, dict[tuple[str, str], Points]]:
    """Return for each machine the numbers above zero that several commits have, by benchmark and case."""
    found = {}
    for place in sorted((results / "asv").glob("*/")):
        series: dict[tuple[str, str], Points] = defaultdict(list)
        for commit, numbers in _commits(place):
            for name, number in numbers.items():
                series[name].append((commit, number))
        found[place.name] = {name: points for name, points in series.items() if len(dict(points)) > 1}
    return found


def _commits(place: Path) -> list[tuple[str, dict[tuple[str, str], float]]]:
    found = []
    for file in place.glob("*.json"):
        if file.name == "machine.json":
            continue
        try:
            data = json.loads(file.read_text("utf-8"))
            numbers = {
                (name, case): number for name, stored in data["results"].items() for case, number in _numbers(stored)
            }
            found.append((data["date"], data["commit_hash"][:10], numbers))
        except (ValueError, KeyError, TypeError):
            continue  # of another version of asv
    return [(commit, numbers) for _, commit, numbers in sorted(found, key=lambda entry: entry[:2])]


def _numbers(stored: Any) -> Iterator[tuple[str, float]]:
    """Yield case and number of one benchmark: values, then the values of each parameter, as asv stores them."""
    values, levels = (*stored, [])[:2] if isinstance(stored, list) else (stored, [])
    cases: Sequence[Any] = list(product(*levels or []))
    for value, case in zip(values if isinstance(values, list) else [values], cases, strict=False):
        if isinstance(value, int | float) and isfinite(value) and value > 0:
            yield ", ".join(str(level).strip("'\"") for level in case), float(value)
