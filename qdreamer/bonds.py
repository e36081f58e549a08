"""How entangled a circuit can become along a line of qubits: a bound of every bond, and what simulating it costs.

Three bounds are kept for each bond while the gates are read, and the smallest counts: the bond of a site is at most
twice each neighbour's (Schollwöck 2011, section 4); the operator-Schmidt ranks of all gates across it multiply; and the
qubits left of it differ from the first t by some, each worth a factor of two, while all gates across t so far are worth
their ranks, for every t. The last one holds where swaps have mixed clusters that few gates join. Generic gates reach
them, so the estimate is too large only for structured circuits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

import numpy as np

from .model import Array

TWO_BITS = frozenset({"swap", "iswap", "dcx", "csx", "unitary", "xx_plus_yy", "xx_minus_yy", "cswap", "ccz"})
"""Gates whose operator-Schmidt rank over a cut is up to 4; that of all other known ones is 2."""
LARGEST_BITS = 24
"""A bond of 2²⁴ is beyond every machine; reading stops there."""
_SMALL_BITS = 3
"""Smaller bonds cost nothing, so the third bound is not worked out for them."""
_EXACT_ANGLES = frozenset({"cp", "cu1", "rzz", "rxx", "ryy", "rzx", "crx", "cry", "crz"})

Gate = tuple[str, tuple[int, ...], tuple[float, ...]]
"""Name, qubits, parameters (radians), as Qiskit names them."""


@dataclass(frozen=True, slots=True)
class BondEstimate:
    """What a matrix-product-state simulation of a circuit needs at most.

    Attributes
    ----------
    bits
        log2 of the largest bond; `LARGEST_BITS` means that or more.
    updates
        Updates of two neighbouring sites, swaps included.
    svd
        Σ m·n·min(m, n) over the matrices that the updates decompose; infinite where reading stopped.
    amplitudes
        Complex numbers of the final state.
    touched
        Complex numbers that gates on one qubit and updates pass over, at the bonds of their moment.
    readout
        Multiplications of one expectation value of the final state.
    """

    bits: int
    updates: int
    svd: float
    amplitudes: float
    touched: float = 0.0
    readout: float = 0.0


def schmidt_bits(name: str, params: tuple[float, ...]) -> int:
    """Return log2 of the operator-Schmidt rank of a gate over a cut between its qubits, at most.

    A rotation by zero does nothing. Gates of more than two qubits count as two bits.
    """
    if name in _EXACT_ANGLES and params and params[0] == 0.0:
        return 0
    return 2 if name in TWO_BITS else 1


class Chain:
    """Bonds of a line of qubits while gates are applied; swapped qubits stay where they are brought."""

    def __init__(self, n_qubits: int) -> None:
        self.place = list(range(n_qubits))  # site of each qubit
        self.order = list(range(n_qubits))  # qubit at each site
        self.bits = [0] * (n_qubits + 1)  # bits[b]: bond left of site b
        self.updates = 0
        self.svd = 0.0
        self.touched = 0.0
        self.across: Array = np.zeros(n_qubits + 1)  # bits of all gates between the first t qubits and the others
        self.first: Array = np.arange(n_qubits + 1).astype(np.float64)
        self.differing: dict[int, Array] = {}  # of a bond: by how many qubits those left of it differ from the first t

    def apply(self, qubits: tuple[int, ...], bits: int) -> None:
        """Apply a gate: bring its qubits together by swaps, then update each bond between them."""
        sites = sorted(self.place[q] for q in qubits)
        first = sites[0]
        if len(sites) == 1:
            self.touched += 2.0 ** (1 + self.bits[first] + self.bits[first + 1])
            return
        self.across[min(qubits) + 1 : max(qubits) + 1] += bits
        for offset, site in enumerate(sites[1:], start=1):
            for right in range(site, first + offset, -1):
                self._swap(right - 1)
        for bond in range(first + 1, first + len(sites)):
            self._update(bond, bits)

    def _swap(self, site: int) -> None:
        left, right = self.order[site], self.order[site + 1]
        self.place[left], self.place[right] = site + 1, site
        self.order[site], self.order[site + 1] = right, left
        known = self.differing.get(site + 1)
        if known is not None:  # the right qubit has taken the place of the left one
            known[min(left, right) + 1 : max(left, right) + 1] += 2.0 if left < right else -2.0
        self._update(site + 1, 2)

    def _update(self, bond: int, bits: int) -> None:
        left, right = self.bits[bond - 1] + 1, self.bits[bond + 1] + 1
        most = min(self.bits[bond] + bits, left, right)
        self.bits[bond] = most if most < _SMALL_BITS else min(most, self._by_first(bond))
        self.updates += 1
        self.touched += 2.0 ** (left + right)
        self.svd += 2.0 ** (left + right + min(left, right))

    def _by_first(self, bond: int) -> int:
        """Return the least of: qubits that differ from the first t, and bits of all gates across t."""
        if bond not in self.differing:
            inside = np.zeros(len(self.order) + 1)
            inside[np.array(self.order[:bond]) + 1] = 1.0
            self.differing[bond] = bond - 2.0 * inside.cumsum() + self.first
        return int((self.differing[bond] + self.across).min())


def estimate(n_qubits: int, gates: Iterable[Gate]) -> BondEstimate:
    """Return what the circuit needs as a matrix-product state, its qubits in the order of their numbers.

    The linear order is kept; a gate between distant qubits moves the higher one down by swaps, as Aer does.
    """
    chain = Chain(n_qubits)
    for name, qubits, params in gates:
        bits = schmidt_bits(name, params) if len(qubits) > 1 else 1
        if bits:
            chain.apply(qubits, bits)
            if len(qubits) > 1 and max(chain.bits) >= LARGEST_BITS:
                return BondEstimate(LARGEST_BITS, chain.updates, inf, inf, inf, inf)
    bonds = chain.bits
    sides = [(bonds[site], bonds[site + 1]) for site in range(n_qubits)]
    amplitudes = sum(2.0 ** (1 + left + right) for left, right in sides)
    readout = sum(2.0 ** (1 + left + right + max(left, right)) for left, right in sides)
    return BondEstimate(max(bonds), chain.updates, chain.svd, amplitudes, chain.touched, readout)
