"""What a worker does: one evaluation, or the whole loop beside the circuits; samples, or one diagonalisation."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from .._variational import oracle
from .._variational.optimise import Path, Settings, minimise

if TYPE_CHECKING:
    from .._variational.problem import Problem

Vector = NDArray[np.float64]
_REPETITIONS: Final = 2
"""Of the cluster Jastrow circuit: the two largest terms of the amplitudes' factorisation."""


@dataclass(frozen=True, slots=True, eq=False)
class Loop:
    """A whole search: where it begins, along which gradient, and how."""

    problem: Problem
    gradient: str
    theta: Vector
    settings: Settings


def evaluate(problem: Problem, gradient: str, theta: Vector) -> tuple[Vector, float]:
    """Return value and gradient (see `oracle.evaluate`), and the seconds that the circuits took."""
    start_s = time.perf_counter()
    answer = oracle.evaluate(problem, theta, gradient)
    return answer, time.perf_counter() - start_s


def optimise(loop: Loop) -> tuple[Path, float]:
    """Run the loop here; return every evaluation, and the seconds that the circuits took together."""
    spent_s = 0.0

    def ask(theta: Vector) -> Vector:
        nonlocal spent_s
        answer, seconds = evaluate(loop.problem, loop.gradient, theta)
        spent_s += seconds
        return answer

    return minimise(ask, loop.theta, loop.settings), spent_s


def samples(name: str, shots: int, noise: float, seed: int) -> tuple[NDArray[np.bool_], float]:
    """Return samples of a molecule's UCJ state, and the seconds they took.

    Shape (shots, 2m): the columns are the orbitals with spin down, then those with spin up, the last orbital first.
    Each bit is flipped with probability ``noise``.
    """
    import ffsim

    from .._variational.integrals import integrals

    start_s = time.perf_counter()
    known = integrals(name)
    m, electrons = known.orbitals, (known.pairs, known.pairs)
    circuit = ffsim.UCJOpSpinBalanced.from_t_amplitudes(known.doubles, n_reps=_REPETITIONS)
    state = ffsim.apply_unitary(ffsim.hartree_fock_state(m, electrons), circuit, m, electrons)
    drawn = ffsim.sample_state_vector(
        state, norb=m, nelec=electrons, shots=shots, seed=np.random.default_rng((seed, 47))
    )
    bits = np.array([[letter == "1" for letter in word] for word in drawn])
    flips = np.random.default_rng((seed, 59)).random(bits.shape) < noise
    return bits ^ flips, time.perf_counter() - start_s


def diagonalise(strings: tuple[Any, Any], one: Vector, two: Vector, electrons: tuple[int, int]) -> tuple[Any, float]:
    """Return the lowest state in a subspace (`qiskit_addon_sqd.fermion.SCIResult`), and the seconds it took.

    Parameters
    ----------
    strings
        Occupations with spin up and down, as integers; their products span the subspace.
    one, two
        Integrals of m orbitals, shapes (m, m) and (m, m, m, m), in hartree.
    electrons
        With spin up and down.
    """
    from qiskit_addon_sqd.fermion import solve_sci

    start_s = time.perf_counter()
    return solve_sci(strings, one, two, len(one), electrons), time.perf_counter() - start_s
