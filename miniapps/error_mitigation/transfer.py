"""Noisy circuits in the Pauli basis: many variants of one circuit at a time. Worker side; numpy.

A state is the vector of its expectation values ⟨P⟩ of all Pauli strings, 4ⁿ real numbers; a gate with its noise is a
real matrix on it (the Pauli transfer matrix; Greenbaum, arXiv:1509.02921), Pauli noise is diagonal, and a Pauli
operator between two gates is a change of signs. Gates are fused into blocks of two qubits, whose matrices are kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from .._circuits.gates import matrix

if TYPE_CHECKING:
    from .._circuits.gates import Gate
    from .program import Noise, Program

Real = NDArray[np.float64]
Rows = NDArray[np.uint8]
"""Of each variant a Pauli operator for each gate, shape (variants, gates)."""
NODES: Final = 32
"""Of the Gauss-Hermite rule that averages over a common detuning."""
_GROUP_BYTES: Final = 2**20
"""States that are computed together, so that they stay in the cache."""
_PAULIS: Final = np.array([[[1, 0], [0, 1]], [[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]]])
_ANTICOMMUTES: Final = np.array([[a != b and a * b > 0 for b in range(4)] for a in range(4)])
Fused = tuple[tuple[int, ...], tuple["Gate", ...], tuple[int, ...]]
"""Qubits (one or two), gates on them, and the gates' numbers in the program."""


