"""B.1 against its peers, interleaved: ``python -m harness.peers.compare_b1 [small] [large] [--rounds 7]``.

Small circuits: our throughput on a pilot of processes against cores x the rate of one process that runs all circuits as
one Aer batch, and against a new Ray function for each circuit. Large circuits: the better of our two ways of using all
cores (a task per core, tasks of all cores) against the best one that Aer itself offers. In each round every contender
runs once, in an order that rotates; medians over the rounds. Every sample goes to ``results/peers/b1.json``, with the
environment.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

from rich.console import Console

from harness.environment import describe, load
from harness.peers.aer_loop import (
    AerProcesses,
    Answer,
    Question,
    aer_tight_loop,
    private_ray,
    ray_task_per_circuit,
)
from miniapps import load as load_app
from miniapps.circuit_execution.flow import ensemble
from pilot_quantum import PilotDescription, PilotManager

SMALL_QUBITS: Final = (2, 4, 6, 8, 10, 12)
LARGE: Final = ((20, 10, 8), (22, 10, 4), (24, 4, 4))
"""Qubits, depth, circuits."""
SMALL_CIRCUITS: Final = 512
RAY_CIRCUITS: Final = 128
"""The rate of a task per circuit does not rise with their number, so fewer will do."""
SHOTS: Final = 1024

Contender = Callable[[Any], tuple[float, list[Answer]]]
"""Parameters -> seconds and answers in the order of the circuits."""


@dataclass(frozen=True, slots=True)
class Row:
    """One workload: circuits per second of each contender, in the order of the rounds."""

    workload: dict[str, Any]
    rates: dict[str, list[float]]
    disagreement: float
    load_before: dict[str, Any]

    def as_json(self, cores: int) -> dict[str, Any]:
        """Return the row with its medians and what we are measured by."""
        medians = {name: median(rates) for name, rates in self.rates.items()}
        peers = {name: rate for name, rate in medians.items() if not name.startswith("ours")}
        ours = max(rate for name, rate in medians.items() if name.startswith("ours"))
        factors = {f"ours/{name}": ours / rate for name, rate in peers.items()}
        if "aer_tight_loop" in peers:
            factors["ours/(cores x aer_tight_loop)"] = factors["ours/aer_tight_loop"] / cores
        else:
            factors["ours/best"] = min(factors.values())
        fields = {"rates": self.rates, "medians": medians, "factors": factors}
        return {**self.workload, **fields, "disagreement": self.disagreement, "load_before": self.load_before}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a line per workload, write the numbers."""
    options = _options(arguments)
    cores = len(os.sched_getaffinity(0))
    app = load_app("circuit_execution")
    rows: list[dict[str, Any]] = []
    console = Console()
    with _ours(app, cores) as ours:
        for part in options.parts:
            with _small(cores) if part == "small" else _large(ours, cores) as (contenders, cases):
                for case in cases:
                    row = _measured(app.params(**case), {"ours": ours, **contenders}, options.rounds).as_json(cores)
                    rows.append(row)
                    _write(Path(options.output), cores, options.rounds, rows)  # again after each: nothing is lost
                    console.print(row["workload"], {k: round(v, 2) for k, v in row["factors"].items()}, soft_wrap=True)
    console.print(f"written: {options.output}")


def _write(path: Path, cores: int, rounds: int, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    written = {"kind": "measured", "cores": cores, "rounds": rounds, "environment": describe(), "rows": rows}
    path.write_text(json.dumps(written, indent=1, allow_nan=False) + "\n", "utf-8")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="B.1 against its peers, interleaved")
    parser.add_argument("parts", nargs="*", metavar="PART", help="small, large; both if none is named")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", default="results/peers/b1.json")
    options = parser.parse_args(arguments)
    options.parts = options.parts or ["small", "large"]
    if unknown := set(options.parts) - {"small", "large"}:
        parser.error(f"no part {min(unknown)!r}; valid: small, large")
    return options


# ---------------------------------------------------------------- contenders


