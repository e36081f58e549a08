"""Pieces of neighbouring qubits, the best of them by dynamic programming.

The qubits stand in a row: in their own order, and in the one that reverse Cuthill-McKee finds. Cutting the row into
intervals cuts exactly the gates between different intervals, so the costs of intervals add up.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise
from math import inf, log2
from typing import TYPE_CHECKING, Final

import numpy as np

from ..plan import Cuts
from ..schmidt import rank

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from ..._circuits.gates import Circuit
    from . import Limits

_OVERHEAD: Final = 2.0**10
"""Cost of one more fragment, in the multiplications of its kernel."""
_MOST_BITS: Final = 400.0


@dataclass(frozen=True, slots=True)
class _Row:
    """Pieces of one order: for an interval [i, j), twice its share of the cuts, and its cost."""

    order: list[int]
    halves: NDArray[np.int64]
    cost: NDArray[np.float64]


def find(circuit: Circuit, limits: Limits) -> Cuts | None:
    """Return the cuts between the best intervals; None if none keep to the limits."""
    best: tuple[tuple[float, float], Cuts] | None = None
    for row in _rows(circuit):
        found = _fewest(row, limits) if limits.cuts is None else _bounded(row, limits)
        if found is not None and (best is None or found[0] < best[0]):
            labels = {q: piece for piece, (i, j) in enumerate(found[1]) for q in row.order[i:j]}
            best = found[0], between(circuit, labels)
    return None if best is None else best[1]


def between(circuit: Circuit, labels: dict[int, int]) -> Cuts:
    """Return the cuts of all gates whose qubits have different labels."""
    pairs = ((i, on) for i, (_, on, _) in enumerate(circuit.gates) if len(on) > 1)
    return Cuts(tuple(i for i, (first, *others) in pairs if any(labels[q] != labels[first] for q in others)))


@lru_cache(maxsize=2)
def _rows(circuit: Circuit) -> tuple[_Row, ...]:
    """Return the pieces of each order; whoever asks with one limit often asks with the next."""
    pairs = [(pair, log2(rank(name, params))) for name, pair, params in circuit.gates if len(pair) == 2]
    return tuple(_row(circuit, order, pairs) for order in _orders(circuit))


def forget() -> None:
    """Forget the pieces of the last circuits."""
    _rows.cache_clear()


def _orders(circuit: Circuit) -> list[list[int]]:
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import reverse_cuthill_mckee

    n = circuit.n_qubits
    own = list(range(n))
    pairs = {pair for _, pair, _ in circuit.gates if len(pair) == 2}
    if all(abs(a - b) == 1 for a, b in pairs):
        return [own]
    graph = np.zeros((n, n), dtype=np.int8)
    for a, b in pairs:
        graph[a, b] = graph[b, a] = 1
    return [own, reverse_cuthill_mckee(csr_array(graph), symmetric_mode=True).tolist()]


def _row(circuit: Circuit, order: list[int], pairs: Sequence[tuple[Sequence[int], float]]) -> _Row:
    n = circuit.n_qubits
    place = {q: i for i, q in enumerate(order)}
    counts, bits = np.zeros((n, n)), np.zeros((n, n))
    sites = np.sort([(place[a], place[b]) for (a, b), _ in pairs], axis=1).reshape(-1, 2).T
    np.add.at(counts, (sites[0], sites[1]), 1)
    np.add.at(bits, (sites[0], sites[1]), [of for _, of in pairs])
    gates = 1 + len(circuit.gates) / n
    i, j = np.indices((n + 1, n + 1))
    width = np.clip(j - i, 0, _MOST_BITS)
    ends = np.clip(_leaving(bits), 0, _MOST_BITS)
    work = 2.0**width * (4 * gates * width * 2.0**ends + 2.0 ** (2 * ends))
    return _Row(order, _leaving(counts).astype(np.int64), work + _OVERHEAD)


def _leaving(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each interval [i, j) the weight of gates with exactly one qubit in it."""
    n = len(weights)
    both = weights + weights.T
    sums = np.zeros((n + 1, n + 1))
    sums[1:, 1:] = both.cumsum(0).cumsum(1)
    degree = np.concatenate([[0.0], both.sum(1).cumsum()])
    i, j = np.indices((n + 1, n + 1))
    inside = sums[j, j] - sums[i, j] - sums[j, i] + sums[i, i]
    return np.where(j > i, degree[j] - degree[i] - inside, 0.0)


_Found = tuple[tuple[float, float], list[tuple[int, int]]]


def _fewest(row: _Row, limits: Limits) -> _Found | None:
    """Minimise the cost over all rows of intervals; if the size is limited, the number of cuts first."""
    n = len(row.order)
    size = limits.size or n
    first = 1.0 if limits.size is not None else 0.0
    best: list[tuple[float, float]] = [(0.0, 0.0)] + [(inf, inf)] * n
    before = [0] * (n + 1)
    for j in range(1, n + 1):
        for i in range(max(0, j - size), j):
            total = best[i][0] + first * float(row.halves[i, j]), best[i][1] + float(row.cost[i, j])
            if total < best[j]:
                best[j], before[j] = total, i
    return (best[n], _walk(before, n)) if best[n][1] < inf else None


def _equal_pieces(row: _Row, most: int) -> float:
    """Return the cost of pieces of equal width, which no interval of the best ones exceeds; inf if they need more."""
    n, pieces = len(row.order), most // 2 + 1
    edges = [n * piece // pieces for piece in range(pieces + 1)]
    pairs = [(i, j) for i, j in pairwise(edges) if i < j]
    return float(sum(row.cost[p] for p in pairs)) if sum(row.halves[p] for p in pairs) <= most else inf


def _walk(before: list[int], j: int) -> list[tuple[int, int]]:
    pieces = []
    while j:
        pieces.append((before[j], j))
        j = before[j]
    return pieces[::-1]


def _bounded(row: _Row, limits: Limits) -> _Found | None:
    """Minimise the cost with at most so many cuts; at least two intervals if any cut is allowed."""
    n, most = len(row.order), 2 * (limits.cuts or 0)
    size = min(limits.size or n, n - 1 if most else n)
    halves, cost, enough = row.halves.tolist(), row.cost.tolist(), _equal_pieces(row, most)
    best: list[dict[int, float]] = [{0: 0.0}] + [{} for _ in range(n)]  # halves used up: cost
    before: list[dict[int, int]] = [{} for _ in range(n + 1)]
    for j in range(1, n + 1):
        mine, origin = best[j], before[j]
        for i in range(max(0, j - size), j):
            left = most - halves[i][j]
            if left >= 0 and cost[i][j] <= enough:
                for used, spent in best[i].items():
                    now = used + halves[i][j]
                    if used <= left and spent + cost[i][j] < mine.get(now, inf):
                        mine[now], origin[now] = spent + cost[i][j], i
    if not best[n]:
        return None
    used = min(best[n], key=lambda halves_used: (best[n][halves_used], halves_used))
    lowest, pieces, j = best[n][used], [], n
    while j:
        i = before[j][used]
        pieces.append((i, j))
        used -= halves[i][j]
        j = i
    return (0.0, lowest), pieces[::-1]
