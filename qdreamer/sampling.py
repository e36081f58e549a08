"""Standard errors of cut values by the delta method, and the shots that a target error needs.

The value is multilinear in the expectation values of the variants: ``v = Σ_r c_r Π_f E[f, v(r, f)]``. To first order
``Var v = Σ_(f,v) (∂v/∂E[f,v])² · (1 - E[f,v]²) / N[f,v]``. Before anything is measured derivatives and variances are
unknown; with |E| ≤ 1 they are at most

================  ==================================================  =====================
shots             variance, at most                                   executor
================  ==================================================  =====================
N for each row    Σ c_r² · F / N                                      ``reference``
N for each        Σ_f S_f / N, S_f = Σ_v (Σ_(r∋v) |c_r|)²             equal shots
N_f by weight     γ² · Σ_f 1 / N_f, N_f shots of a fragment together  ``distinct``
================  ==================================================  =====================
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, sqrt

import numpy as np

from .model import Array
from .plan_features import PlanFeatures

_ROUNDING = 1.0 - 1e-12
SAMPLED = frozenset({"reference", "distinct", "branching"})
"""Executors whose values come from shots by their nature; the others can be exact."""


def error_bound(executor: str, plan: PlanFeatures, shots: int, norm: float = 1.0) -> float:
    """Return the largest standard error of a cut value.

    Parameters
    ----------
    executor
        ``reference`` (each published row anew), ``distinct`` or ``branching`` (by weight), ``equal`` (variants alike).
    plan
        The cuts.
    shots
        For each subexperiment on average: ``distinct`` has ``shots · variants`` in all, allotted by weight.
    norm
        Σ|coefficient| of the observable.
    """
    return norm * sqrt(_variance(executor, plan) / max(1, shots))


def shots_for(executor: str, plan: PlanFeatures, target_error: float, norm: float = 1.0) -> int:
    """Return the shots for each subexperiment (see `error_bound`) that surely reach a standard error."""
    if not target_error > 0:
        raise ValueError(f"target_error = {target_error!r}: must be positive")
    return max(1, ceil(_variance(executor, plan) * (norm / target_error) ** 2 * _ROUNDING))


def _variance(executor: str, plan: PlanFeatures) -> float:
    """Return the bound of the variance at one shot each."""
    if executor == "reference":
        return plan.square_norm * len(plan.fragments)
    if executor == "equal":
        return sum(fragment.sensitivity for fragment in plan.fragments)
    return plan.gamma**2 * sum(1.0 / max(1, fragment.variants) for fragment in plan.fragments)


def uncut_error(shots: int, norm: float = 1.0) -> float:
    """Return the largest standard error of an uncut value: each Pauli string measured ``shots`` times."""
    return norm / sqrt(max(1, shots))


def uncut_shots(target_error: float, norm: float = 1.0) -> int:
    """Return the shots that surely reach a standard error without a cut."""
    return max(1, ceil((norm / target_error) ** 2 * _ROUNDING))


def contracted(weights: Array, values: Sequence[Array], rows: Sequence[Sequence[int]]) -> float:
    """Return ``Σ_r c_r Π_f E[f, v(r, f)]``.

    Parameters
    ----------
    weights
        ``c_r``, shape (rows,).
    values
        Expectation values of the variants of each fragment.
    rows
        Variant of each fragment in each row, shape (rows, fragments).
    """
    chosen = np.array([value[np.asarray(rows)[:, f]] for f, value in enumerate(values)])
    return float(np.sum(weights * chosen.prod(axis=0)))


def delta_variance(
    weights: Array, values: Sequence[Array], rows: Sequence[Sequence[int]], shots: Sequence[Array]
) -> float:
    """Return the variance of `contracted` to first order, each variant's value estimated once from its shots.

    Parameters
    ----------
    weights, values, rows
        As in `contracted`.
    shots
        Shots of the variants of each fragment, shaped as ``values``.
    """
    index = np.asarray(rows)
    chosen = np.array([value[index[:, f]] for f, value in enumerate(values)])
    variance = 0.0
    for f, value in enumerate(values):
        others = weights * np.delete(chosen, f, axis=0).prod(axis=0)
        derivative = np.bincount(index[:, f], weights=others, minlength=len(value))
        variance += float(np.sum(derivative**2 * (1.0 - value**2) / shots[f]))
    return variance


def device_bias(counts: Mapping[str, int], two_qubit_error: float, readout_error: float) -> float:
    """Return 1 - Π(1 - error): how much of a value a noisy device may lose; ``counts`` has ``gates`` and ``measured``.

    A depolarising picture: every fault makes the outcome random.
    """
    kept = (1.0 - two_qubit_error) ** counts["gates"] * (1.0 - 2.0 * readout_error) ** counts["measured"]
    return 1.0 - max(0.0, kept)
