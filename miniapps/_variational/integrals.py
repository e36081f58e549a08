"""Integrals of molecules for subspace diagonalisation, from files in ``data/`` (numpy)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from .problem import SUBSPACES


@dataclass(frozen=True, slots=True, eq=False)
class Integrals:
    """An active space of m orbitals, in hartree.

    Attributes
    ----------
    core
        Energy of what is not active.
    one, two
        One- and two-electron integrals, shapes (m, m) and (m, m, m, m), the latter (pq|rs).
    doubles
        Amplitudes of coupled clusters, shape (k, k, m - k, m - k) with k pairs of electrons.
    """

    core: float
    one: NDArray[np.float64]
    two: NDArray[np.float64]
    doubles: NDArray[np.float64]

    @property
    def orbitals(self) -> int:
        """Number m of orbitals."""
        return len(self.one)

    @property
    def pairs(self) -> int:
        """Electrons of each spin."""
        return len(self.doubles)


@lru_cache(maxsize=4)
def integrals(name: str) -> Integrals:
    """Return the integrals of a molecule of `SUBSPACES`."""
    text = resources.files(__package__).joinpath("data", f"integrals-{name}.json").read_text("utf-8")
    found = json.loads(text)
    one = np.array(found["one"])
    return Integrals(float(found["core"]), one, _unpacked(np.array(found["two"]), len(one)), np.array(found["doubles"]))


def _unpacked(packed: NDArray[np.float64], orbitals: int) -> NDArray[np.float64]:
    """Return (pq|rs), shape (m, m, m, m), of its values for p >= q, r >= s, pq >= rs."""
    index = np.arange(orbitals)
    high, low = np.maximum.outer(index, index), np.minimum.outer(index, index)
    pair = high * (high + 1) // 2 + low
    bra, ket = pair[:, :, None, None], pair[None, None, :, :]
    high, low = np.maximum(bra, ket), np.minimum(bra, ket)
    found: NDArray[np.float64] = packed[high * (high + 1) // 2 + low]
    return found


def size(name: str) -> int:
    """Return the dimension of the whole space of a molecule's electrons."""
    from math import comb

    known = SUBSPACES[name]
    return comb(known.n_qubits // 2, known.electrons // 2) ** 2
