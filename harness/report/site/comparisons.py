"""Pages that lay things side by side: model and measurement, commits, machines."""

from __future__ import annotations

import json
from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING, Any, Final

from harness.compare import compare
from harness.filters import counting
from harness.labels import axes as axes_of
from harness.labels import case_label, quantity
from harness.provenance import commit_of, machine_of
from harness.state import MAIN_METRIC

from . import charts
from .costs import costs_sections
from .page import Cell, Grid, Link, Page, Section, cell, chart_block

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from harness.record import Record

    from .campaigns import Shown

_ROWS: Final = 500
_PACKAGES: Final = 40

# ---------------------------------------------------------------- model and measurement


def models_page(campaigns: Sequence[Shown]) -> Page:
    """Return the page of predictions that were stored before their cases ran."""
    page = Page(
        "models.html",
        "Model and measurement",
        "A prediction is stored with its case before it runs, so it cannot have seen its own measurement.",
    )
    rows = [row for one in campaigns for row in _predicted(one)]
    if not rows:
        page.sections.append(
            Section(texts=["No record holds a prediction yet. qhpc calibrate makes the model of a machine."])
        )
        return page
    chart = charts.predictions(rows)
    label = f"Predicted against measured seconds of {len(rows)} cases, both axes logarithmic"
    caption = "One point a case: median of its repeats, interval of the prediction. On the dashed line both are equal."
    page.sections.append(Section(charts=[chart_block(chart, label, caption)], grids=[_by_model(rows)]))
    page.sections.append(Section("Cases", grids=[_cases(rows)]))
    return page


def _predicted(one: Shown) -> list[dict[str, Any]]:
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in counting(one.records):
        metric = record.metrics.get(MAIN_METRIC)
        if record.prediction is not None and record.status == "ok" and metric is not None and metric.value:
            groups[record.key].append(record)
    names = axes_of(one.cases)
    return [
        {
            "campaign": one.name,
            "model": rows[0].prediction.model.split()[0].rstrip(":"),
            "label": f"{one.name}: {case_label(rows[0].params, names) or rows[0].app}",
            "predicted": rows[0].prediction.value,
            "low": rows[0].prediction.low,
            "high": rows[0].prediction.high,
            "measured": median(float(row.metrics[MAIN_METRIC].value or 0) for row in rows),
        }
        for rows in groups.values()
        if rows[0].prediction is not None
    ]


