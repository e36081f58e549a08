"""How long the commands take on many records: ``python -m harness.scale --out results/scale/scale.json``.

Makes stores of made-up records of the size of real ones, runs each command in a process of its own, and keeps its
seconds and its largest resident set. Some minutes; the machine should be quiet. What the first run in a new environment
takes more, to compile Python's bytecode (some 3 s), is not in it.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from . import environment
from .cases import key_of
from .record import SCHEMA

_REPEATS: Final = 8
_WIDTHS: Final = 25
_FAMILIES: Final = ("random", "ghz", "qft", "qaoa_ring", "efficient_su2")
_ENGINES: Final = ("inline", "processes", "ray", "dask")
_LIMIT_S: Final = 10.0
_LIMIT_BYTES: Final = 2**30


@dataclass(frozen=True, slots=True)
class Cost:
    """What a command took.

    Attributes
    ----------
    command
        Its words, without places.
    records
        Records that it read.
    seconds, peak_rss
        Wall time and largest resident set in bytes, each run.
    """

    command: str
    records: int
    seconds: list[float]
    peak_rss: list[int]


def write_store(directory: Path, count: int, *, seed: int, commit: str) -> None:
    """Write ``count`` records of one campaign, in files of at most 10,000."""
    rng, here = random.Random(seed), {**environment.describe(), "git": {"commit": commit, "dirty": False}}
    place = directory / "scale" / "records"
    place.mkdir(parents=True)
    lines = (json.dumps(record) + "\n" for record in _records(count, rng, here))
    for number in range(0, count, 10_000):
        file = place / f"made-{number // 10_000}.jsonl"
        with file.open("w", encoding="utf-8") as stream:
            stream.writelines(next(lines) for _ in range(min(10_000, count - number)))


def _records(count: int, rng: random.Random, here: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for number in range(count):
        case, repeat = divmod(number, _REPEATS)
        params, pool = _case(case)
        seconds = 1e-3 * 1.2 ** params["n_qubits"] * rng.lognormvariate(0.0, 0.05)
        yield _record(params, pool, repeat, seconds) | {
            "environment": {**here, "load_before": {"load_1min": rng.random()}}
        }


def _case(number: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return parameters and pool of a case: mixed digits of its number, so that every case is another one."""
    rest, width = divmod(number, _WIDTHS)
    rest, family = divmod(rest, len(_FAMILIES))
    shots, engine = divmod(rest, len(_ENGINES))
    params = {
        "family": _FAMILIES[family],
        "n_qubits": width + 2,
        "n_circuits": 64,
        "shots": 100 * (shots + 1),
        "depth": 20,
        "method": "statevector",
        "precision": "double",
        "threads": 1,
        "seed": 1,
    }
    pilot = {"name": _ENGINES[engine], "engine": _ENGINES[engine], "launcher": "local", "nodes": 1, "cores_per_node": 2}
    return params, [pilot]


def _record(params: dict[str, Any], pool: list[dict[str, Any]], repeat: int, seconds: float) -> dict[str, Any]:
    values = {"time_to_value_s": seconds, "compile_s": 0.1 * seconds, "execute_s": 0.8 * seconds + 1e-4}
    metrics = {name: {"value": value, "unit": "s", "better": "lower"} for name, value in values.items()}
    metrics["throughput"] = {"value": 64 / seconds, "unit": "circuits/s", "better": "higher"}
    metrics |= {name: {"value": n, "unit": name, "better": "none"} for name, n in (("circuits", 64), ("tasks", 20))}
    key = key_of("circuit_execution", 1, params, pool=pool, seed=1)
    return {
        "schema": SCHEMA,
        "key": key,
        "campaign": "scale",
        "app": "circuit_execution",
        "app_version": 1,
        "params": params,
        "pool": pool,
        "seed": 1,
        "repeat": repeat,
        "status": "ok",
        "check": {"verdict": "pass", "oracle": "dense state vector", "value": seconds / 100, "tolerance": 0.1},
        "metrics": metrics,
        "stages_s": {"submit": 0.1 * seconds, "execute": 0.8 * seconds, "reduce": 0.1 * seconds},
        "digest": f"{key}{key}",
        "trace": {"tasks": 20, "messages": 20.0, "workers": {"a/0": 10, "a/1": 10}, "run_s_sum": seconds},
        "started_at": "2026-01-01T00:00:00.000+00:00",
        "elapsed_s": 1.1 * seconds,
    }


def measure(records: int, rounds: int) -> list[Cost]:
    """Return the cost of each command on this many records in total."""
    with tempfile.TemporaryDirectory(prefix="qhpc-scale-") as scratch:
        for words in _commands(Path(scratch) / "few", 1000).values():
            _run(words)  # compiles the bytecode
        commands = _commands(Path(scratch) / "many", records)
        found = {name: Cost(name, records, [], []) for name in commands}
        for _ in range(rounds):
            for name, words in commands.items():
                seconds, peak = _run(words)
                found[name].seconds.append(seconds)
                found[name].peak_rss.append(peak)
                sys.stderr.write(f"{name}: {seconds:.2f} s, {peak / 2**20:.0f} MiB\n")
        return list(found.values())


def _commands(place: Path, records: int) -> dict[str, list[str]]:
    """Write stores of this many records below ``place``; return the words of the commands that read them."""
    whole, a, b = (place / name for name in ("whole", "a", "b"))
    write_store(whole, records, seed=0, commit="a" * 40)
    for side, seed, commit in ((a, 1, "a" * 40), (b, 2, "b" * 40)):
        write_store(side, records // 2, seed=seed, commit=commit)
    return {
        "status": ["status", str(whole / "scale")],
        "report": ["report", str(whole), "--out", str(place / "figures")],
        "compare": ["compare", str(a), str(b)],
    }


def _run(words: Sequence[str]) -> tuple[float, int]:
    """Run a command; return its seconds and its largest resident set in bytes."""
    compiled_once = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    start_s = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "harness", *words], stdout=subprocess.DEVNULL, env=compiled_once)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"qhpc {words[0]} ended with {process.returncode}")
    return time.perf_counter() - start_s, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and store; 0 if every run was within the limits."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args(arguments)
    costs = measure(given.records, given.rounds)
    within = all(max(c.seconds) < _LIMIT_S and max(c.peak_rss) < _LIMIT_BYTES for c in costs)
    if given.out is not None:
        rows = [
            {"command": c.command, "records": c.records, "seconds": c.seconds, "peak_rss": c.peak_rss} for c in costs
        ]
        whole = {
            "kind": "measured",
            "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "limits": {"seconds": _LIMIT_S, "peak_rss": _LIMIT_BYTES},
            "within": within,
            "commands": rows,
            "environment": {**environment.describe(), "load_before": environment.load()},
        }
        given.out.parent.mkdir(parents=True, exist_ok=True)
        given.out.write_text(json.dumps(whole, indent=1) + "\n", "utf-8")
    return 0 if within else 1


if __name__ == "__main__":
    sys.exit(main())
