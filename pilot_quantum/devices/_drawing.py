"""Counts from what services answer: plain ones, or drawn from probabilities."""

from __future__ import annotations

import random
from bisect import bisect
from itertools import accumulate
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .base import Counts


def plain(counts: Any) -> Counts:
    """Return counts by bit string without spaces, as plain numbers."""
    return {str(bits).replace(" ", ""): int(number) for bits, number in dict(counts).items()}


def drawn(probabilities: Any, shots: int, seed: int) -> Counts:
    """Draw outcomes by their probabilities; the same seed draws the same."""
    table = {str(bits).replace(" ", ""): float(chance) for bits, chance in dict(probabilities).items()}
    keys, rng = sorted(table), random.Random(seed)
    steps = list(accumulate(table[key] for key in keys))
    counts: Counts = {}
    for _ in range(shots):
        outcome = keys[min(bisect(steps, rng.random() * steps[-1]), len(keys) - 1)]
        counts[outcome] = counts.get(outcome, 0) + 1
    return counts
