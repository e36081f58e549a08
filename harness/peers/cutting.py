"""B.3 against its peers, interleaved: ``python -m harness.peers.cutting [published] [wide] [pennylane] [clusters]``.

Every contender has one worker of one core. Parts: ``published`` is qiskit-addon-cutting as published against our
executors, at the same shots; ``wide`` the published circuit of 36 qubits with five cuts, ours alone; ``pennylane`` the
exact values of PennyLane's ``cut_circuit``, same circuits; ``clusters`` dense clusters against the uncut ways.
In each round every contender runs once, in an order that rotates. Every sample goes to ``results/peers/cutting.json``.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Final

from rich.console import Console

from harness.environment import describe, load
from harness.peers.pennylane_cutting import cut_value
from miniapps import load as load_app
from miniapps.circuit_cutting.flow import planned
from pilot_quantum import PilotDescription, PilotManager

SHOTS: Final = 4096
_SU2: Final = {"family": "efficient_su2", "angle": 0.4}
_PARTS: Final = ("published", "wide", "pennylane", "clusters")
_ROWS: Final = {"executor": "amplitude", "statistics": "rows", "shots": SHOTS}
_PUBLISHED: Final = (
    {"n_qubits": 20, "cuts": 2},
    {"n_qubits": 24, "cuts": 2},
    {"n_qubits": 28, "cuts": 2},
    {"n_qubits": 24, "cuts": 3},
)
_PENNYLANE: Final = (
    {"n_qubits": 12, "cuts": 1},
    {"n_qubits": 12, "cuts": 2},
    {"n_qubits": 24, "cuts": 2},
    {"n_qubits": 24, "cuts": 3},
    {"n_qubits": 36, "cuts": 1},
)

Contender = Callable[[], tuple[dict[str, float], float]]
"""Seconds by name (``time_to_value_s`` among them) and the value."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One circuit, with what computes its value.

    Attributes
    ----------
    params
        Parameters that all contenders share.
    contenders
        By name.
    rounds
        How often each runs; those in ``once`` run in the first round alone.
    """

    part: str
    params: dict[str, Any]
    contenders: dict[str, Contender]
    rounds: int
    once: frozenset[str] = frozenset()


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a line per workload, write the numbers."""
    parser = argparse.ArgumentParser(description="B.3 against its peers, interleaved")
    parser.add_argument("parts", nargs="*", choices=_PARTS, default=list(_PARTS))
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--reference-rounds", type=int, default=3, help="rounds of what takes seconds or more")
    parser.add_argument("--output", default="results/peers/cutting.json")
    options = parser.parse_args(arguments)
    path, console = Path(options.output), Console()
    kept = [row for row in _kept(path) if row["part"] not in options.parts]
    with PilotManager() as manager:
        manager.submit_pilot(PilotDescription(name="one", engine="processes", cores_per_node=1)).wait(120)
        for workload in _workloads(options, manager):
            row = _measured(workload)
            kept.append(row)
            shown = {name: f"{seconds:.3g} s" for name, seconds in row["medians_s"].items()}
            console.print(row["part"], row["params"], shown, row["factors"], soft_wrap=True)
            _write(path, kept)
    console.print(f"written: {path}")


def _kept(path: Path) -> list[dict[str, Any]]:
    """Return the rows of other parts that are written already."""
    return list(json.loads(path.read_text("utf-8"))["rows"]) if path.is_file() else []


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({"kind": "measured", "rows": rows}, indent=1, allow_nan=False)
    path.write_text(text + "\n", "utf-8")


# ---------------------------------------------------------------- workloads


def _workloads(options: argparse.Namespace, manager: PilotManager) -> Iterator[Workload]:
    ours = partial(_ours, manager)
    for part in options.parts:
        yield from {"published": _published, "wide": _wide, "pennylane": _pennylane, "clusters": _clusters}[part](
            ours, options
        )


def _published(ours: Callable[[dict[str, Any]], Contender], options: argparse.Namespace) -> Iterator[Workload]:
    for case in _PUBLISHED:
        base = {**_SU2, **case, "shots": SHOTS}
        contenders = {name: ours({**base, "executor": name}) for name in ("reference", "distinct", "branching")}
        slow = frozenset({"reference"}) if case["cuts"] > 2 else frozenset[str]()
        contenders["amplitude"] = ours({**base, **_ROWS})
        yield Workload("published", base, contenders, options.reference_rounds, slow)


def _wide(ours: Callable[[dict[str, Any]], Contender], options: argparse.Namespace) -> Iterator[Workload]:
    base = {**_SU2, "n_qubits": 36, "cuts": 5}
    yield Workload("wide", base, {"amplitude": ours({**base, **_ROWS}), "exact": ours(base)}, options.rounds)


def _pennylane(ours: Callable[[dict[str, Any]], Contender], options: argparse.Namespace) -> Iterator[Workload]:
    for case in _PENNYLANE:
        base = {**_SU2, **case}
        yield Workload("pennylane", base, {"amplitude": ours(base), "pennylane": _by_pennylane(base)}, options.rounds)


def _clusters(ours: Callable[[dict[str, Any]], Contender], options: argparse.Namespace) -> Iterator[Workload]:
    base = {"family": "clustered", "n_qubits": 24, "clusters": 2, "bridges": 3, "depth": 10, "seed": 1}
    contenders = {"amplitude": ours({**base, "cuts": 3})}
    contenders |= {name: ours({**base, "executor": name}) for name in ("full", "mps")}
    yield Workload("clusters", base, contenders, options.reference_rounds)


def _ours(manager: PilotManager, values: dict[str, Any]) -> Contender:
    app = load_app("circuit_cutting")
    params = app.params(**values)

    def run() -> tuple[dict[str, float], float]:
        with manager.runtime(pilots=["one"]) as runtime:
            measurement = app.run(params, runtime)
        total = measurement.metrics["time_to_value_s"].value
        value = measurement.metrics["value"].value
        return {"time_to_value_s": float(total or 0.0), **runtime.stages_s}, float(value or 0.0)

    return run


def _by_pennylane(values: dict[str, Any]) -> Contender:
    app = load_app("circuit_cutting")
    params: Any = app.params(**values)

    def run() -> tuple[dict[str, float], float]:
        start_s = time.perf_counter()
        circuit, cuts, _ = planned(params)
        value = cut_value(circuit, cuts)
        return {"time_to_value_s": time.perf_counter() - start_s}, value

    return run


# ---------------------------------------------------------------- measuring


def _measured(workload: Workload) -> dict[str, Any]:
    names, before = list(workload.contenders), load()
    seconds: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    values: dict[str, list[float]] = {name: [] for name in names}
    for name in names:
        if name not in ("reference", "full"):  # warms the worker up; what takes long needs none
            workload.contenders[name]()
    for number in range(workload.rounds):
        turn = number % len(names)
        for name in names[turn:] + names[:turn]:
            if number and name in workload.once:
                continue
            taken, value = workload.contenders[name]()
            seconds[name].append(taken)
            values[name].append(value)
    medians = {name: median(taken["time_to_value_s"] for taken in found) for name, found in seconds.items()}
    return {
        "part": workload.part,
        "params": workload.params,
        "seconds": seconds,
        "values": values,
        "medians_s": medians,
        "factors": {f"{name}/amplitude": medians[name] / medians["amplitude"] for name in names},
        "load_before": before,
        "environment": describe(),
    }


if __name__ == "__main__":
    main()
