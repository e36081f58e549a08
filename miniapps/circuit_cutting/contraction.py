"""One contraction over all cuts, instead of a loop over the rows of the decomposition. Both sides; opt_einsum."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .plan import CutPlan

Tables = Sequence[NDArray[Any]]
"""For each fragment: parts of the observable first, then one axis for each of its ends."""
Links = Sequence[NDArray[Any]] | None
"""For each cut the matrix between the axes of its sides; None if the sides share one axis."""


def value(plan: CutPlan, tables: Tables, links: Links = None) -> complex:
    """Return Σ_terms coefficient · contraction of the fragments' tables over all cuts."""
    total = 0j
    for term in plan.terms:
        chosen = [table[part] for table, part in zip(tables, term.parts, strict=True)]
        total += term.coefficient * complex(_contract(plan, chosen, links, None))
    return total


def gradients(plan: CutPlan, tables: Tables, links: Links) -> list[NDArray[Any]]:
    """Return the derivative of `value` by every number of every table."""
    found = [np.zeros(table.shape) for table in tables]
    for term in plan.terms:
        chosen = [table[part] for table, part in zip(tables, term.parts, strict=True)]
        for position, part in enumerate(term.parts):
            found[position][part] += term.coefficient * _contract(plan, chosen, links, position)
    return found


def absolute_weights(plan: CutPlan, tables: Tables, links: Sequence[NDArray[Any]]) -> list[NDArray[Any]]:
    """Return the largest possible |derivative| of `value` by every number, whatever the others are within ±1."""
    ones = [np.ones(table.shape) for table in tables]
    size = [np.abs(link) for link in links]
    positive = [np.zeros(table.shape) for table in tables]
    for term in plan.terms:
        chosen = [table[part] for table, part in zip(ones, term.parts, strict=True)]
        for position, part in enumerate(term.parts):
            positive[position][part] += abs(term.coefficient) * _contract(plan, chosen, size, position)
    return positive


def _contract(plan: CutPlan, chosen: Tables, links: Links, without: int | None) -> Any:
    """Contract one table a fragment; ``without`` one, the result has its axes."""
    linked = links is not None
    labels = [tuple(2 * e.cut + (e.side if linked else 0) for e in f.ends) for f in plan.fragments]
    arrays = [table for position, table in enumerate(chosen) if position != without]
    inputs = [names for position, names in enumerate(labels) if position != without]
    if links is not None:
        arrays += links
        inputs += [(2 * cut, 2 * cut + 1) for cut in range(len(plan.cuts))]
    output = () if without is None else labels[without]
    if not arrays:
        return np.ones(())
    expression = _expression(tuple(inputs), tuple(array.shape for array in arrays), output)
    return expression(*arrays)


@lru_cache(maxsize=1024)
def _expression(
    inputs: tuple[tuple[int, ...], ...], shapes: tuple[tuple[int, ...], ...], output: tuple[int, ...]
) -> Any:
    """Return the contraction with its order found once; cotengra is tried by opt_einsum's rules only if it is wide."""
    import opt_einsum

    letters = {
        label: opt_einsum.get_symbol(i) for i, label in enumerate(sorted({x for names in inputs for x in names}))
    }
    text = ",".join("".join(letters[x] for x in names) for names in inputs)
    text += "->" + "".join(letters[x] for x in output)
    return opt_einsum.contract_expression(text, *shapes, optimize="auto")
