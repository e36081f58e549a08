"""Values and gradients, whole or in portions that add up to the same bits."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from .ansatz import elementary, expectation, fused
from .problem import Problem

Vector = NDArray[np.float64]


def value(problem: Problem, theta: Vector, part: int | None = None) -> float:
    """Return the expectation value at the parameters ``theta``, shape (P,): of one part, or of all."""
    circuit = fused(problem)
    return float(circuit.energies(circuit.angles(theta[:, None]), part)[0])


def adjoint(problem: Problem, theta: Vector, part: int) -> Vector:
    """Return value and gradient of one part, shape (1 + P,), by un-computing the circuit gate by gate."""
    circuit = fused(problem)
    angles = circuit.angles(theta[:, None])
    states = circuit.states(angles)
    found, left = expectation(states, circuit.observables[part])
    answer = np.zeros(1 + circuit.n_parameters)
    answer[0] = found[0]
    for number in reversed(range(len(circuit.gates))):
        gate = circuit.gates[number]
        answer[1 + circuit.parameter[number]] += circuit.scale[number] * gate.slope(left, states)[0]
        gate.apply(states, -angles[number])
        gate.apply(left, -angles[number])
    return answer


def n_shifts(problem: Problem) -> int:
    """Return the number of circuits of one parameter-shift gradient, the unshifted one included."""
    return 1 + len(_rule(problem)[0])


def shifted(problem: Problem, theta: Vector, start: int, stop: int) -> Vector:
    """Return the values of the circuits ``start`` … ``stop - 1`` of a parameter-shift gradient.

    Circuit 0 is the unshifted one. Any portioning gives the same numbers.
    """
    circuit = elementary(problem)
    gates, shifts, _ = _rule(problem)
    rows = slice(max(start, 1) - 1, max(stop, 1) - 1)
    found = circuit.shifted(theta, gates[rows], shifts[rows])
    return found if start > 0 else np.concatenate([[value(problem, theta)], found])


def assembled(problem: Problem, values: Vector) -> Vector:
    """Return value and gradient, shape (1 + P,), of the values of all circuits of `shifted`."""
    circuit = elementary(problem)
    gates, _, weights = _rule(problem)
    answer = np.zeros(1 + circuit.n_parameters)
    answer[0] = values[0]
    np.add.at(answer, 1 + circuit.parameter[gates], circuit.scale[gates] * weights * values[1:])
    return answer


@lru_cache(maxsize=32)
def _rule(problem: Problem) -> tuple[NDArray[np.intp], Vector, Vector]:
    """Return gate, shift and weight of every shifted circuit."""
    rows = [(g, *pair) for g, gate in enumerate(elementary(problem).gates) for pair in gate.shifts]
    gates, shifts, weights = zip(*rows, strict=True)
    return np.array(gates), np.array(shifts), np.array(weights)


def n_parameters(problem: Problem) -> int:
    """Return the number of parameters."""
    return fused(problem).n_parameters


def evaluate(problem: Problem, theta: Vector, gradient: str) -> Vector:
    """Return value and gradient in one piece: what any splitting into tasks must reproduce to the last bit.

    Parameters
    ----------
    problem
        The recipe.
    theta
        Parameters, shape (P,).
    gradient
        ``"adjoint"``, ``"parameter_shift"``, or ``"none"`` for the value alone, shape (1,).
    """
    if gradient == "parameter_shift":
        return assembled(problem, shifted(problem, theta, 0, n_shifts(problem)))
    if gradient == "adjoint":
        return added([adjoint(problem, theta, part) for part in range(problem.parts)])
    return added([np.array([value(problem, theta, part)]) for part in range(problem.parts)])


def added(parts: list[Vector]) -> Vector:
    """Return the sum of all parts' answers, in their order."""
    total = parts[0].copy()
    for part in parts[1:]:
        total += part
    return total


def slopes(problem: Problem, theta: Vector, start: int, stop: int) -> tuple[Vector, int]:
    """Return the slopes along the parameters ``start`` … ``stop - 1`` by the parameter-shift rule.

    Returns
    -------
    slopes
        Shape (stop - start,).
    circuits
        How many circuits they took.
    """
    circuit = elementary(problem)
    gates, shifts, weights = _rule(problem)
    wanted = np.flatnonzero((circuit.parameter[gates] >= start) & (circuit.parameter[gates] < stop))
    found = np.zeros(stop - start)
    values = circuit.shifted(theta, gates[wanted], shifts[wanted])
    parts = circuit.scale[gates[wanted]] * weights[wanted] * values
    np.add.at(found, circuit.parameter[gates[wanted]] - start, parts)
    return found, len(wanted)
