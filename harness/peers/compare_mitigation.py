"""B.4 against mitiq's own executor loop, interleaved: ``python -m harness.peers.compare_mitigation [--rounds 7]``.

Both mitigate the same circuit with the same noise, settings and shots, from the parameters to the value, in one process
and on one core (run it with ``OMP_NUM_THREADS=1``): ours is the whole mini-app on an inline pilot, mitiq's is
``execute_with_zne``, ``execute_with_pec`` and so on with three executors:

- ``cirq``: what mitiq's own examples use, cirq's density matrix, one circuit a call; left out where it takes minutes;
- ``aer``: Aer's density matrix, one circuit a call;
- ``aer batched``: the same, all circuits in one call of mitiq's batched executor; of PEC distinct ones only
  (``force_run_all = False``).

Evaluations are the circuits that the technique asks for. The factor is against the fastest of the three; all values are
written beside it. Every sample goes to ``results/peers/mitigation.json`` after each row; ``--only 2,3`` measures some
rows and keeps the others. Loading of libraries is left out on both sides.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final

import numpy as np
from rich.console import Console

from harness.environment import describe, load
from harness.peers.mitiq_loop import EXECUTORS, Task, peer
from miniapps import load as load_app
from miniapps.error_mitigation.params import ErrorMitigation
from pilot_quantum import PilotDescription, PilotManager, Runtime

WORKLOADS: Final[tuple[dict[str, Any], ...]] = (
    {"technique": "zne", "n_qubits": 4},
    {"technique": "zne", "n_qubits": 6, "extrapolation": "exponential", "observable": "parity", "layers": 1},
    {"technique": "zne", "n_qubits": 8, "observable": "parity", "layers": 1},
    {"technique": "zne", "folding": "local", "scale_factors": "1,1.5,2", "foldings": 10, "extrapolation": "linear"},
    {"technique": "zne", "shots": 300_000},
    {"technique": "pec", "samples": 500},
    {"technique": "pec", "samples": 500, "n_qubits": 6, "layers": 1, "error_2q": 0.02},
    {"technique": "pec", "samples": 1000, "shots": 200_000},
    {"technique": "readout", "read_1_for_0": 0.02, "read_0_for_1": 0.04, "shots": 20_000, "observable": "parity"},
    {"technique": "ddd", "family": "qaoa_ring", "layers": 1, "idle": 20, "detuning": 0.03},
)
_LEAST_S: Final = 0.4
"""A sample repeats the whole task for at least this long."""
Mitigate = Callable[[], float]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a line per workload, write the numbers."""
    parser = argparse.ArgumentParser(description="B.4 against mitiq's executor loop, interleaved")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", default="", help="0-based rows, separated by commas; the others are kept")
    parser.add_argument("--output", default="results/peers/mitigation.json")
    options = parser.parse_args(arguments)
    wanted = [int(part) for part in options.only.split(",") if part] or list(range(len(WORKLOADS)))
    console, path = Console(), Path(options.output)
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = {row["row"]: row for row in json.loads(path.read_text("utf-8"))["rows"]} if path.exists() else {}
    with PilotManager() as manager:
        manager.submit_pilot(PilotDescription("here", engine="inline"))
        with manager.runtime() as runtime:
            for number in wanted:
                rows[number] = {"row": number, **measured(WORKLOADS[number], options.rounds, runtime)}
                _write(path, [rows[key] for key in sorted(rows)])
                last = rows[number]
                console.print(last["workload"], f"{last['factor']:.1f} x", last["medians"], soft_wrap=True)
    console.print(f"written: {path}")


def _write(path: Path, rows: list[dict[str, Any]]) -> None:
    found = {"kind": "measured", "environment": describe(), "rows": rows}
    path.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", "utf-8")


def measured(workload: dict[str, Any], rounds: int, runtime: Runtime) -> dict[str, Any]:
    """Return the evaluations per second of all contenders, sample by sample, and the values that they found."""
    params, before = ErrorMitigation(**workload), load()
    contenders: dict[str, Mitigate] = {"ours": lambda: _ours(params, runtime)}
    task = Task.of(params)
    names = [name for name in EXECUTORS if name != "cirq" or _bearable(params)]
    contenders |= {name: peer(task, name) for name in names}
    values = {name: [mitigate()] for name, mitigate in contenders.items()}
    asked = dict.fromkeys(contenders, task.evaluations)
    asked["ours"] = round(load_app("error_mitigation").estimate(params).extra["variants"])
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name in sorted(contenders, reverse=bool(number % 2)):
            rate, value = _rate(contenders[name])
            rates[name].append(rate * asked[name])
            values[name].append(value)
    medians = {name: median(found) for name, found in rates.items()}
    best = max(names, key=medians.__getitem__)
    return {
        "workload": ", ".join(f"{name} {item}" for name, item in workload.items()),
        "unit": "evaluations/s",
        "evaluations": asked,
        "rounds": rounds,
        "rates": rates,
        "medians": medians,
        "quartiles": {name: np.quantile(found, [0.25, 0.75]).tolist() for name, found in rates.items()},
        "fastest_peer": best,
        "factor": medians["ours"] / medians[best],
        "values": {name: median(found) for name, found in values.items()},
        "exact": task.exact,
        "load_before": before,
    }


def _bearable(params: ErrorMitigation) -> bool:
    """Tell whether cirq's density matrices take seconds rather than minutes."""
    return params.n_qubits <= 6 and not params.uses("pec") and not params.detuning and (params.foldings or 1) == 1


def _ours(params: ErrorMitigation, runtime: Runtime) -> float:
    return float(load_app("error_mitigation").run(params, runtime).answer.value.value)


def _rate(mitigate: Mitigate) -> tuple[float, float]:
    began_s, count, value = time.perf_counter(), 0, 0.0
    while time.perf_counter() - began_s < _LEAST_S:
        value = mitigate()
        count += 1
    return count / (time.perf_counter() - began_s), value


if __name__ == "__main__":
    main()
