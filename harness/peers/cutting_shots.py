"""Shots that published cutting needs for the error of ``distinct``: ``python -m harness.peers.cutting_shots``.

Both standard errors are computed from the exact values of all subexperiments: nothing is sampled, nothing is timed.
The published way gives every row of the decomposition equal shots; ``distinct`` deals them out by weight. Errors go
with one over the root of the shots.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console

from harness.environment import describe
from miniapps import load
from miniapps.circuit_cutting.executors import Problem, Settings
from miniapps.circuit_cutting.executors import load as executor
from miniapps.circuit_cutting.flow import planned
from miniapps.circuit_cutting.observables import terms
from miniapps.circuit_cutting.sampling import allotted, predicted_error, predicted_error_by_rows, tables_of

SHOTS: Final = 4096
CASES: Final = ((20, 2), (24, 2), (28, 2), (20, 3), (24, 3), (28, 3), (36, 5))


def main(arguments: Sequence[str] | None = None) -> None:
    """Compute, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--results", type=Path, default=Path("results"))
    options = parser.parse_args(arguments)
    console = Console()
    rows = []
    for n_qubits, cuts in CASES:
        rows.append(row(n_qubits, cuts))
        ratio = rows[-1]["shots_at_equal_error"]
        console.print(f"{n_qubits} qubits, {cuts} cuts: {ratio:.3g} times the shots for the same error")
    path = options.results / "peers" / "cutting-shots.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    whole = {"kind": "projected", "rows": rows, "environment": describe()}
    path.write_text(json.dumps(whole, indent=1) + "\n", "utf-8")
    console.print(f"written: {path}")


def row(n_qubits: int, cuts: int) -> dict[str, Any]:
    """Return shots and standard errors of both ways for one published circuit, and their ratio at equal error."""
    values: dict[str, Any] = {"family": "efficient_su2", "angle": 0.4, "n_qubits": n_qubits, "cuts": cuts}
    params: Any = load("circuit_cutting").params(**values)
    circuit, found, plan = planned(params)
    problem = Problem(circuit, terms(params.observable, n_qubits), found, plan, Settings(shots=0, seed=0))
    job = executor("amplitude")(problem)
    answers = {key: value for portion in job.portions for key, value in job.function(portion.work)[1].items()}
    exact = tables_of(plan, [answers[fragment.index,] for fragment in plan.fragments])
    dealt = allotted(plan, SHOTS)
    ways = {
        "reference": (SHOTS * plan.published, predicted_error_by_rows(plan, exact, SHOTS)),
        "distinct": (sum(int(shots.sum()) for shots in dealt), predicted_error(plan, exact, dealt)),
    }
    cost = {name: shots * error**2 for name, (shots, error) in ways.items()}
    return {
        "n_qubits": n_qubits,
        "cuts": cuts,
        "shots": {name: shots for name, (shots, _) in ways.items()},
        "standard_error": {name: error for name, (_, error) in ways.items()},
        "circuits": {"reference": plan.published, "distinct": plan.distinct},
        "shots_at_equal_error": cost["reference"] / cost["distinct"],
    }


if __name__ == "__main__":
    main()
