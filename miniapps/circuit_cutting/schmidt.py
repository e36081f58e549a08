"""What a cut costs: the operator-Schmidt form of a gate, and how many circuits its published decomposition needs.

Both sides; numpy.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .._circuits.gates import matrix

WIRE: Final = "wire"
"""Name of a cut through a wire, beside the names of the gates."""
_NEGLIGIBLE: Final = 1e-12


@dataclass(frozen=True, slots=True)
class Price:
    """Counts of the quasi-probability decomposition that qiskit-addon-cutting publishes for a cut.

    Attributes
    ----------
    rows
        Terms of the decomposition.
    distinct
        Distinct local operations of each side.
    measuring
        How many of them measure.
    """

    rows: int
    distinct: tuple[int, int]
    measuring: tuple[int, int]


_ROTATION: Final = Price(6, (5, 5), (1, 1))
_SWAP: Final = Price(34, (22, 22), (6, 6))
_WIRE: Final = Price(8, (4, 6), (3, 0))


def price(name: str) -> Price:
    """Return the counts for a gate of two qubits, or for `WIRE`.

    All gates of operator-Schmidt rank 2 are locally a rotation about a product of two Paulis (Mitarai and Fujii 2021),
    a swap needs the general form, and a wire Peng et al.'s (2020).
    """
    return {WIRE: _WIRE, "swap": _SWAP}.get(name, _ROTATION)


@lru_cache(maxsize=4096)
def factors(name: str, params: tuple[float, ...]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return A and B with U = Σⱼ Aⱼ ⊗ Bⱼ, shapes (rank, 2, 2); A acts on the gate's first qubit.

    Of a wire, Σⱼ |j⟩⟨j|: A are the rows ⟨j|, shape (2, 1, 2), and B the columns |j⟩, shape (2, 2, 1).
    """
    if name == WIRE:
        one = np.eye(2, dtype=complex)
        return one.reshape(2, 1, 2), one.reshape(2, 2, 1)
    unitary = matrix(name, params).reshape(2, 2, 2, 2)  # out 1, out 0, in 1, in 0
    u, s, v = np.linalg.svd(unitary.transpose(1, 3, 0, 2).reshape(4, 4))
    rank = int(np.count_nonzero(s > _NEGLIGIBLE))
    root = np.sqrt(s[:rank])
    return (u[:, :rank] * root).T.reshape(rank, 2, 2), (v[:rank] * root[:, None]).reshape(rank, 2, 2)


def rank(name: str, params: tuple[float, ...]) -> int:
    """Return the operator-Schmidt rank of a gate of two qubits, or of a wire: 1, 2 or 4."""
    return len(factors(name, params)[0])
