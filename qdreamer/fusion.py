"""How often a state-vector simulator passes over its state: what Aer's gate fusion leaves of a gate list.

Below `THRESHOLD` qubits Aer applies gate by gate. From there on (Aer 0.18, ``src/transpile/fusion.hpp``) it puts runs
of diagonal gates together, gives every two-qubit gate what its neighbours do on the same pair, and merges neighbouring
results where its own cost table says that it pays. The same rules are followed here, on names and qubits alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from .bonds import Gate

THRESHOLD = 14
"""Aer fuses from this number of qubits."""
WIDEST = 5
_LEAST_DIAGONAL = 3
_COSTS = {1: 1.0, 2: 1.0, 3: 1.1, 4: 3.0}
"""Aer's price of a pass by the qubits of its gate, in passes of a small one; wider ones never pay."""
_MOST_QUBITS = 40
"""Wider states fit nowhere; their passes are not worth counting."""
_DIAGONAL = frozenset({"id", "z", "s", "sdg", "t", "tdg", "p", "u1", "rz", "cz", "cp", "cu1", "crz", "rzz", "ccz"})

_Unit = tuple[frozenset[int], bool]
"""Qubits of a pass, and whether it may still be merged with others."""


def passes(n_qubits: int, gates: Sequence[Gate]) -> float:
    """Return how many passes of a small gate over 2ⁿ amplitudes the circuit costs after fusion."""
    if not THRESHOLD <= n_qubits <= _MOST_QUBITS:
        return float(len(gates))
    return _merged(_paired(_diagonals(gates)))


def _diagonals(gates: Sequence[Gate]) -> list[_Unit]:
    """Replace runs of diagonal gates by passes on up to `WIDEST` qubits, if they are on three qubits or more."""
    found: list[_Unit] = []
    run: list[frozenset[int]] = []
    for name, qubits, _ in gates:
        own = frozenset(qubits)
        if name in _DIAGONAL:
            if run and len(frozenset().union(*run) | own) > WIDEST:
                found += _closed(run)
                run = []
            run.append(own)
        else:
            found += [*_closed(run), (own, True)]
            run = []
    return found + _closed(run)


def _closed(run: Sequence[frozenset[int]]) -> list[_Unit]:
    together = frozenset[int]().union(*run)
    return [(together, False)] if len(together) >= _LEAST_DIAGONAL else [(own, True) for own in run]


def _paired(units: Sequence[_Unit]) -> list[_Unit]:
    """Give each gate on two qubits those before and after it that act within its pair and that it can reach."""
    gone = [False] * len(units)
    for place, (pair, free) in enumerate(units):
        if gone[place] or not free or len(pair) != 2:
            continue
        for way in (range(place - 1, -1, -1), range(place + 1, len(units))):
            open_ = set(pair)
            for other in way:
                if gone[other] or not units[other][0] & pair:
                    continue
                if units[other][1] and units[other][0] <= open_:
                    gone[other] = True
                    continue
                open_ -= units[other][0]
                if not open_:
                    break
    return [unit for unit, lost in zip(units, gone, strict=True) if not lost]


def _merged(units: Sequence[_Unit]) -> float:
    """Return the least cost of merging neighbours, by dynamic programming over the list."""
    best = [0.0]
    for last in range(len(units)):
        cheapest, together = inf, frozenset[int]()
        for first in range(last, -1, -1):
            qubits, free = units[first]
            if not free:
                cheapest = min(cheapest, best[first] + 1.0) if first == last else cheapest
                break
            together |= qubits
            if len(together) not in _COSTS:
                break
            cheapest = min(cheapest, best[first] + _COSTS[len(together)])
        best.append(cheapest if cheapest < inf else best[last] + 1.0)
    return best[-1]
