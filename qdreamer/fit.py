"""Fitting a law to observations: non-negative least squares on relative errors, with a residual bootstrap.

A law of logarithms is fitted to logarithms, whose errors are relative as they are.

Relative errors, because times span decades and a model that is 5 % off everywhere is wanted, not one that is exact for
the longest case. Non-negative, because a negative cost of a gate or a task has no meaning and extrapolates absurdly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import nnls

from .model import Array, Law, Model, Observation

if TYPE_CHECKING:
    from collections.abc import Sequence

MEMBERS = 200
LEVEL = 0.95


class TooFewObservations(ValueError):
    """There are too few observations for the terms of the law; the message has both numbers."""


def fit(law: Law, observations: Sequence[Observation], *, seed: int = 0, members: int = MEMBERS) -> Model:
    """Fit the coefficients of a law.

    Parameters
    ----------
    law
        The formula.
    observations
        More than the law has terms.
    seed
        Seed of the bootstrap; the same observations and seed give the same model.
    members
        Number of bootstrap refits.

    Returns
    -------
    Model
        Its interval (95 %) is that of one further measurement within the observed ranges.

    Raises
    ------
    TooFewObservations
        If there are not more observations than terms.
    MissingFeature
        If an observation lacks a feature of the law.
    """
    if len(observations) <= len(law.terms):
        raise TooFewObservations(
            f"law {law.name!r} has {len(law.terms)} terms and needs more observations than that; "
            f"{len(observations)} given"
        )
    seconds = np.array([o.seconds for o in observations])
    matrix = law.matrix([o.features for o in observations])
    if law.link == "log":
        target = np.log(seconds) - np.array([law.shift(o.features) for o in observations])
        coefficients = _solve(matrix, target)
        refits, scatter = _bootstrap_log(matrix, target, coefficients, seed=seed, members=members)
    else:
        relative = matrix / seconds[:, None]
        coefficients = _solve(relative, np.ones(len(seconds)))
        refits, scatter = _bootstrap(relative, coefficients, seed=seed, members=members)
    ranges = {name: _range(observations, name) for name in law.features}
    return Model(law, coefficients, refits, scatter, LEVEL, ranges, len(observations))


def _solve(matrix: Array, target: Array) -> Array:
    # Columns of equal length: the terms differ by many decades, which spoils the solver's tolerance.
    scale = np.linalg.norm(matrix, axis=0)
    scale[scale == 0] = 1.0
    solution: Array = nnls(matrix / scale, target)[0] / scale
    return solution


def _bootstrap(relative: Array, coefficients: Array, *, seed: int, members: int) -> tuple[Array, Array]:
    """Refit to resampled residuals; return coefficients ``(members, terms)`` and a residual for each."""
    predicted = relative @ coefficients
    # Residuals of a fit are smaller than those of new data, by the degrees of freedom that the fit used up.
    spare = len(predicted) - np.count_nonzero(coefficients)
    residuals = (1.0 - predicted) / np.maximum(predicted, 1e-12) * np.sqrt(len(predicted) / max(spare, 1))
    rng = np.random.default_rng(seed)
    drawn = rng.choice(residuals, size=(members, len(residuals)))
    refits = np.array([_solve(relative, predicted * (1.0 + noise)) for noise in drawn])
    return refits, rng.choice(residuals, size=members)


def _bootstrap_log(
    matrix: Array, target: Array, coefficients: Array, *, seed: int, members: int
) -> tuple[Array, Array]:
    """Do what `_bootstrap` does for logarithms, whose residuals add instead of multiply."""
    predicted = matrix @ coefficients
    spare = len(predicted) - np.count_nonzero(coefficients)
    residuals = (target - predicted) * np.sqrt(len(predicted) / max(spare, 1))
    rng = np.random.default_rng(seed)
    drawn = rng.choice(residuals, size=(members, len(residuals)))
    refits = np.array([_solve(matrix, predicted + noise) for noise in drawn])
    return refits, rng.choice(residuals, size=members)


def _range(observations: Sequence[Observation], name: str) -> tuple[float, float]:
    values = [o.features[name] for o in observations]
    return min(values), max(values)
