"""Values of the study: observation, law, model, prediction.

A law is one design function: features in, one number per term out. The same function makes the rows of a fit and the
row of a prediction, so a model cannot be fitted with one count and used with another.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import exp
from typing import Literal

import numpy as np
import numpy.typing as npt

Features = Mapping[str, float]
Array = npt.NDArray[np.float64]
_LARGEST_LOG = 700.0
"""``exp`` of more overflows; nothing that takes 10³⁰⁴ seconds needs telling apart."""


class MissingFeature(LookupError):
    """A law was asked about a case without one of the features it reads."""


@dataclass(frozen=True, slots=True)
class Observation:
    """What was measured once.

    Attributes
    ----------
    features
        Counts and sizes by name; a law names those it reads.
    seconds
        Measured time in seconds, positive.
    """

    features: Features
    seconds: float

    def __post_init__(self) -> None:
        if not self.seconds > 0:
            raise ValueError(f"seconds = {self.seconds!r}: must be positive")


@dataclass(frozen=True, slots=True)
class Prediction:
    """A projected value.

    Attributes
    ----------
    value
        Expected seconds.
    low, high
        Interval of one further measurement at the level of its model.
    extrapolated
        True if a feature lies outside the range of the observations that the model was fitted to; the interval
        does not cover the risk that the law fails there.
    """

    value: float
    low: float
    high: float
    extrapolated: bool = False


@dataclass(frozen=True, slots=True)
class Law:
    """A formula that is linear in its coefficients.

    ``seconds = Σ coefficient · term(features)``, or with ``link = "log"`` its logarithm is linear:
    ``ln seconds = offset(features) + Σ coefficient · term(features)``.

    Attributes
    ----------
    name
        Name in the registry.
    summary
        The formula in one line.
    features
        Names it reads.
    terms
        Names of the terms, in order; the unit of a coefficient is seconds per term, or 1 under a logarithm.
    design
        Features to terms: ``len(terms)`` numbers, zero or more each.
    link
        What is linear: the seconds, or their natural logarithm.
    offset
        Part of the logarithm that has no coefficient; None means 0. Only with ``link = "log"``.
    """

    name: str
    summary: str
    features: tuple[str, ...]
    terms: tuple[str, ...]
    design: Callable[[Features], tuple[float, ...]]
    link: Literal["identity", "log"] = "identity"
    offset: Callable[[Features], float] | None = None

    def row(self, features: Features) -> Array:
        """Return the terms of one case, shape ``(len(terms),)``.

        Raises
        ------
        MissingFeature
            If the case lacks a feature; the message names it and those that are there.
        """
        missing = [name for name in self.features if name not in features]
        if missing:
            raise MissingFeature(
                f"law {self.name!r} needs {', '.join(missing)}; given: {', '.join(sorted(features)) or 'nothing'}"
            )
        return np.asarray(self.design(features), dtype=np.float64)

    def shift(self, features: Features) -> float:
        """Return the part of the logarithm that has no coefficient; 0 for a law of seconds."""
        return self.offset(features) if self.offset is not None else 0.0

    def matrix(self, cases: Sequence[Features]) -> Array:
        """Return the terms of many cases, shape ``(len(cases), len(terms))``."""
        return np.array([self.row(features) for features in cases]).reshape(len(cases), len(self.terms))


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """A law with its coefficients and how sure they are.

    Attributes
    ----------
    law
        The formula.
    coefficients
        Shape ``(terms,)``, zero or more.
    members
        Plausible other coefficients, shape ``(members, terms)``: bootstrap refits, or the corners of stated ranges.
    scatter
        Deviation of a measurement from its law that goes with each member, shape ``(members,)``: relative, or of the
        logarithm.
    level
        Share of the members that the interval of a prediction holds; 1.0 takes them all.
    ranges
        Smallest and largest value of each feature that was fitted; empty if nothing was.
    observations
        Number of observations behind the coefficients; 0 for typed-in ones.
    """

    law: Law
    coefficients: Array
    members: Array
    scatter: Array
    level: float
    ranges: Mapping[str, tuple[float, float]]
    observations: int

    def predict(self, features: Features) -> Prediction:
        """Return the projected seconds of one case.

        Raises
        ------
        MissingFeature
            If the case lacks a feature of the law.
        """
        row = self.law.row(features)
        if self.law.link == "log":
            shift = self.law.shift(features)
            spread = np.exp(np.minimum(self.members @ row + shift + self.scatter, _LARGEST_LOG))
            value = exp(min(float(self.coefficients @ row) + shift, _LARGEST_LOG))
        else:
            spread = (self.members @ row) * (1.0 + self.scatter)
            value = float(self.coefficients @ row)
        tail = (1.0 - self.level) / 2.0
        low, high = (float(q) for q in np.quantile(spread, [tail, 1.0 - tail]))
        return Prediction(value, min(low, value), max(high, value), self._outside(features))

    def _outside(self, features: Features) -> bool:
        return any(not low <= features[name] <= high for name, (low, high) in self.ranges.items())
