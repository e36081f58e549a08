"""What the answers are checked against; shares no code with what computes them, but the recipe of the graph."""

from __future__ import annotations

from dataclasses import dataclass
from math import acos
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from .._app import Verdict
from .._circuits import dense
from .._circuits.gates import Circuit, Gate
from . import graph
from .problem import MOLECULES, Molecule, Problem

if TYPE_CHECKING:
    from .params import VariationalParams

TOLERANCES: Final = {"h2": 1e-6, "lih": 2e-5, "h4": 5e-3, "beh2": 1e-3, "n2": 1.6e-3, "ring": 1e-4, "regular3": 1e-9}
"""Hartree, or share of the optimum. H4's circuit of excitations applied once cannot reach the exact energy."""
_ROUNDING: Final = 1e-9


@dataclass(frozen=True, slots=True)
class Optimum:
    """What a search found: the lowest value and its parameters, shape (P,)."""

    value: float
    theta: NDArray[np.float64]


def tolerance(params: VariationalParams) -> float:
    """Return the largest error of the result."""
    return params.tolerance or TOLERANCES[params.problem]


def reached(params: VariationalParams, found: Optimum) -> Verdict:
    """Compare a search's result with the known optimum of its circuit, or with an independent simulation of it."""
    problem = params.recipe()
    if problem.is_molecule:
        return _molecule(problem, found, tolerance(params))
    if problem.name == "ring" and not problem.warm:
        return _ring(problem, found, tolerance(params))
    return _simulated(problem, found, tolerance(params))


def target(problem: Problem) -> float | None:
    """Return the lowest value that is known to be reachable, in the problem's unit; None where there is none."""
    if problem.is_molecule:
        return MOLECULES[problem.name].exact
    if problem.name == "ring" and not problem.warm:
        p = problem.layers
        return -problem.n_qubits * (2 * p + 1) / (2 * p + 2)
    return None


def _molecule(problem: Problem, found: Optimum, limit: float) -> Verdict:
    return molecular(MOLECULES[problem.name], found.value, limit)


def molecular(known: Molecule, value: float, limit: float) -> Verdict:
    """Compare a variational energy in hartree with the exact one, under which it must not lie either."""
    exact = known.exact
    passed = -_ROUNDING - 1e-7 <= value - exact <= limit
    detail = f"{known.label}: {1e3 * (value - exact):+.6f} mHa"
    return _verdict(passed, "full configuration interaction (pyscf)", (value, exact, limit), detail)


def _ring(problem: Problem, found: Optimum, limit: float) -> Verdict:
    p, n = problem.layers, problem.n_qubits
    ratio, best = -found.value / n, (2 * p + 1) / (2 * p + 2)
    detail = f"ring of {n}: share of the largest cut at p = {p}"
    return _verdict(abs(ratio - best) <= limit, "(2p + 1)/(2p + 2) of the optimum", (ratio, best, limit), detail)


def _simulated(problem: Problem, found: Optimum, limit: float) -> Verdict:
    edges = graph.edges(problem)
    state = dense.statevector(Circuit(problem.n_qubits, tuple(qaoa_gates(problem, edges, found.theta))))
    cut = graph.cuts(problem.n_qubits, edges)
    largest = int(cut.max())
    ratio, again = -found.value / largest, float(dense.probabilities(state) @ cut) / largest
    detail = f"expected cut at the parameters found, as a share of the largest cut, {largest}, by exhaustion"
    return _verdict(abs(ratio - again) <= limit and ratio <= 1, "dense state vector", (ratio, again, limit), detail)


def qaoa_gates(problem: Problem, edges: graph.Edges, theta: NDArray[np.float64]) -> list[Gate]:
    """Return QAOA as elementary gates, the mixer around each qubit's own axis."""
    n, p = problem.n_qubits, problem.layers
    sides = graph.relaxed_sides(n, edges, problem.seed) if problem.warm else (0.5,) * n
    tilts = [2 * acos((1 - side) ** 0.5) for side in sides]
    gates: list[Gate] = [("ry", (q,), (tilt,)) for q, tilt in enumerate(tilts)]
    for gamma, beta in zip(theta[:p].tolist(), theta[p:].tolist(), strict=True):
        gates += [("rzz", edge, (-gamma,)) for edge in edges]
        for q, tilt in enumerate(tilts):
            gates += [("ry", (q,), (-tilt,)), ("rz", (q,), (2 * beta,)), ("ry", (q,), (tilt,))]
    return gates


def _verdict(passed: bool, oracle: str, numbers: tuple[float, float, float], detail: str) -> Verdict:
    value, expected, limit = numbers
    return Verdict("pass" if passed else "fail", oracle, value, expected, limit, detail)


def tolerance_in_units(params: VariationalParams) -> float:
    """Return the largest error in the unit of the value: hartree, or edges of the largest cut."""
    share = tolerance(params)
    return share if params.problem in MOLECULES else share * (params.n_qubits or 0)
