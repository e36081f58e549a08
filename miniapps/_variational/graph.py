"""Graphs, the cuts of all their partitions, and a classical relaxation to start from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from .problem import Problem

Edges = tuple[tuple[int, int], ...]
_SWEEPS: Final = 200
_ROUNDINGS: Final = 32
_REGULARISED: Final = 0.25
"""ε of warm starts: probability with which a node leaves its rounded side (Egger, Mareček and Woerner, Quantum 5, 479,
2021)."""


def edges(problem: Problem) -> Edges:
    """Return the edges: a ring, or a random 3-regular graph."""
    n = problem.n_qubits
    if problem.name == "ring":
        return tuple((node, (node + 1) % n) for node in range(n))
    import networkx as nx

    found = nx.random_regular_graph(3, n, seed=problem.seed).edges
    return tuple(sorted((min(a, b), max(a, b)) for a, b in found))


def cuts(n_nodes: int, of: Edges) -> NDArray[np.intp]:
    """Return the cut of every partition, shape (2ⁿ,); bit q of a partition's number is the side of node q."""
    partitions = np.arange(2**n_nodes)
    total = np.zeros(2**n_nodes, dtype=np.intp)
    for a, b in of:
        total += (partitions >> a ^ partitions >> b) & 1
    return total


def relaxed_sides(n_nodes: int, of: Edges, seed: int) -> tuple[float, ...]:
    """Return for each node the probability of side 1 with which a warm start begins.

    The semidefinite relaxation of the largest cut is solved in the factorised form of Burer and Monteiro by coordinate
    descent, rounded by random hyperplanes (Goemans and Williamson), and the best rounding is softened.
    """
    rng = np.random.default_rng((seed, 17))
    rank = int(np.ceil(np.sqrt(2 * n_nodes))) + 1
    vectors = rng.normal(size=(n_nodes, rank))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    neighbours = [[b if a == node else a for a, b in of if node in (a, b)] for node in range(n_nodes)]
    for _ in range(_SWEEPS):
        for node, beside in enumerate(neighbours):
            pull = vectors[beside].sum(axis=0)
            length = np.linalg.norm(pull)
            if length > 1e-12:
                vectors[node] = -pull / length
    sides = vectors @ rng.normal(size=(rank, _ROUNDINGS)) > 0
    best = max(sides.T, key=lambda side: _cut(side, of))
    return tuple(1 - _REGULARISED if side else _REGULARISED for side in best.tolist())


def _cut(side: NDArray[Any], of: Edges) -> int:
    return sum(bool(side[a] != side[b]) for a, b in of)