@contextmanager
def _ours(app: Any, cores: int) -> Iterator[Contender]:
    """Hold one pilot with a worker a core; a run is what a campaign measures."""
    with PilotManager() as manager:
        manager.submit_pilot(PilotDescription(name="peers", engine="processes", cores_per_node=cores)).wait(120)

        def run(params: Any) -> tuple[float, list[Answer]]:
            with manager.runtime(pilots=["peers"]) as runtime:
                measurement = app.run(params, runtime)
            return measurement.metrics["time_to_value_s"].value, _answers(measurement.answer)

        yield run


@contextmanager
def _small(cores: int) -> Iterator[tuple[dict[str, Contender], list[dict[str, Any]]]]:
    asked = ({"primitive": "sampler", "shots": SHOTS}, {"primitive": "estimator", "shots": 0, "observables": "z_all"})
    cases = [{"n_qubits": n, "n_circuits": SMALL_CIRCUITS, **what} for what in asked for n in SMALL_QUBITS]
    with private_ray(cores):
        yield {"aer_tight_loop": _timed(aer_tight_loop), "ray_task_per_circuit": _on_ray}, cases


@contextmanager
def _large(ours: Contender, cores: int) -> Iterator[tuple[dict[str, Contender], list[dict[str, Any]]]]:
    exact = {"primitive": "estimator", "shots": 0}
    cases = [{"n_qubits": n, "depth": depth, "n_circuits": circuits, **exact} for n, depth, circuits in LARGE]
    processes = AerProcesses(cores)
    contenders = {
        "ours_threads": lambda params: ours(params.model_copy(update={"threads": cores})),
        "aer_threads": _timed(partial(aer_tight_loop, threads=cores)),
        "aer_parallel_experiments": _timed(partial(aer_tight_loop, threads=cores, experiments=cores)),
        "aer_processes": _timed(processes.run),
    }
    try:
        yield contenders, cases
    finally:
        processes.close()


def _timed(function: Callable[..., list[Answer]]) -> Contender:
    def run(params: Any) -> tuple[float, list[Answer]]:
        circuits = ensemble(params)
        question = Question(params.shots, params.paulis())
        start_s = time.perf_counter()
        answers = function([circuits.spec(i) for i in range(params.n_circuits)], question)
        return time.perf_counter() - start_s, answers

    return run


def _on_ray(params: Any) -> tuple[float, list[Answer]]:
    few = min(RAY_CIRCUITS, params.n_circuits)
    return _timed(ray_task_per_circuit)(params.model_copy(update={"n_circuits": few}))


# ---------------------------------------------------------------- measuring


def _measured(params: Any, contenders: dict[str, Contender], rounds: int) -> Row:
    names = list(contenders)
    before = load()
    answers = {name: contenders[name](params)[1] for name in names}  # warms every worker up, and is compared
    rates: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            seconds, found = contenders[name](params)
            rates[name].append(len(found) / seconds)
    fields = ("n_qubits", "depth", "n_circuits", "primitive", "shots")
    workload = {"workload": f"{params.n_qubits} qubits, {params.primitive}", **params.model_dump(include=set(fields))}
    return Row(workload, rates, max(_disagreement(answers["ours"], answers[n], params) for n in names), before)


def _answers(answer: Any) -> list[Answer]:
    """Return our answers in the form of the peers'."""
    if hasattr(answer, "values"):
        return [list(map(float, row)) for row in answer.values]
    found: list[Answer] = []
    start = 0
    for size in answer.sizes.tolist():
        rows = slice(start, start + size)
        pairs = zip(answer.outcomes[rows, 0].tolist(), answer.counts[rows].tolist(), strict=True)
        found.append({hex(outcome): count for outcome, count in pairs})
        start += size
    return found


def _disagreement(ours: list[Any], theirs: list[Any], params: Any) -> float:
    """Return the largest difference of exact values; of samples, that of the mean parity in standard errors."""
    pairs = list(zip(ours, theirs, strict=False))
    if not params.shots:
        return float(max(abs(a - b) for x, y in pairs for a, b in zip(x, y, strict=True)))
    gaps = [_parity(x, params.shots) - _parity(y, params.shots) for x, y in pairs]
    return float(abs(sum(gaps)) / (2 * len(gaps) / params.shots) ** 0.5)


def _parity(counts: dict[str, int], shots: int) -> float:
    signed = sum(-count if int(outcome, 16).bit_count() % 2 else count for outcome, count in counts.items())
    return signed / shots


if __name__ == "__main__":
    main()
