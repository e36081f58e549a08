"""Circuits as sequences of operators from a pool, many at a time, in the subspace of a molecule's electrons (numpy).

The pool of a molecule holds the identity and exp(-i·t·G) for every excitation G and every time ±t. In the
subspace each of them is |ψ⟩ → c·|ψ⟩ + s·|ψ permuted|, element by element, with vectors c and s and an index. So
a sequence costs a few look-ups for each operator, and the amplitudes of a circuit do not depend, to the last bit, on
which circuits are computed beside it.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .._variational import molecule
from .._variational.ansatz import expectation

Sequences = NDArray[np.int32]
"""Operators of circuits in order of application, shape (B, T); 0 is the identity."""
_BLOCK: Final = 2**16
"""Amplitudes that are held at a time, about: what a core's cache takes, with their coefficients."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """What a sequence means; equal recipes give equal energies, to the last bit, everywhere.

    Attributes
    ----------
    name
        A key of `_variational.MOLECULES`.
    times
        Positive times t of the pool, in rad: rotation by the angles ±t in PennyLane's convention.
    """

    name: str
    times: tuple[float, ...]

    @property
    def size(self) -> int:
        """Number of operators, the identity included."""
        return 1 + 2 * len(self.times) * len(molecule.excitations(self.name))

    def operator(self, token: int) -> tuple[tuple[int, ...], tuple[int, ...], float] | None:
        """Return (from, to, angle) of an operator; None for the identity."""
        if token == 0:
            return None
        excitation, place = divmod(token - 1, 2 * len(self.times))
        source, target = molecule.excitations(self.name)[excitation]
        return source, target, self.times[place // 2] * (-1.0 if place % 2 else 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """The operators of a recipe: shape (V, d) each, with d basis states.

    Attributes
    ----------
    kept, mixed
        Coefficients c and s.
    partner
        Index of the permutation.
    initial
        Hartree-Fock, shape (d,).
    hamiltonian
        Sparse, shape (d, d), in hartree.
    """

    kept: NDArray[np.float64]
    mixed: NDArray[np.float64]
    partner: NDArray[np.intp]
    initial: NDArray[np.float64]
    hamiltonian: Any


@lru_cache(maxsize=8)
def pool(recipe: Recipe) -> Pool:
    """Return the operators of a recipe."""
    where = molecule.space(recipe.name)
    d = len(where.states)
    kept, mixed = np.ones((recipe.size, d)), np.zeros((recipe.size, d))
    partner = np.tile(np.arange(d), (recipe.size, 1))
    for token in range(1, recipe.size):
        source, target, angle = recipe.operator(token) or ((), (), 0.0)
        gate = molecule.gate(source, target, where)
        kept[token, gate.low] = kept[token, gate.high] = np.cos(angle / 2)
        mixed[token, gate.low], mixed[token, gate.high] = -np.sin(angle / 2), np.sin(angle / 2)
        partner[token, gate.low], partner[token, gate.high] = gate.high, gate.low
    (hamiltonian,) = molecule.matrices(recipe.name, 1)
    return Pool(kept, mixed, partner, molecule.hartree_fock(recipe.name, where), hamiltonian)


def energies(recipe: Recipe, sequences: Sequences) -> NDArray[np.float64]:
    """Return the energy of each circuit in hartree, shape (B,)."""
    made = pool(recipe)
    block = max(1, _BLOCK // made.initial.size)
    parts = [_energies(made, sequences[start : start + block]) for start in range(0, len(sequences), block)]
    return np.concatenate(parts) if parts else np.zeros(0)


def _energies(made: Pool, sequences: Sequences) -> NDArray[np.float64]:
    states = np.tile(made.initial, (len(sequences), 1))
    for tokens in sequences.T:
        permuted = np.take_along_axis(states, made.partner[tokens], axis=1)
        states = made.kept[tokens] * states + made.mixed[tokens] * permuted
    return expectation(np.ascontiguousarray(states.T), made.hamiltonian)[0]
