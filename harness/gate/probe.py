"""What a gate counts besides its campaign; this file is run by each side's interpreter, against that side's code.

``python probe.py bytes`` prints {name: bytes}; ``python probe.py work N`` does a fixed amount of work N times, for a
program that counts instructions. It uses doors only, and leaves out what a commit does not have.
"""

from __future__ import annotations

import gc
import json
import statistics
import sys
import tracemalloc
from typing import Any

_TASKS = 2000
_SAMPLES = 7
_CASES = 20


def _weigh() -> dict[str, float]:
    """Return the bytes of a line of records, and of a task that has ended and is still held."""
    return {"record_bytes": len(_record().to_line().encode()), "held_task_bytes": _held_bytes()}


def _held_bytes() -> float:
    """Return the median of some samples: what is on its way between threads varies."""
    from pilot_quantum import PilotDescription, PilotManager

    gc.disable()
    with PilotManager() as manager:
        manager.submit_pilot(PilotDescription(engine="inline"))
        return statistics.median(_bytes_of_tasks(manager) for _ in range(_SAMPLES))


def _bytes_of_tasks(manager: Any) -> float:
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    tasks = manager.submit_tasks(abs, range(_TASKS))
    for task in tasks:
        task.result()
    occupied = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    return occupied / len(tasks)


def _record() -> Any:
    from harness.record import CheckRecord, MetricRecord, Record

    return Record(
        key="0123456789abcdef",
        campaign="gate",
        app="probe",
        app_version=1,
        params={"n": 1},
        pool=[{"engine": "inline"}],
        seed=1,
        repeat=0,
        status="ok",
        check=CheckRecord(verdict="pass"),
        metrics={f"metric_{n}": MetricRecord(value=0.5 * n, unit="s", better="lower") for n in range(8)},
    )


def _work(times: int) -> None:
    """Expand a campaign, write and read records: once at least, so that everything is imported."""
    from harness.cases import expand
    from harness.record import Record
    from harness.spec import parse_campaign

    apps = [{"name": "dispatch", "params": {"n_tasks": list(range(1, _CASES + 1))}}]
    campaign = parse_campaign({"name": "gate", "pilots": [{"engine": "inline"}], "apps": apps})
    line = _record().to_line()
    for _ in range(max(1, times)):
        keys = [case.key for case in expand(campaign).cases]
        records = [Record.from_line(line) for _ in keys]
        sum(len(record.to_line()) for record in records)


if __name__ == "__main__":
    if sys.argv[1] == "bytes":
        sys.stdout.write(json.dumps(_weigh()))
    else:
        _work(int(sys.argv[2]))
