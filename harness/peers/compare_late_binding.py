"""Late against early binding, and a pilot that comes later: ``python -m harness.peers.compare_late_binding``.

For each engine and seed: heavy-tailed tasks on two unequal pilots, bound late and bound in halves, beside the bound of
list scheduling (`harness.peers.late_binding`); then the same tasks with a third pilot that is asked for while they
run. Everything goes to ``results/peers/late_binding.json``, with the environment.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

from rich.console import Console

from harness.environment import describe, load
from pilot_quantum import PilotDescription, PilotManager

from .late_binding import Makespans, compare, durations, nap

DEFAULT_FILE: Final = Path("results/peers/late_binding.json")
_ENGINES: Final = ("processes", "ray")
_LIMIT_S: Final = 180.0


@dataclass(frozen=True, slots=True)
class Joining:
    """A pilot that is asked for in the middle of a run; all times in seconds.

    Attributes
    ----------
    asked_to_first_task
        From ``submit_pilot`` to the start of the first task on it.
    ready_to_first_task
        From its first worker's report, which is when it can take work, to that start.
    tasks
        Number of tasks it ran.
    """

    asked_to_first_task: float
    ready_to_first_task: float
    tasks: int


def joining(engine: str, seed: int = 1, n_tasks: int = 400) -> Joining:
    """Run heavy-tailed tasks on one pilot and ask for another of the same engine when a quarter of them has ended."""
    with PilotManager() as manager:
        manager.submit_pilot(_pilot("fast", engine)).wait(_LIMIT_S)
        tasks = manager.submit_tasks(nap, durations(n_tasks, seed))
        manager.wait(tasks[: n_tasks // 4], _LIMIT_S)
        asked_s = time.monotonic()
        late = manager.submit_pilot(_pilot("late", engine))
        manager.wait(tasks, _LIMIT_S)
        traces = [task.trace() for task in tasks]
        starts = [trace.started_s for trace in traces if trace.pilot == "late" and trace.started_s is not None]
        if not starts:
            raise RuntimeError(f"{engine}: the pilot that came later got no task")
        ready_s = sum(late.startup_s[phase] for phase in ("launcher", "engine", "first_worker"))
        first_s = min(starts) - asked_s
        return Joining(first_s, max(0.0, first_s - ready_s), len(starts))


def _pilot(name: str, engine: str) -> PilotDescription:
    return PilotDescription(name=name, engine=engine, cores_per_node=2, launcher_options={"oversubscribe": True})


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Return the medians over the seeds: late over bound, static over late, and the times of the joining pilot."""
    return {
        "late_over_bound": median(row["late"] / row["bound"] for row in rows),
        "static_over_late": median(row["static"] / row["late"] for row in rows),
        "asked_to_first_task_s": median(row["joining"]["asked_to_first_task"] for row in rows),
        "ready_to_first_task_s": median(row["joining"]["ready_to_first_task"] for row in rows),
    }


def _row(engine: str, seed: int) -> dict[str, Any]:
    before = load()
    spans: Makespans = compare(seed=seed, engine=engine)
    return {"seed": seed, **asdict(spans), "joining": asdict(joining(engine, seed)), "load_before": before}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a line for each engine, write the numbers."""
    parser = argparse.ArgumentParser(description="late against early binding, and a pilot that comes later")
    parser.add_argument("engines", nargs="*", default=list(_ENGINES), metavar="ENGINE")
    parser.add_argument("--seeds", type=int, default=7)
    parser.add_argument("--output", type=Path, default=DEFAULT_FILE)
    options = parser.parse_args(arguments)
    rows = {engine: [_row(engine, seed) for seed in range(1, options.seeds + 1)] for engine in options.engines}
    summaries = {engine: summary(found) for engine, found in rows.items()}
    written = {
        "kind": "measured",
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": describe(),
        "summaries": summaries,
        "rows": rows,
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(written, indent=1, allow_nan=False) + "\n", "utf-8")
    console = Console()
    for engine, medians in summaries.items():
        console.print(engine, {name: round(value, 3) for name, value in medians.items()}, soft_wrap=True)
    console.print(f"written: {options.output}", markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
