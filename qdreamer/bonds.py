"""How entangled a circuit can become along a line of qubits: a bound of every bond, and what simulating it costs.

Two bounds are kept for each bond while the gates are read, and the smaller counts: the bond of a site is at most twice
each neighbour's (Schollwöck 2011, section 4), and the operator-Schmidt ranks of all gates across it multiply. Both are
reached by generic gates, so the estimate is too large only for structured circuits.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf

TWO_BITS = frozenset({"swap", "iswap", "dcx", "csx", "unitary", "xx_plus_yy", "xx_minus_yy", "cswap", "ccz"})
"""Gates whose operator-Schmidt rank over a cut is up to 4; that of all other known ones is 2."""
LARGEST_BITS = 24
"""A bond of 2²⁴ is beyond every machine; reading stops there."""
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
    """

    bits: int
    updates: int
    svd: float
    amplitudes: float


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

    def apply(self, qubits: tuple[int, ...], bits: int) -> None:
        """Apply a gate on two or more qubits: bring them together by swaps, then update each bond between them."""
        sites = sorted(self.place[q] for q in qubits)
        first = sites[0]
        for offset, site in enumerate(sites[1:], start=1):
            for right in range(site, first + offset, -1):
                self._swap(right - 1)
        for bond in range(first + 1, first + len(sites)):
            self._update(bond, bits)

    def _swap(self, site: int) -> None:
        left, right = self.order[site], self.order[site + 1]
        self.place[left], self.place[right] = site + 1, site
        self.order[site], self.order[site + 1] = right, left
        self._update(site + 1, 2)

    def _update(self, bond: int, bits: int) -> None:
        left, right = self.bits[bond - 1] + 1, self.bits[bond + 1] + 1
        self.bits[bond] = min(self.bits[bond] + bits, left, right)
        self.updates += 1
        self.svd += 2.0 ** (left + right + min(left, right))


def estimate(n_qubits: int, gates: Iterable[Gate]) -> BondEstimate:
    """Return what the circuit needs as a matrix-product state, its qubits in the order of their numbers.

    The linear order is kept; a gate between distant qubits moves the higher one down by swaps, as Aer does.
    """
    chain = Chain(n_qubits)
    for name, qubits, params in gates:
        if len(qubits) > 1 and (bits := schmidt_bits(name, params)):
            chain.apply(qubits, bits)
            if max(chain.bits) >= LARGEST_BITS:
                return BondEstimate(LARGEST_BITS, chain.updates, inf, inf)
    bonds = chain.bits
    amplitudes = sum(2.0 ** (1 + bonds[site] + bonds[site + 1]) for site in range(n_qubits))
    return BondEstimate(max(bonds), chain.updates, chain.svd, amplitudes)
