"""Traces of tasks: kept beside records, exported to Perfetto, counted, drawn. The door of the package.

For whoever uses the runtime alone::

    from harness import traces
    from pilot_quantum import RunTrace

    timeline = traces.timeline_of(RunTrace.of(tasks, manager.pilots()))
    traces.write_chrome(timeline, "run.json")    # open it in ui.perfetto.dev or chrome://tracing
    traces.draw(timeline, "run")                 # run.png, run.svg, run.pdf
    traces.usage(timeline)                       # use, idle time and waits of each pilot and worker
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .capture import timeline_of
from .chrome import chrome_trace, write_chrome
from .clocks import Bar, ClockOffset, bars, clock_offsets
from .store import TraceFile, find_traces, read_timeline, trace_name, write_timeline
from .timeline import Routed, Slice, Timeline
from .usage import PilotUsage, WorkerUsage, usage

if TYPE_CHECKING:
    import os

__all__ = [
    "Bar",
    "ClockOffset",
    "PilotUsage",
    "Routed",
    "Slice",
    "Timeline",
    "TraceFile",
    "WorkerUsage",
    "bars",
    "chrome_trace",
    "clock_offsets",
    "draw",
    "find_traces",
    "read_timeline",
    "timeline_of",
    "trace_name",
    "usage",
    "write_chrome",
    "write_timeline",
]


def draw(timeline: Timeline, stem: str | os.PathLike[str], *, title: str = "", caption: str = "") -> list[Path]:
    """Draw pilots x workers over time as ``<stem>.png``, ``.svg`` and ``.pdf`` and return the files.

    Raises
    ------
    ImportError
        Without the extra ``report``.
    """
    from harness.report.gantt import draw_gantt  # matplotlib, which only a picture needs

    return draw_gantt(timeline, Path(stem), title=title, caption=caption)
