"""How long a pilot takes to start on Slurm, by phase, and how long a large campaign takes to hand in.

``python -m harness.peers.pilot_startup --machine slurm-test``: for each engine and number of nodes, pilots are
started one after another, interleaved; then a campaign of 1,000 cases is planned, submitted to a closed partition
and looked at. Everything goes to ``results/peers/pilot_startup.json``, with the environment. The published mean start
is 37 s, on other nodes and another network; here it is a real Slurm with virtual nodes on one machine.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any, Final

from rich.console import Console

from harness.environment import describe, load
from harness.machines import Machine
from harness.machines import load as load_machine
from pilot_quantum import PilotDescription, PilotManager

DEFAULT_FILE: Final = Path("results/peers/pilot_startup.json")
_ENGINES: Final = ("processes", "dask", "ray")
_NODES: Final = (1, 2, 4)
_LIMIT_S: Final = 300.0
_CAMPAIGN: Final = """
name = "thousand"
[[pilots]]
name = "p"
cores_per_node = 2
[[apps]]
name = "dispatch"
repeats = 7
[apps.params]
n_tasks = {numbers}
"""


def start(machine: Machine, engine: str, nodes: int) -> dict[str, float]:
    """Start one pilot, run one task on each worker's place, and return the seconds of each phase and their sum."""
    with PilotManager() as manager:
        pilot = manager.submit_pilot(machine.place(PilotDescription("p", engine=engine, nodes=nodes)))
        pilot.wait(_LIMIT_S)
        for task in manager.submit_tasks(abs, range(2 * nodes)):
            task.result(_LIMIT_S)
        parts = {f"launcher.{name}": seconds for name, seconds in pilot.launcher_s.items()}
        return {**pilot.startup_s, **parts, "total": sum(pilot.startup_s.values())}


def handing_in(machine: str, partition: str) -> dict[str, float]:
    """Plan, submit and look at a campaign of 1,000 cases; return the seconds of each command as a user has them."""
    with tempfile.TemporaryDirectory() as folder:
        spec = Path(folder, "thousand.toml")
        spec.write_text(_CAMPAIGN.format(numbers=list(range(1, 1001))), "utf-8")
        commands = {
            "plan": ["plan", str(spec)],
            "submit": ["submit", str(spec), "--machine", machine, "--jobs", "50", "-o", f"partition={partition}"],
            "status": ["status", str(spec)],
            "resume": ["resume", str(spec)],
            "cancel": ["cancel", str(spec)],
        }
        return {name: _timed([*words, "--results", f"{folder}/results", "--json"]) for name, words in commands.items()}


def _timed(words: Sequence[str]) -> float:
    start_s = time.perf_counter()
    subprocess.run([sys.executable, "-m", "harness", *words], check=True, capture_output=True)
    return time.perf_counter() - start_s


def _medians(rows: Sequence[dict[str, float]]) -> dict[str, dict[str, float]]:
    return {
        name: {"median": median(values), "low": min(values), "high": max(values)}
        for name in rows[0]
        if (values := [row[name] for row in rows])
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a line for each pilot, write the numbers."""
    parser = argparse.ArgumentParser(description="start-up of pilots on Slurm, by phase")
    parser.add_argument("engines", nargs="*", default=list(_ENGINES), metavar="ENGINE")
    parser.add_argument("--machine", default="slurm-test")
    parser.add_argument("--closed", default="closed", metavar="PARTITION", help="a partition in which nothing starts")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--output", type=Path, default=DEFAULT_FILE)
    options = parser.parse_args(arguments)
    machine = load_machine(options.machine)
    before = load()
    rows: dict[str, list[dict[str, float]]] = {}
    for _ in range(options.repeats):
        for engine in options.engines:
            for nodes in _NODES:
                rows.setdefault(f"{engine}, {nodes} node(s)", []).append(start(machine, engine, nodes))
    campaign = [handing_in(options.machine, options.closed) for _ in range(options.repeats)]
    written: dict[str, Any] = {
        "kind": "measured",
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "environment": {**describe(), "load_before": before, "machine_file": machine.name},
        "startup_s": {name: _medians(found) for name, found in rows.items()},
        "thousand_cases_s": _medians(campaign),
        "rows": {"startup_s": rows, "thousand_cases_s": campaign},
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(written, indent=1, allow_nan=False) + "\n", "utf-8")
    console = Console()
    for name, phases in [*written["startup_s"].items(), ("1,000 cases", written["thousand_cases_s"])]:
        console.print(name, {phase: round(found["median"], 2) for phase, found in phases.items()}, soft_wrap=True)
    console.print(f"written: {options.output}", markup=False, soft_wrap=True)


if __name__ == "__main__":
    main()