def _by_model(rows: Sequence[Mapping[str, Any]]) -> Grid:
    groups: dict[tuple[str, str], list[Mapping[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[row["model"], row["campaign"]].append(row)
    cells = []
    for (model, campaign), some in groups.items():
        errors = sorted(max(row["predicted"] / row["measured"], row["measured"] / row["predicted"]) for row in some)
        inside = sum(row["low"] <= row["measured"] <= row["high"] for row in some) / len(some)
        late = errors[min(len(errors) - 1, int(0.9 * len(errors)))]
        texts = (model, campaign, str(len(some)), f"{median(errors):.2f} x", f"{late:.2f} x", f"{inside:.0%}")
        cells.append([Cell(text) for text in texts])
    columns = ("model", "campaign", "cases", "median factor", "90 % of cases below", "inside the interval")
    return Grid("models", "How far predictions were off", columns, cells, frozenset(columns[2:]))


def _cases(rows: Sequence[Mapping[str, Any]]) -> Grid:
    columns = ("case", "model", "predicted", "measured", "factor")
    cells = [
        [
            Cell(row["label"]),
            Cell(row["model"]),
            Cell(quantity(row["predicted"], "s"), value=row["predicted"]),
            Cell(quantity(row["measured"], "s"), value=row["measured"]),
            Cell(f"{row['predicted'] / row['measured']:.2f}", value=row["predicted"] / row["measured"]),
        ]
        for row in rows[:_ROWS]
    ]
    note = f"The first {_ROWS} of {len(rows)} cases." if len(rows) > _ROWS else ""
    return Grid("predictions", "Predicted and measured", columns, cells, frozenset(columns[2:]), note)


# ---------------------------------------------------------------- commits


def history_page(results: Path, campaigns: Sequence[Shown], asv_pages: str) -> Page:
    """Return the page of what changed from commit to commit.

    Parameters
    ----------
    results
        The results directory.
    campaigns
        Those with records.
    asv_pages
        What leads to asv's own pages; empty if they are not there.
    """
    page = Page(
        "history.html",
        "Over commits",
        "Cases that were measured at more than one commit, and the history of our own costs.",
    )
    page.sections.extend(costs_sections(results, asv_pages))
    found = [(one, pairs) for one in campaigns if (pairs := _by_commit(one.records))]
    for one, commits in found:
        if len(commits) > 1:
            page.sections.append(_commit_section(one, commits))
    if all(len(commits) < 2 for _, commits in found):
        page.sections.append(Section("Campaigns", ["No campaign has records of more than one commit."]))
    return page


def _by_commit(records: Sequence[Record]) -> list[tuple[str, list[Record]]]:
    """Return the records by commit, the earliest first."""
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        groups[commit_of(record)].append(record)
    return sorted(groups.items(), key=lambda pair: min(record.started_at for record in pair[1]))


def _commit_section(one: Shown, commits: Sequence[tuple[str, list[Record]]]) -> Section:
    (first, before), (last, after) = commits[0], commits[-1]
    found = compare(before, after, metrics=(MAIN_METRIC,))
    names = axes_of(one.cases)
    rows = [
        [
            Cell(case_label(entry.params, names) or entry.app),
            cell(entry.verdict),
            Cell("–" if entry.effect.ratio is None else f"{entry.effect.ratio:.3f}", value=entry.effect.ratio),
            Cell(entry.reason),
        ]
        for entry in found.comparisons[:_ROWS]
    ]
    title = f"{first} against {last}"
    if not rows:
        return Section(one.name, [f"{len(commits)} commits, but no case was measured at both {first} and {last}."])
    table = Grid(f"commits-{one.name}", title, ("case", "verdict", "ratio", "why"), rows, frozenset({"ratio"}))
    return Section(one.name, links=[Link(f"Campaign {one.name}", one.path)], grids=[table])


# ---------------------------------------------------------------- environment


def environment_page(campaigns: Sequence[Shown]) -> Page:
    """Return the page of machines, versions and settings behind the records."""
    page = Page("environment.html", "Environment", "What the numbers may depend on, as each record states it.")
    groups: dict[str, list[Record]] = defaultdict(list)
    for one in campaigns:
        for record in one.records:
            groups[machine_of(record)].append(record)
    for number, (name, records) in enumerate(sorted(groups.items())):
        grids = [_machine_grid(number, name, records), _package_grid(number, name, records)]
        page.sections.append(Section(name, grids=grids))
    return page


def _machine_grid(number: int, machine_name: str, records: Sequence[Record]) -> Grid:
    environments = [record.environment for record in records]
    rows = [("records", f"{len(records):,}"), ("commits", ", ".join(sorted({commit_of(record) for record in records})))]
    machine = environments[-1].get("machine") or {}
    rows += [(str(key), "–" if value in (None, []) else str(value)) for key, value in machine.items()]
    rows.append(("python", ", ".join(sorted({str(found.get("python")) for found in environments}))))
    loads = [
        float(load) for found in environments if (load := (found.get("load_before") or {}).get("load_1min")) is not None
    ]
    rows.append(("load before a repeat (1 minute)", f"{min(loads):.2f} to {max(loads):.2f}" if loads else "–"))
    threads = sorted({json.dumps(found.get("threads"), sort_keys=True) for found in environments})
    rows.append(("threads", "; ".join(threads)))
    title = f"Machine {machine_name}"
    return Grid(f"machine-{number}", title, ("what", "value"), [[Cell(a), Cell(b)] for a, b in rows])


def _package_grid(number: int, machine_name: str, records: Sequence[Record]) -> Grid:
    versions: dict[str, set[str]] = defaultdict(set)
    for record in records:
        for package, version in (record.environment.get("packages") or {}).items():
            versions[package].add(str(version))
    rows = [[Cell(package), Cell(", ".join(sorted(found)))] for package, found in sorted(versions.items())]
    title = f"Packages on {machine_name}"
    return Grid(f"packages-{number}", title, ("package", "versions"), rows[:_PACKAGES])
