"""What is minimised: recipes that fit into a message, and the answers that are known. Both sides; standard library."""

from __future__ import annotations

from dataclasses import dataclass
from math import comb
from typing import Final


@dataclass(frozen=True, slots=True)
class Molecule:
    """A molecule in the minimal basis STO-3G, in an active space.

    Attributes
    ----------
    label
        Formula, geometry and active space.
    n_qubits, electrons
        Spin orbitals and electrons of the active space; as many spin up as down.
    exact
        Lowest energy of the active space in hartree: full configuration interaction by pyscf, see ``make_data.py``.
    """

    label: str
    n_qubits: int
    electrons: int
    exact: float


MOLECULES: Final = {
    "h2": Molecule("H2, 0.735 Å", 4, 2, -1.1373060357534),
    "lih": Molecule("LiH, 1.595 Å, (2e, 5o)", 10, 2, -7.8821745057673),
    "h4": Molecule("H4 chain, 1.0 Å", 8, 4, -2.1663874486348),
    "beh2": Molecule("BeH2, 1.3264 Å, (4e, 6o)", 12, 4, -15.5948379587752),
}
SUBSPACES: Final = {
    "lih": MOLECULES["lih"],
    "h4": MOLECULES["h4"],
    "n2": Molecule("N2, 1.0977 Å, (10e, 8o)", 16, 10, -107.6525325247217),
}
"""Molecules whose integrals are known, for subspace diagonalisation."""
GRAPHS: Final = ("ring", "regular3")


@dataclass(frozen=True, slots=True)
class Problem:
    """A recipe: equal recipes give the same circuit and the same Hamiltonian, to the last bit, everywhere.

    Attributes
    ----------
    name
        A key of `MOLECULES` or one of `GRAPHS`.
    n_qubits
        Width: of a molecule its spin orbitals, of a graph its nodes.
    layers
        Repetitions p of QAOA; 1 for molecules.
    seed
        Of the random regular graph.
    warm
        QAOA from a classical relaxation instead of the uniform superposition.
    parts
        Into how many sums of terms the Hamiltonian is divided; each is an evaluation of its own.
    """

    name: str
    n_qubits: int
    layers: int = 1
    seed: int = 0
    warm: bool = False
    parts: int = 1

    @property
    def is_molecule(self) -> bool:
        """Whether the Hamiltonian is a molecule's, in hartree; else it is minus the cut of a graph, in edges."""
        return self.name in MOLECULES


def count_gates(problem: Problem) -> int:
    """Return the gates of a circuit that have a parameter-shift rule, without building it."""
    if problem.is_molecule:
        molecule = MOLECULES[problem.name]
        filled = molecule.electrons // 2
        free = molecule.n_qubits // 2 - filled
        return 2 * filled * free + (filled * free) ** 2 + 2 * comb(filled, 2) * comb(free, 2)
    edges = problem.n_qubits if problem.name == "ring" else 3 * problem.n_qubits // 2
    return problem.layers * (edges + problem.n_qubits)


def count_shifts(problem: Problem) -> int:
    """Return the circuits of one parameter-shift gradient, the unshifted one included, without building any."""
    return 1 + count_gates(problem) * (4 if problem.is_molecule else 2)
