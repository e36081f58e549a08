"""C.2 against PennyLane with lightning, interleaved: ``python -m harness.peers.compare_vqa [--rounds 7]``.

Value with adjoint gradient at the same points, in one process each: our kernel, and a QNode on ``lightning.qubit`` with
``diff_method="adjoint"``. Then all circuits of a parameter-shift gradient: ours in one batch, PennyLane's as one batch
of tapes. Run it with ``OMP_NUM_THREADS=1``, so that both have one core. The gradients are compared. Every sample goes
to ``results/peers/vqa.json``, with the environment.
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
from miniapps._variational import MOLECULES, Problem, graph, molecule, oracle
from miniapps._variational.optimise import start

WORKLOADS: Final = (
    Problem("h2", 4),
    Problem("lih", 10),
    Problem("h4", 8),
    Problem("beh2", 12),
    Problem("ring", 8, 2),
    Problem("ring", 14, 2),
    Problem("regular3", 16, 2),
)
_LEAST_S: Final = 0.15
"""A sample repeats evaluations for at least this long."""
_MOST_CIRCUITS: Final = 200
"""Of a parameter-shift gradient: PennyLane takes a second for more."""
Evaluate = Callable[[Any], Any]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print a line per workload, write the numbers."""
    parser = argparse.ArgumentParser(description="C.2 against PennyLane with lightning, interleaved")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", default="results/peers/vqa.json")
    options = parser.parse_args(arguments)
    console, rows = Console(), []
    path, environment = Path(options.output), describe()
    path.parent.mkdir(parents=True, exist_ok=True)
    for problem in WORKLOADS:
        for gradient in ("adjoint", "parameter_shift") if oracle.n_shifts(problem) < _MOST_CIRCUITS else ("adjoint",):
            rows.append(measured(problem, gradient, options.rounds))
            found = {"kind": "measured", "rounds": options.rounds, "environment": environment, "rows": rows}
            path.write_text(json.dumps(found, indent=1, allow_nan=False) + "\n", "utf-8")
            last = rows[-1]
            console.print(last["workload"], gradient, f"{last['factor']:.1f} x", last["medians"], soft_wrap=True)
    console.print(f"written: {path}")


def measured(problem: Problem, gradient: str, rounds: int) -> dict[str, Any]:
    """Return the evaluations per second of both, sample by sample, and the largest difference of their gradients."""
    theta, before = start(problem, 0.3, 1), load()
    contenders: dict[str, Evaluate] = {
        "ours": lambda point: oracle.evaluate(problem, point, gradient)[1:],
        "pennylane_lightning": peer(problem, gradient),
    }
    answers = {name: evaluate(theta) for name, evaluate in contenders.items()}
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name in sorted(contenders, reverse=bool(number % 2)):
            rates[name].append(_rate(contenders[name], theta))
    medians = {name: median(found) for name, found in rates.items()}
    return {
        "workload": f"{problem.name}, {problem.n_qubits} qubits, p = {problem.layers}",
        "gradient": gradient,
        "unit": "evaluations/s",
        "rates": rates,
        "medians": medians,
        "factor": medians["ours"] / medians["pennylane_lightning"],
        "disagreement": float(np.abs(answers["ours"] - answers["pennylane_lightning"]).max()),
        "load_before": before,
    }


def _rate(evaluate: Evaluate, theta: Any) -> float:
    began_s, count = time.perf_counter(), 0
    while time.perf_counter() - began_s < _LEAST_S:
        evaluate(theta)
        count += 1
    return count / (time.perf_counter() - began_s)


def peer(problem: Problem, gradient: str) -> Evaluate:
    """Return PennyLane's gradient of the same circuit, whose forward pass it includes, as ours does."""
    import pennylane as qml

    how = {"adjoint": "adjoint", "parameter_shift": "parameter-shift"}[gradient]
    circuit = _molecule(problem) if problem.is_molecule else _qaoa(problem)
    node = qml.QNode(circuit, qml.device("lightning.qubit", wires=problem.n_qubits), diff_method=how)
    slope = qml.grad(node)
    return lambda theta: np.asarray(slope(qml.numpy.array(theta, requires_grad=True)))


def _molecule(problem: Problem) -> Callable[[Any], Any]:
    import pennylane as qml

    n, filled = problem.n_qubits, MOLECULES[problem.name].electrons
    occupied = np.array([1] * filled + [0] * (n - filled))
    terms, excitations = molecule.terms(problem.name), molecule.excitations(problem.name)
    words = [qml.pauli.string_to_pauli_word(pauli[::-1], {q: q for q in range(n)}) for pauli, _ in terms]
    hamiltonian = qml.Hamiltonian([coefficient for _, coefficient in terms], words)

    def circuit(theta: Any) -> Any:
        qml.BasisState(occupied, range(n))
        for angle, (source, target) in zip(theta, excitations, strict=True):
            gate = qml.DoubleExcitation if len(source) == 2 else qml.SingleExcitation
            gate(angle, wires=[*source, *target])
        return qml.expval(hamiltonian)

    return circuit


def _qaoa(problem: Problem) -> Callable[[Any], Any]:
    import pennylane as qml

    n, p, edges = problem.n_qubits, problem.layers, graph.edges(problem)
    words = [qml.PauliZ(a) @ qml.PauliZ(b) for a, b in edges]
    cost = qml.Hamiltonian([0.5] * len(edges), words)  # minus the cut, without its constant

    def circuit(theta: Any) -> Any:
        for q in range(n):
            qml.Hadamard(q)
        for layer in range(p):
            for edge in edges:
                qml.IsingZZ(-theta[layer], wires=edge)
            for q in range(n):
                qml.RX(2 * theta[p + layer], wires=q)
        return qml.expval(cost)

    return circuit


if __name__ == "__main__":
    main()