def probabilities(program: Program, rows: Rows, noise: Noise) -> Real:
    """Return the probability of every outcome of every variant, shape (variants, 2ᵐ) for m measured qubits."""
    nodes = NODES if noise.detuning else 1
    size = max(1, _GROUP_BYTES // (8 * 4**program.n_qubits * nodes))
    groups = [rows[start : start + size] for start in range(0, len(rows), size)]
    return np.concatenate([_group(program, group, noise) for group in groups])


def _group(program: Program, rows: Rows, noise: Noise) -> Real:
    detunings, weights = _rule(noise.detuning)
    columns = np.repeat(rows, len(weights), axis=0)
    state = _State(program.n_qubits, len(columns))
    angles = np.tile(detunings, len(rows))
    number = 0
    for moments in [[moment] for moment in program.moments] if noise.detuning else [program.moments]:
        gates = [gate for moment in moments for gate in moment]
        for block in fused(gates, number):
            state.apply(block, columns, noise)
        number += len(gates)
        if noise.detuning:
            state.turn(angles)
    found = _outcomes(state.read(program.measured), noise)
    return np.asarray((found.reshape(len(found), len(rows), len(weights)) @ weights).T)


@lru_cache(maxsize=16)
def _rule(spread: float) -> tuple[Real, Real]:
    """Return nodes and weights that average over a normal distribution with this standard deviation."""
    if not spread:
        return np.zeros(1), np.ones(1)
    nodes, weights = np.polynomial.hermite_e.hermegauss(NODES)
    return spread * nodes, weights / weights.sum()


class _State:
    """Expectation values of all Pauli strings, one axis of size 4 a qubit in any order, and a last one of variants."""

    def __init__(self, n_qubits: int, variants: int) -> None:
        tensor = np.zeros((4,) * n_qubits + (variants,))
        tensor[np.ix_(*[[0, 3]] * n_qubits)] = 1  # every qubit in state 0: ⟨I⟩ = ⟨Z⟩ = 1
        self._tensor, self._axes = tensor, list(range(n_qubits))

    def apply(self, block: Fused, rows: Rows, noise: Noise) -> None:
        """Apply a block; variants that have Pauli operators within it get their own matrix."""
        qubits, gates, numbers = block
        own = rows[:, numbers]
        different = np.flatnonzero(own.any(axis=1))
        before = self._tensor[..., different] if different.size else None
        where = [self._axes[q] for q in reversed(qubits)]
        self._tensor = _product(transfer(qubits, gates, bytes(len(gates)), noise), self._tensor, where)
        if before is not None:
            patterns, which = np.unique(own[different], axis=0, return_inverse=True)
            for number, pattern in enumerate(patterns):
                mine = np.flatnonzero(which.reshape(-1) == number)
                operator = transfer(qubits, gates, pattern.tobytes(), noise)
                self._tensor[..., different[mine]] = _product(operator, before[..., mine], where)
        self._moved(where)

    def _moved(self, where: list[int]) -> None:
        """Note that these axes come first now."""
        first = {axis: position for position, axis in enumerate(where)}
        rest = iter(range(len(where), len(self._axes)))
        moved = {axis: first[axis] if axis in first else next(rest) for axis in range(len(self._axes))}
        self._axes = [moved[axis] for axis in self._axes]

    def turn(self, angles: Real) -> None:
        """Turn every qubit of every variant about Z by the variant's angle."""
        cos, sin = np.cos(angles), np.sin(angles)
        for axis in self._axes:
            view = np.moveaxis(self._tensor, axis, 0)
            x = view[1].copy()
            view[1] = cos * x - sin * view[2]
            view[2] = sin * x + cos * view[2]

    def read(self, measured: Sequence[int]) -> Real:
        """Return ⟨product of Z⟩ over all subsets of the measured qubits: axes of size 2, last qubit first; variants."""
        n = len(self._axes)
        ordered = self._tensor.transpose([self._axes[q] for q in reversed(measured)] + self._others(measured) + [n])
        plain = ordered[np.ix_(*[[0, 3]] * len(measured), *[[0]] * (n - len(measured)))]
        return plain.reshape((2,) * len(measured) + (-1,))

    def _others(self, measured: Sequence[int]) -> list[int]:
        return [self._axes[q] for q in range(len(self._axes)) if q not in measured]


def _product(operator: Real, tensor: Real, where: list[int]) -> Real:
    k = len(where)
    return np.asarray(np.tensordot(operator.reshape((4,) * (2 * k)), tensor, axes=(range(k, 2 * k), where)))


def _outcomes(parities: Real, noise: Noise) -> Real:
    """Return probabilities of outcomes, shape (2ᵐ, variants), from parities; errors of the read-out included."""
    scale, shift = 1 - noise.read_1_for_0 - noise.read_0_for_1, noise.read_0_for_1 - noise.read_1_for_0
    one = np.array([[1.0, 1.0], [1.0, -1.0]]) / 2 @ np.array([[1.0, 0.0], [shift, scale]])
    m = parities.ndim - 1
    for axis in range(m):
        parities = np.moveaxis(np.tensordot(one, parities, axes=(1, axis)), 0, axis)
    return parities.reshape(2**m, -1)


# Blocks.


def fused(gates: Iterable[Gate], first: int = 0) -> list[Fused]:
    """Fuse gates: each joins the earliest block of two qubits that it can be moved to; ``first`` numbers the first."""
    blocks: list[tuple[set[int], list[Gate], list[int]]] = []
    last: dict[int, int] = {}
    for number, gate in enumerate(gates, first):
        qubits = set(gate[1])
        earliest = max((last[q] for q in qubits if q in last), default=len(blocks))
        place = next((i for i in range(earliest, len(blocks)) if len(blocks[i][0] | qubits) <= 2), len(blocks))
        if place == len(blocks):
            blocks.append((set(), [], []))
        blocks[place][0].update(qubits)
        blocks[place][1].append(gate)
        blocks[place][2].append(number)
        last.update(dict.fromkeys(qubits, place))
    return [(tuple(sorted(qubits)), tuple(some), tuple(numbers)) for qubits, some, numbers in blocks]


@lru_cache(maxsize=65536)
def transfer(qubits: tuple[int, ...], gates: tuple[Gate, ...], pattern: bytes, noise: Noise) -> Real:
    """Return the matrix of a block, whose lowest digit is ``qubits[0]``: each gate, its noise, its Pauli operator."""
    total: Real = np.eye(4 ** len(qubits), dtype=np.float64)
    for (name, on, params), pauli in zip(gates, pattern, strict=True):
        one = _after(len(on), pauli, noise)[:, None] * _ideal(name, params)
        total = np.asarray(_placed(one, tuple(qubits.index(q) for q in on), len(qubits)) @ total)
    total.flags.writeable = False
    return total


@lru_cache(maxsize=4096)
def _ideal(name: str, params: tuple[float, ...]) -> Real:
    unitary = matrix(name, params)
    k = len(unitary).bit_length() - 1
    basis = _PAULIS if k == 1 else np.einsum("aij,bkl->abikjl", _PAULIS, _PAULIS).reshape(16, 4, 4)
    turned = unitary @ basis @ unitary.conj().T
    return np.asarray(np.einsum("aij,bji->ab", basis, turned).real / 2**k)


@lru_cache(maxsize=256)
def _after(k: int, pauli: int, noise: Noise) -> Real:
    """Return by what each expectation value is multiplied: by the noise, and by the sign of a Pauli operator."""
    factors = np.full(4**k, 1 - noise.depolarizing(k))
    factors[0] = 1
    signs = np.where(_ANTICOMMUTES, -1.0, 1.0)
    sign: Any = signs[pauli] if k == 1 else np.kron(signs[pauli // 4], signs[pauli % 4])
    return np.asarray(factors * sign)


def _placed(operator: Real, places: tuple[int, ...], k: int) -> Real:
    """Return an operator whose digits are at ``places`` as one on all ``k`` (1 or 2) digits."""
    if len(places) == k:
        swapped = np.arange(16).reshape(4, 4).T.reshape(-1)
        return operator[np.ix_(swapped, swapped)] if places == (1, 0) else operator
    one = np.eye(4)
    return np.asarray(np.kron(one, operator) if places == (0,) else np.kron(operator, one))
