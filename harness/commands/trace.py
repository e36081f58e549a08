"""``qhpc trace``: what ran where and when, of repeats that were run with ``--traces``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ._common import Json, emit, note, out, table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.record import Record
    from harness.traces import PilotUsage, Routed, Timeline, TraceFile, WorkerUsage

_COLUMNS = (
    *("pilot", "worker", "tasks", "messages", "lost", "window s", "busy", "idle", "idle, tasks queued", "CPU/busy"),
    *("wait p50 s", "wait p95 s", "first task s"),
)
_ROUTING = ("device", "action", "circuits", "decisions", "first", "last", "reason of the first")
_WORKERS_SHOWN = 32


def trace(
    target: Annotated[
        Path, typer.Argument(metavar="DIR", help="A results directory, one campaign in it, or a trace file.")
    ],
    *,
    case: Annotated[
        list[str] | None,
        typer.Option(
            "--case", metavar="KEY|NAME=VALUE", help="Only this case: first digits of its key, or n_qubits=8."
        ),
    ] = None,
    repeat: Annotated[int | None, typer.Option("--repeat", min=0, help="Only this repeat.")] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Every trace that is meant, not only the last one.")
    ] = False,
    directory: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Write there. Default: the campaign's own figures/.")
    ] = None,
    as_json: Json = False,
) -> int:
    """Export the trace of a repeat to Perfetto, draw pilots x workers over time, and show how well they were used.

    Of several traces the last one is taken. The JSON file opens in ui.perfetto.dev and chrome://tracing.
    Where circuits ran on quantum devices, a second table says which went where and why; --json has every decision.
    Waits are from submission to start; "first task" counts from the request of the pilot to the first task sent.
    """
    from harness.traces import read_timeline

    meant = _meant(target, case or [], repeat)
    chosen = meant if everything else meant[-1:]
    done = []
    for file in chosen:
        timeline = read_timeline(file.path)
        files = _write(file, timeline, directory or file.path.parent.with_name("figures"))
        done.append((file, timeline, files))
    if as_json:
        emit({"traces": [_as_dict(*one) for one in done], "others": [str(f.path) for f in meant if f not in chosen]})
        return 0
    for file, timeline, files in done:
        _show(file, timeline, files)
    if len(chosen) < len(meant):
        note(f"{len(meant)} traces are there; this is the last one: choose with --case and --repeat, or take --all")
    return 0


def _meant(target: Path, wanted: Sequence[str], repeat: int | None) -> list[TraceFile]:
    from harness.errors import UserError
    from harness.traces import find_traces

    found = find_traces(target)
    if not found:
        raise UserError(
            f"{target}: no traces there; keep some with: qhpc run CAMPAIGN --traces (repeats that run then)"
        )
    kept = [file for file in found if repeat is None or file.repeat == repeat]
    for one in wanted:
        kept = _of_case(kept, one)
    if not kept:
        cases = sorted({f"{file.key} repeat {file.repeat}" for file in found})
        more = "" if len(cases) <= 8 else f" and {len(cases) - 8} more"
        raise UserError(f"no trace is meant by that; there are: {', '.join(cases[:8])}{more}")
    return kept


def _of_case(files: Sequence[TraceFile], wanted: str) -> list[TraceFile]:
    if "=" not in wanted:
        return [file for file in files if file.key.startswith(wanted)]
    from harness.filters import select

    filters = [_filter(wanted)]
    keys = {record.key for record in select(_records(files), filters)}
    return [file for file in files if file.key in keys]


def _filter(text: str) -> Any:
    from harness.filters import Filter

    return Filter.parse(text)


def _records(files: Sequence[TraceFile]) -> list[Record]:
    from harness.store import read_records

    campaigns = dict.fromkeys(file.path.parent.parent for file in files)
    return [record for campaign in campaigns for record in read_records(campaign).records]


# ---------------------------------------------------------------- writing


def _write(file: TraceFile, timeline: Timeline, directory: Path) -> dict[str, Path]:
    from harness.traces import write_chrome

    stem = directory / f"trace-{file.key}-{file.repeat}"
    files = {"perfetto": write_chrome(timeline, stem.with_name(stem.name + ".perfetto.json"))}
    try:
        from harness.traces import draw

        drawn = draw(timeline, stem, title=_title(timeline), caption=_caption(file, timeline))
    except ImportError as error:
        note(f"no picture: {error.name} is not installed; pictures need: pip install 'qhpc-miniapps[report]'")
        return files
    return files | {picture.suffix[1:]: picture for picture in drawn}


def _title(timeline: Timeline) -> str:
    origin = timeline.origin
    return f"{origin.get('campaign', 'What ran where')}: {origin.get('app', 'tasks')}, repeat {origin.get('repeat', 0)}"


def _caption(file: TraceFile, timeline: Timeline) -> str:
    params = timeline.origin.get("params")
    text = ", ".join(f"{name} = {value}" for name, value in params.items()) if isinstance(params, dict) else ""
    text = text if len(text) <= 300 else text[:297] + "…"
    when = timeline.origin.get("started_at", "?")
    return f"Measured. Case {file.key}, started {when}, on {timeline.driver_host}. {text}."


# ---------------------------------------------------------------- telling


def _show(file: TraceFile, timeline: Timeline, files: dict[str, Path]) -> None:
    from harness.traces import usage

    rows = []
    for pilot in usage(timeline):
        rows.append(_row(pilot.pilot, "all", pilot, len(pilot.workers)))
        shown = pilot.workers if len(pilot.workers) <= _WORKERS_SHOWN else _extremes(pilot)
        rows += [_row("", str(worker.worker), worker, 1) for worker in shown]
    title = f"{_title(timeline)} (case {file.key}): {timeline.tasks} tasks in {timeline.end_s:.4g} s"
    table(_COLUMNS, rows, title=title, right=" ".join(_COLUMNS[1:]))
    if timeline.routing:
        _show_routing(timeline)
    for kind, path in files.items():
        out().print(f"{kind}: {path}", markup=False, soft_wrap=True)


def _show_routing(timeline: Timeline) -> None:
    """Show how many circuits went where, with the first reason of each kind of decision."""
    groups: dict[tuple[str, str], list[Routed]] = {}
    for row in sorted(timeline.routing, key=lambda row: row.at_s):
        groups.setdefault((row.device or "any", row.action), []).append(row)
    rows = [
        [
            *what,
            str(sum(row.circuits for row in found)),
            str(len(found)),
            *(f"{found[place].at_s:.4g} s" for place in (0, -1)),
            found[0].reason,
        ]
        for what, found in groups.items()
    ]
    simulated = any(row.simulated for row in timeline.routing)
    clock = "seconds of the devices' simulated clock" if simulated else "seconds since the start"
    table(_ROUTING, rows, title=f"Routing over devices ({clock})", right="circuits decisions first last")


def _extremes(pilot: PilotUsage) -> list[WorkerUsage]:
    """Return the least and the most busy workers of a pilot that has too many for a table."""
    ranked = sorted(pilot.workers, key=lambda worker: worker.busy_s)
    note(f"pilot {pilot.pilot} has {len(ranked)} workers: the 8 least and the 8 most busy are shown; --json has all")
    return [*ranked[:8], *ranked[-8:]]


def _row(pilot: str, worker: str, one: PilotUsage | WorkerUsage, workers: int) -> list[str]:
    held_s = one.window_s * workers
    cells = [pilot, worker, str(one.tasks), f"{one.messages:.0f}", str(one.lost or ""), f"{one.window_s:.3g}"]
    cells += [_share(one.busy_s, held_s), _share(one.idle_s, held_s), _share(one.idle_queued_s, held_s)]
    cells.append(_share(one.cpu_s, one.busy_s))
    return cells + [_seconds(value) for value in (one.wait_median_s, one.wait_high_s, one.first_task_s)]


def _share(part: float, whole: float) -> str:
    return f"{part / whole:.0%}" if whole > 0 else ""


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.3g}"


def _as_dict(file: TraceFile, timeline: Timeline, files: dict[str, Path]) -> dict[str, Any]:
    from dataclasses import asdict

    from harness.traces import clock_offsets, usage

    clocks = {host: asdict(offset) for host, offset in clock_offsets(timeline).items()}
    for clock in clocks.values():
        clock["uncertainty_s"] = None if clock["uncertainty_s"] == float("inf") else clock["uncertainty_s"]
    return {
        "trace": str(file.path),
        "key": file.key,
        "repeat": file.repeat,
        "origin": timeline.origin,
        "tasks": timeline.tasks,
        "tasks_per_slice": timeline.tasks_per_slice,
        "end_s": timeline.end_s,
        "clocks": clocks,
        "routing": [asdict(row) for row in timeline.routing],
        "pilots": [asdict(pilot) for pilot in usage(timeline)],
        "files": {kind: str(path) for kind, path in files.items()},
    }
