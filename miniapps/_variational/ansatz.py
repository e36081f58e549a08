"""The circuit of a problem, and what is measured at its end."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from . import graph, molecule
from .gates import TWO_TERMS, Gate, Mixer, Phase, States, Transverse, columns_sum
from .problem import Problem

_BLOCK: Final = 2**18
"""Amplitudes that are held at a time, about: what a core's cache takes."""
Observable: TypeAlias = Any
"""A sparse matrix (d, d), or a diagonal of shape (d,)."""


@dataclass(frozen=True, slots=True, eq=False)
class Ansatz:
    """A circuit with parameters.

    Attributes
    ----------
    initial
        State before the first gate, shape (d,).
    gates
        In order of application.
    parameter
        Which parameter each gate takes, shape (G,).
    scale
        By what it is multiplied to give the gate's angle, shape (G,).
    observables
        Parts of what is minimised: a sparse matrix each, or a diagonal of shape (d,).
    whole, group
        The same circuit in fewer gates, each of which is some of these, which commute: which one, shape (G,). None if
        there is none.
    """

    initial: States
    gates: tuple[Gate, ...]
    parameter: NDArray[np.intp]
    scale: NDArray[np.float64]
    observables: tuple[Observable, ...]
    whole: Ansatz | None = None
    group: NDArray[np.intp] | None = None

    @property
    def n_parameters(self) -> int:
        """Number of parameters."""
        return int(self.parameter.max()) + 1

    def angles(self, theta: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the angle of every gate, shape (G, B), of parameters of shape (P, B)."""
        found: NDArray[np.float64] = theta[self.parameter] * self.scale[:, None]
        return found

    def states(self, angles: NDArray[np.float64]) -> States:
        """Return the states after the circuit, shape (d, B), of angles of shape (G, B)."""
        states = np.repeat(self.initial[:, None], angles.shape[1], axis=1)
        for gate, angle in zip(self.gates, angles, strict=True):
            gate.apply(states, angle)
        return states

    def energies(self, angles: NDArray[np.float64], part: int | None = None) -> NDArray[np.float64]:
        """Return the expectation value of each circuit, shape (B,); of one part, or of all added in their order."""
        block = max(1, _BLOCK // len(self.initial))
        found = []
        for start in range(0, angles.shape[1], block):
            states = self.states(angles[:, start : start + block])
            found.append(sum(expectation(states, self.observables[i])[0] for i in self._parts(part)))
        return np.concatenate(found)

    def shifted(
        self, theta: NDArray[np.float64], gates: NDArray[np.intp], shifts: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Return the expectation value of each circuit, shape (B,), that is this one but for the angle of one gate.

        Parameters
        ----------
        theta
            Parameters, shape (P,).
        gates, shifts
            The gate, and what is added to its angle, of each circuit, shape (B,).
        """
        if not len(gates):
            return np.zeros(0)
        if self.whole is None or self.group is None:
            angles = np.repeat(self.angles(theta[:, None]), len(gates), axis=1)
            angles[gates, np.arange(len(gates))] += shifts
            return self.energies(angles)
        return self._branched(self.whole, self.group[gates], theta, (gates, shifts))

    def _branched(
        self,
        whole: Ansatz,
        groups: NDArray[np.intp],
        theta: NDArray[np.float64],
        shifted: tuple[NDArray[np.intp], NDArray[np.float64]],
    ) -> NDArray[np.float64]:
        """Let each circuit leave the common one behind the gate that its own gate commutes with."""
        gates, shifts = shifted
        angles = whole.angles(theta[:, None])
        found = np.empty(len(gates))
        block = max(1, _BLOCK // len(whole.initial))
        common = whole.initial[:, None].copy()
        for number in range(int(groups.max()) + 1):
            whole.gates[number].apply(common, angles[number])
            columns = np.flatnonzero(groups == number)
            for start in range(0, len(columns), block):
                part = columns[start : start + block]
                states = np.empty((len(common), len(part)), common.dtype)
                for place, column in enumerate(part):
                    own = common.copy()
                    self.gates[gates[column]].apply(own, shifts[column : column + 1])
                    states[:, place] = own[:, 0]
                for gate, angle in zip(whole.gates[number + 1 :], angles[number + 1 :], strict=True):
                    gate.apply(states, angle)
                found[part] = sum(expectation(states, observable)[0] for observable in whole.observables)
        return found

    def _parts(self, part: int | None) -> range:
        return range(len(self.observables)) if part is None else range(part, part + 1)


def expectation(states: States, observable: Observable) -> tuple[NDArray[np.float64], States]:
    """Return ⟨ψ|O|ψ⟩ of each column and O|ψ⟩."""
    applied: States = observable[:, None] * states if isinstance(observable, np.ndarray) else observable @ states
    return columns_sum((states.conj() * applied).real), applied


@lru_cache(maxsize=32)
def fused(problem: Problem) -> Ansatz:
    """Return the circuit with as few gates as possible: for values and adjoint gradients."""
    return _excitations(problem) if problem.is_molecule else _qaoa(problem, elementary=False)


@lru_cache(maxsize=32)
def elementary(problem: Problem) -> Ansatz:
    """Return the circuit of gates that have a parameter-shift rule."""
    return _excitations(problem) if problem.is_molecule else _qaoa(problem, elementary=True)


def _excitations(problem: Problem) -> Ansatz:
    name = problem.name
    where = molecule.space(name)
    gates: tuple[Gate, ...] = tuple(molecule.gate(*excitation, where) for excitation in molecule.excitations(name))
    return Ansatz(
        initial=molecule.hartree_fock(name, where),
        gates=gates,
        parameter=np.arange(len(gates)),
        scale=np.ones(len(gates)),
        observables=tuple(molecule.matrices(name, problem.parts)),
    )


def _qaoa(problem: Problem, *, elementary: bool) -> Ansatz:
    """Return exp(-iβₚB) exp(-iγₚC) … exp(-iβ₁B) exp(-iγ₁C) on its initial state; parameters are γ₁ … γₚ, β₁ … βₚ."""
    n, p, edges = problem.n_qubits, problem.layers, graph.edges(problem)
    initial, axes = _start(problem, edges)
    size = len(initial)  # half of all where flipping all qubits changes nothing: then the last one is 0
    layer: list[tuple[Gate, float]] = []
    if elementary:
        bits = np.arange(size)
        halves = np.array([0.5, -0.5])
        phases = [Phase(halves, (bits >> a ^ bits >> b) & 1, TWO_TERMS) for a, b in edges]
        layer += [(phase, -1.0) for phase in phases]
        layer += [(Mixer((axis,), TWO_TERMS), 2.0) for axis in axes]
    else:
        cuts = graph.cuts(n, edges)[:size]
        mixer = Mixer(axes) if problem.warm else Transverse(n)
        layer += [(Phase(np.arange(len(edges) + 1, dtype=float), cuts), 1.0), (mixer, 2.0)]
    phases_in_layer = len(edges) if elementary else 1
    shares = np.array_split(np.arange(len(edges)), problem.parts)
    return Ansatz(
        initial=initial,
        gates=tuple(gate for _ in range(p) for gate, _ in layer),
        parameter=np.array([k + p * (i >= phases_in_layer) for k in range(p) for i in range(len(layer))]),
        scale=np.array([scale for _ in range(p) for _, scale in layer]),
        observables=tuple(-graph.cuts(n, tuple(edges[i] for i in share))[:size].astype(float) for share in shares),
        whole=fused(problem) if elementary else None,
        group=np.array([2 * k + (i >= phases_in_layer) for k in range(p) for i in range(len(layer))]),
    )


def _start(problem: Problem, edges: graph.Edges) -> tuple[States, tuple[tuple[int, float, float], ...]]:
    """Return the initial state and each qubit's axis of the mixer, whose highest state the initial state is.

    Without a warm start, flipping all qubits changes neither state nor circuit: half of the amplitudes are enough.
    """
    n = problem.n_qubits
    if not problem.warm:
        return np.full(2 ** (n - 1), 2 ** (-(n - 1) / 2), dtype=complex), tuple((q, 1.0, 0.0) for q in range(n))
    sides = graph.relaxed_sides(n, edges, problem.seed)
    state: Any = np.ones(1)
    for side in sides:  # qubit 0 is the lowest bit, so later qubits come in front
        state = np.kron(np.array([np.sqrt(1 - side), np.sqrt(side)]), state)
    axes = tuple((q, 2 * float(np.sqrt(side * (1 - side))), 1 - 2 * side) for q, side in enumerate(sides))
    return state.astype(complex), axes
