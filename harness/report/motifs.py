"""What each motif of a campaign asked of the runtime: measured, beside what its card declares (paper, Table 2)."""

from __future__ import annotations

from collections import defaultdict
from statistics import median
from typing import TYPE_CHECKING, Final

from harness.filters import counting
from harness.labels import axes_at, quantity, short_label
from harness.state import MAIN_METRIC

from .tables import Table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from harness.record import Record
    from miniapps import MiniApp

_COLUMNS: Final = (
    "motif",
    "mini-app",
    "case",
    "interaction (declared)",
    "coupling (declared)",
    "tasks",
    "messages",
    "task",
    "all tasks",
    "queued",
    "workers used",
    "idle",
    "time",
)
_TEXT: Final = _COLUMNS[:5]
_CAPTION: Final = (
    "Medians over the repeats. Task: median run time of a task; queued: median time from its submission to its start; "
    "messages: how many carried tasks (small tasks share one, ranks of a gang have their own); idle: share of the time "
    "of the workers that had a task in which they had none. "
)


def motif_table(campaign: str, records: Iterable[Record], apps: Mapping[str, MiniApp], origin: str) -> Table | None:
    """Return one row for each case that measured something; None if the records are of one mini-app alone.

    Parameters
    ----------
    apps
        Installed mini-apps by name: their cards are shown.
    origin
        Where the numbers come from, as a sentence.
    """
    groups: dict[str, list[Record]] = defaultdict(list)
    for record in counting(records):
        if record.status == "ok" and record.trace.get("tasks"):
            groups[record.key].append(record)
    if len({group[0].app for group in groups.values()}) < 2:
        return None
    by_app: dict[str, list[Record]] = defaultdict(list)
    for group in groups.values():
        by_app[group[0].app].append(group[0])
    told = {name: axes_at(cases, None) for name, cases in by_app.items()}
    rows = [_row(group, apps, short_label(group[0].params, told[group[0].app])) for group in groups.values()]
    title = f"{campaign}: what each motif asked of the runtime"
    right = frozenset(_COLUMNS) - frozenset(_TEXT)
    return Table("motifs", title, _COLUMNS, tuple(sorted(rows)), right, _CAPTION + origin)


def _row(group: list[Record], apps: Mapping[str, MiniApp], case: str) -> tuple[str, ...]:
    app = apps.get(group[0].app)
    declared = ("–", "–", "–") if app is None else (app.card.motif, app.card.interaction, app.card.coupling)
    motif, interaction, coupling = declared
    traces = [record.trace for record in group]
    workers = [len(trace["workers"]) for trace in traces]
    elapsed = [float(record.metrics[MAIN_METRIC].value or 0.0) for record in group]
    idle = [
        max(0.0, 1 - trace["run_s_sum"] / (count * seconds)) if count and seconds else 0.0
        for trace, count, seconds in zip(traces, workers, elapsed, strict=True)
    ]

    def middle(name: str) -> float:
        return median(float(trace.get(name) or 0.0) for trace in traces)

    return (
        motif,
        group[0].app,
        case,
        interaction,
        coupling,
        f"{middle('tasks'):.0f}",
        f"{middle('messages'):.0f}",
        quantity(middle("run_s_median"), "s"),
        quantity(middle("run_s_sum"), "s"),
        quantity(middle("wait_s_median"), "s"),
        f"{median(workers):.0f}",
        f"{median(idle):.0%}",
        quantity(median(elapsed), "s"),
    )
