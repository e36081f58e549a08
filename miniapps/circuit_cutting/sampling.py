"""Finite shots: how they are dealt out, what they would have shown, and the standard error of the value. Both sides.

A subexperiment measures one signed Pauli string; its outcomes are ±1, so the number of +1 among ``n`` shots is
Binomial(n, (1+E)/2). Knowing E exactly, drawing from that distribution *is* sampling. Each part of the observable is
measured alone.

Standard errors are first order (delta method), with variances from (ups + 1)/(n + 2): never zero, and a little large.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import prod
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .basis import basis
from .contraction import Tables, absolute_weights, gradients, value
from .plan import CutPlan

_ROWS_AT_ONCE: Final = 1 << 20

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value with its standard error (0 if exact), and the shots it took."""

    value: float
    standard_error: float
    shots: int = 0


def tables_of(plan: CutPlan, grams: Sequence[NDArray[np.complex128]]) -> list[Floats]:
    """Return the exact value of every variant, from Gram numbers: an axis of parts, then an axis for each end."""
    found = []
    for fragment, gram in zip(plan.fragments, grams, strict=True):
        table: NDArray[Any] = gram
        for end in fragment.ends:  # contracts the first remaining end and appends its new axis at the back
            functional = basis(end.name, end.params).functionals[end.side]
            table = np.tensordot(table, functional, axes=([1], [1]))
        found.append(np.clip(table.real, -1.0, 1.0))
    return found


def links_of(plan: CutPlan) -> list[Floats]:
    """Return for each cut the coefficients of its pairs of local operations."""
    return [basis(cut.name, cut.params).link for cut in plan.cuts]


# ---------------------------------------------------------------- each distinct subexperiment once


def allotted(plan: CutPlan, shots: int) -> list[NDArray[np.int64]]:
    """Deal shots out to the distinct subexperiments, by how much each can change the value.

    Parameters
    ----------
    shots
        Mean number for each; the total is this times their number.

    Returns
    -------
    list
        For each fragment, shots by part and variant; at least one where the value depends on it at all.
    """
    sizes = [_shape(plan, position) for position in range(len(plan.fragments))]
    weights = absolute_weights(plan, [np.zeros(size) for size in sizes], links_of(plan))
    total = sum(float(weight.sum()) for weight in weights)
    wanted = shots * sum(weight.size for weight in weights)
    return [np.ceil(wanted * weight / total).astype(np.int64) for weight in weights]


def _shape(plan: CutPlan, position: int) -> tuple[int, ...]:
    fragment = plan.fragments[position]
    ends = (len(basis(end.name, end.params).locals[end.side]) for end in fragment.ends)
    return (len(fragment.paulis), *ends)


def drawn(exact: Tables, shots: Sequence[NDArray[np.int64]], seed: int) -> list[NDArray[np.int64]]:
    """Return how many +1 each subexperiment would have shown."""
    rng = np.random.default_rng(seed)
    return [rng.binomial(n, (1 + table) / 2) for table, n in zip(exact, shots, strict=True)]


def estimate(plan: CutPlan, ups: Sequence[NDArray[Any]], shots: Sequence[NDArray[np.int64]]) -> Estimate:
    """Return the value from the numbers of +1, with its standard error.

    A subexperiment with 0 shots is one whose value is known to be 1.
    """
    links = links_of(plan)
    pairs = list(zip(ups, shots, strict=True))
    tables = [np.where(n > 0, 2 * u / np.maximum(n, 1) - 1, 1.0) for u, n in pairs]
    slopes = gradients(plan, tables, links)
    variance = sum(float((slope**2 * variances(u, n)).sum()) for slope, (u, n) in zip(slopes, pairs, strict=True))
    return Estimate(value(plan, tables, links).real, variance**0.5, int(sum(n.sum() for n in shots)))


def predicted_error(plan: CutPlan, exact: Tables, shots: Sequence[NDArray[np.int64]]) -> float:
    """Return the standard error of `estimate` that these shots will give on average, from exact values."""
    slopes = gradients(plan, exact, links_of(plan))
    parts = zip(slopes, exact, shots, strict=True)
    return float(sum((slope**2 * (1 - table**2) / np.maximum(n, 1)).sum() for slope, table, n in parts) ** 0.5)


def variances(ups: Any, shots: Any) -> Floats:
    """Return the variance of 2·ups/shots − 1; 0 where nothing was sampled."""
    chance = (ups + 1) / (shots + 2)
    return np.where(shots > 0, 4 * chance * (1 - chance) / np.maximum(shots, 1), 0.0)


# ---------------------------------------------------------------- every published row for itself


def by_rows(plan: CutPlan, exact: Tables, shots: int, seed: int) -> Estimate:
    """Return what the published way would have shown: every row samples every fragment anew, with ``shots`` each.

    Raises
    ------
    MemoryError
        If the rows are too many to hold.
    """
    choice, factor = _rows(plan)
    rng = np.random.default_rng(seed)
    total, variance, used = 0.0, 0.0, 0
    for term in plan.terms:
        chances = np.empty((len(plan.fragments), factor.size))
        for position, (fragment, table, part) in enumerate(zip(plan.fragments, exact, term.parts, strict=True)):
            where = tuple(choice[end.cut][:, end.side] for end in fragment.ends)
            chances[position] = (1 + table[part][where]) / 2
        ups = rng.binomial(shots, chances)
        means = 2 * ups / shots - 1
        others = _products_of_others(means)
        relative = (variances(ups, shots) * others**2).sum(axis=0)
        total += term.coefficient * float(factor @ (means[0] * others[0]))
        variance += term.coefficient**2 * float(factor**2 @ relative)
        used += shots * means.size
    return Estimate(total, variance**0.5, used)


def _products_of_others(values: Floats) -> Floats:
    """Return for each row of an array the product of all other rows."""
    before, after = np.ones_like(values), np.ones_like(values)
    np.cumprod(values[:-1], axis=0, out=before[1:])
    np.cumprod(values[:0:-1], axis=0, out=after[-2::-1])
    return before * after


def predicted_error_by_rows(plan: CutPlan, exact: Tables, shots: int) -> float:
    """Return the standard error of `by_rows` on average, for an observable of one Pauli string."""
    choice, factor = _rows(plan)
    term = plan.terms[0]
    values = np.empty((len(plan.fragments), factor.size))
    for position, (fragment, table, part) in enumerate(zip(plan.fragments, exact, term.parts, strict=True)):
        values[position] = table[part][tuple(choice[end.cut][:, end.side] for end in fragment.ends)]
    relative = ((1 - values**2) / shots * _products_of_others(values) ** 2).sum(axis=0)
    return float(((term.coefficient * factor) ** 2 * relative).sum() ** 0.5)


def _rows(plan: CutPlan) -> tuple[list[NDArray[np.int64]], Floats]:
    """Return for each cut the local operations of both sides in every joint row, and the rows' coefficients."""
    bases = [basis(cut.name, cut.params) for cut in plan.cuts]
    sizes = [found.coefficients.size for found in bases]
    rows = prod(sizes)
    if rows > 32 * _ROWS_AT_ONCE:
        raise MemoryError(f"statistics = 'rows': {rows:.2g} joint rows are too many to draw; use 'distinct'")
    index = np.indices(sizes).reshape(len(sizes), rows)
    factor: Floats = np.ones(index.shape[1])
    for found, mine in zip(bases, index, strict=True):
        factor = factor * found.coefficients[mine]
    return [found.rows[mine] for found, mine in zip(bases, index, strict=True)], factor
