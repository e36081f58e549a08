"""Molecules: the Hamiltonian in the subspace of the electrons, from a file in ``data/``, and the circuit's excitations.

The circuit starts in the Hartree-Fock state, and every excitation keeps the electrons of each spin. So the states live
in a subspace that is far smaller than 2ⁿ: 25 of 1,024 for LiH. Spin orbital 2k is orbital k with spin up, 2k + 1 with
spin down; qubit q is bit q of a basis state.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources
from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array, csr_array

from .gates import Excitation, Index
from .problem import MOLECULES

Term = tuple[str, float]
"""Pauli string with its coefficient in hartree; the last letter acts on qubit 0."""


@dataclass(frozen=True, slots=True, eq=False)
class Space:
    """Basis states with a fixed number of electrons of each spin, in rising order.

    Attributes
    ----------
    states
        Their bit patterns, shape (d,).
    lookup
        Place of each bit pattern in ``states``, -1 for those outside, shape (2ⁿ,).
    """

    states: Index
    lookup: Index


@lru_cache(maxsize=8)
def terms(name: str) -> tuple[Term, ...]:
    """Return the Pauli terms of a molecule's Hamiltonian, from its file."""
    text = resources.files(__package__).joinpath("data", f"{name}.json").read_text("utf-8")
    return tuple((pauli, float(coefficient)) for pauli, coefficient in json.loads(text)["terms"])


def space(name: str) -> Space:
    """Return the subspace of a molecule's electrons."""
    molecule = MOLECULES[name]
    n, up = molecule.n_qubits, molecule.electrons // 2
    patterns = np.arange(2**n)
    even = np.bitwise_count(patterns & sum(1 << q for q in range(0, n, 2)))
    odd = np.bitwise_count(patterns & sum(1 << q for q in range(1, n, 2)))
    states = np.flatnonzero((even == up) & (odd == up))
    lookup = np.full(2**n, -1)
    lookup[states] = np.arange(len(states))
    return Space(states, lookup)


def matrices(name: str, parts: int) -> list[csr_array]:
    """Return the Hamiltonian in the subspace as a list of sums of terms that are measured together.

    Terms that commute qubit by qubit form groups; groups are dealt to the parts in turn, largest first.
    """
    where = space(name)
    dealt: list[list[Term]] = [[] for _ in range(parts)]
    for number, group in enumerate(sorted(commuting_groups(terms(name)), key=len, reverse=True)):
        dealt[number % parts] += group
    return [_matrix(part, where) for part in dealt]


def commuting_groups(of: tuple[Term, ...]) -> list[list[Term]]:
    """Return groups of terms that can be measured together: by sorted insertion, largest coefficients first."""
    groups: list[tuple[list[str], list[Term]]] = []
    for pauli, coefficient in sorted(of, key=lambda term: (-abs(term[1]), term[0])):
        for basis, members in groups:
            if all(a == b or "I" in (a, b) for a, b in zip(basis, pauli, strict=True)):
                basis[:] = [b if a == "I" else a for a, b in zip(basis, pauli, strict=True)]
                members.append((pauli, coefficient))
                break
        else:
            groups.append((list(pauli), [(pauli, coefficient)]))
    return [members for _, members in groups]


def _matrix(part: list[Term], where: Space) -> csr_array:
    rows: list[Any] = []
    columns: list[Any] = []
    values: list[Any] = []
    for pauli, coefficient in part:
        flips, signs = (int("".join("01"[letter in which] for letter in pauli), 2) for which in ("XY", "YZ"))
        row = where.lookup[where.states ^ flips]
        inside = np.flatnonzero(row >= 0)
        phase = (1j ** pauli.count("Y")).real * coefficient  # an odd number of Y would be imaginary: there are none
        rows.append(row[inside])
        columns.append(inside)
        values.append(phase * (1.0 - 2.0 * (np.bitwise_count(where.states[inside] & signs) & 1)))
    d = len(where.states)
    entries = (np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))
    matrix = csr_array(coo_array(entries, shape=(d, d)))
    matrix.eliminate_zeros()
    matrix.sort_indices()
    return matrix


def excitations(name: str) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Return (from, to) of every excitation that keeps each spin: doubles, then singles, each in rising order."""
    molecule = MOLECULES[name]
    occupied, empty = range(molecule.electrons), range(molecule.electrons, molecule.n_qubits)
    singles: list[tuple[tuple[int, ...], tuple[int, ...]]]
    singles = [((i,), (a,)) for i in occupied for a in empty if (i - a) % 2 == 0]
    doubles = [
        (pair, target)
        for pair in combinations(occupied, 2)
        for target in combinations(empty, 2)
        if sum(q % 2 for q in pair) == sum(q % 2 for q in target)
    ]
    return [*doubles, *singles]


def gate(source: tuple[int, ...], target: tuple[int, ...], where: Space) -> Excitation:
    """Return the excitation that moves electrons from ``source`` to ``target``, with PennyLane's sign.

    A double excitation takes |0011⟩ to cos|0011⟩ + sin|1100⟩ and a single one |01⟩ to cos|01⟩ + sin|10⟩, where the
    first letters belong to ``source``.
    """
    taken, given = sum(1 << q for q in source), sum(1 << q for q in target)
    excited = where.states[((where.states & given) == given) & ((where.states & taken) == 0)]
    ground = where.lookup[excited ^ taken ^ given]
    inside = ground >= 0
    return Excitation(where.lookup[excited[inside]], ground[inside])


def hartree_fock(name: str, where: Space) -> NDArray[np.float64]:
    """Return the state in which the lowest spin orbitals are filled, shape (d,)."""
    state = np.zeros(len(where.states))
    state[where.lookup[2 ** MOLECULES[name].electrons - 1]] = 1
    return state
