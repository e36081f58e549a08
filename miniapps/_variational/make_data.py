"""Make the files of ``data/``: ``python -m miniapps._variational.make_data`` (needs pennylane and pyscf; a minute).

Pauli terms come from PennyLane's own Hartree-Fock and Jordan-Wigner mapping, exact energies from pyscf; that the two
agree is checked by the tests, which diagonalise the terms. Subspace diagonalisation takes integrals and the amplitudes
of coupled clusters instead, all from pyscf (``integrals-….json``).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import numpy as np

DATA: Final = Path(__file__).with_name("data")
_BOHR: Final = 0.529177210903
_CUTOFF: Final = 1e-12
GEOMETRIES: Final[dict[str, tuple[list[str], list[float], int, int]]] = {
    "h2": (["H", "H"], [0, 0.735], 2, 2),
    "lih": (["Li", "H"], [0, 1.595], 2, 5),
    "h4": (["H"] * 4, [0, 1, 2, 3], 4, 4),
    "beh2": (["H", "Be", "H"], [-1.3264, 0, 1.3264], 4, 6),
}
"""Atoms, their places on the z axis in Å, active electrons, active orbitals."""
INTEGRALS: Final[dict[str, tuple[list[str], list[float], int, int]]] = {
    "h4": GEOMETRIES["h4"],
    "lih": GEOMETRIES["lih"],
    "n2": (["N", "N"], [0, 1.0977], 10, 8),
}
"""The same for subspace diagonalisation; all orbitals above the frozen ones are active."""


def exact_energy(symbols: list[str], places: list[float], electrons: int, orbitals: int) -> tuple[float, float]:
    """Return the energies of Hartree-Fock and of the active space, in hartree, by pyscf."""
    from pyscf import mcscf

    field = _field(symbols, places)
    solver: Any = mcscf.CASCI(field, orbitals, electrons)
    return float(field.e_tot), float(solver.kernel()[0])


def _field(symbols: list[str], places: list[float]) -> Any:
    from pyscf import gto, scf

    atoms = [(symbol, (0.0, 0.0, place)) for symbol, place in zip(symbols, places, strict=True)]
    return scf.RHF(gto.M(atom=atoms, basis="sto-3g", verbose=0)).run()


def integrals(symbols: list[str], places: list[float], electrons: int, orbitals: int) -> dict[str, Any]:
    """Return what subspace diagonalisation needs of an active space, by pyscf.

    ``one`` has a row for each orbital, ``two`` the eightfold packed (pq|rs), ``core`` is the energy of all else, and
    ``doubles`` are the amplitudes t of coupled clusters, occupied x occupied x empty x empty; all in hartree or 1.
    """
    from pyscf import ao2mo, cc, mcscf

    field = _field(symbols, places)
    solver: Any = mcscf.CASCI(field, orbitals, electrons)
    one, core = solver.get_h1eff()
    clusters: Any = cc.CCSD(field, frozen=solver.ncore or None).run()
    return {
        "core": float(core),
        "hartree_fock": float(field.e_tot),
        "exact": float(solver.kernel()[0]),
        "one": one.tolist(),
        "two": ao2mo.restore(8, solver.get_h2eff(), orbitals).tolist(),
        "doubles": clusters.t2.tolist(),
    }


def pauli_terms(symbols: list[str], places: list[float], electrons: int, orbitals: int) -> list[tuple[str, float]]:
    """Return the terms of the active space, last letter = qubit 0, spin orbitals in turn up and down."""
    import pennylane as qml

    coordinates = np.array([[0.0, 0.0, place / _BOHR] for place in places])
    molecule = qml.qchem.Molecule(symbols, coordinates)
    hamiltonian, n = qml.qchem.molecular_hamiltonian(molecule, active_electrons=electrons, active_orbitals=orbitals)
    found = []
    for word, coefficient in hamiltonian.pauli_rep.items():
        letters = ["I"] * n
        for wire, letter in word.items():
            letters[n - 1 - wire] = letter
        if abs(coefficient) > _CUTOFF:
            found.append(("".join(letters), float(np.real(coefficient))))
    return sorted(found)


def main() -> None:
    """Write every file."""
    write_integrals()
    for name, geometry in GEOMETRIES.items():
        hartree_fock, exact = exact_energy(*geometry)
        symbols, places, electrons, orbitals = geometry
        described = {
            "molecule": " ".join(f"{s} 0 0 {z:g}" for s, z in zip(symbols, places, strict=True)),
            "unit": "angstrom",
            "basis": "sto-3g",
            "active": [electrons, orbitals],
            "mapping": "Jordan-Wigner, last letter = qubit 0, even qubits spin up",
            "hartree_fock": hartree_fock,
            "exact": exact,
        }
        lines = ",\n".join(json.dumps(term) for term in pauli_terms(*geometry))
        head = json.dumps(described, indent=0).rstrip("}").rstrip()
        (DATA / f"{name}.json").write_text(f'{head},\n"terms": [\n{lines}\n]\n}}\n', "utf-8")


def write_integrals() -> None:
    """Write the files for subspace diagonalisation."""
    for name, geometry in INTEGRALS.items():
        symbols, places, electrons, orbitals = geometry
        described = {
            "molecule": " ".join(f"{s} 0 0 {z:g}" for s, z in zip(symbols, places, strict=True)),
            "unit": "angstrom",
            "basis": "sto-3g",
            "active": [electrons, orbitals],
            **integrals(*geometry),
        }
        lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in described.items())
        (DATA / f"integrals-{name}.json").write_text(f"{{\n{lines}\n}}\n", "utf-8")


if __name__ == "__main__":
    main()
