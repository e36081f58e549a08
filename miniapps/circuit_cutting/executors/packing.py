"""Dealing work out: items of known cost into portions of about equal cost, the longest first."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heapify, heapreplace
from math import ceil
from typing import Final, TypeVar

_PORTION_S: Final = 0.025
"""Portions are at least so long, if there is work for it: a task costs some tenths of a millisecond."""
_PORTIONS_A_SLOT: Final = 4

Item = TypeVar("Item")


def packed(items: Sequence[Item], costs: Sequence[float], slots: int) -> list[tuple[list[Item], float]]:
    """Return items with the cost of each portion, longest portion first.

    Each item goes to the portion that is least loaded so far, expensive items first (Graham's rule, which keeps the
    largest portion within 4/3 of the best). There are no more than some portions for each slot.
    """
    total = sum(costs)
    wanted = min(len(items), max(1, min(ceil(total / _PORTION_S), _PORTIONS_A_SLOT * slots)))
    portions: list[tuple[float, int]] = [(0.0, number) for number in range(wanted)]
    heapify(portions)
    held: list[list[Item]] = [[] for _ in range(wanted)]
    loads = [0.0] * wanted
    for i in sorted(range(len(items)), key=lambda i: -costs[i]):
        load, number = portions[0]
        held[number].append(items[i])
        loads[number] = load + costs[i]
        heapreplace(portions, (loads[number], number))
    order = sorted(range(wanted), key=lambda number: -loads[number])
    return [(held[number], loads[number]) for number in order if held[number]]
