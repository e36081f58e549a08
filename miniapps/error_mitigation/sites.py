"""What was counted on one device, and what follows from it. Driver side.

Devices differ in their noise, so each has variants, read-out errors and a result of its own; results are then combined.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from math import sqrt
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from .estimators import Estimator, corrected, estimator, parity, read_out, split
from .variants import Variant, preparations

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .params import ErrorMitigation

Vector = NDArray[np.float64]
_CALIBRATION: Final = 0.2
"""Part of the shots that tells the read-out's errors."""
_STEP: Final = 1e-6
"""Of numerical derivatives by an error of the read-out."""
_PREPARED: Final = (-2, -1)
Item = tuple[int, Variant, int]
"""Place, variant, shots."""


@dataclass(frozen=True, slots=True)
class Result:
    """A value with its standard error."""

    value: float
    error: float


@dataclass(slots=True)
class Site:
    """One device, or the simulator of all workers.

    Attributes
    ----------
    name
        Of the device; None if any may be used.
    estimator
        The technique.
    counts
        Of each variant by its place among the technique's, and of the read-out's two prepared states by -2 and -1.
    """

    name: str | None
    params: ErrorMitigation
    estimator: Estimator
    counts: dict[int, Vector] = field(default_factory=dict)

    def plan(self, shots: int, number: int) -> list[Item]:
        """Return the places, the variants and the shots of a round."""
        self.estimator.renew(number)
        some = list(enumerate(self.estimator.variants))
        shares = self._shares(number)
        if self.params.uses("readout"):
            some += zip(_PREPARED, preparations(self.params), strict=True)
            shares = np.concatenate([(1 - _CALIBRATION) * shares, np.full(2, _CALIBRATION / 2)])
        parts = split(shots, shares) if shots else [0] * len(some)
        return [(*one, part) for one, part, share in zip(some, parts, shares, strict=True) if share > 0]

    def _shares(self, number: int) -> Vector:
        """Return the parts of a round: even at first, then in proportion to what each variant adds to the variance."""
        even = self.estimator.shares()
        if number == 0 or self.params.split == "even" or not self._known():
            return even
        means, variances = self._means(self._weights())
        shots = np.array([self.counts[place].sum() for place in range(len(means))])
        needs = np.abs(self.estimator.gradient(means)) * np.sqrt(variances * shots)
        needs = np.maximum(needs, needs.max() / 100)  # nobody is left out for good because of one lucky round
        return np.asarray(needs / needs.sum()) if needs.sum() > 0 else even

    def _known(self) -> bool:
        return all(place in self.counts for place in range(len(self.estimator.variants)))

    def add(self, place: int, counts: Vector) -> None:
        """Add what was counted."""
        self.counts[place] = self.counts[place] + counts if place in self.counts and self.params.shots else counts

    def result(self) -> Result:
        """Return the mitigated value."""
        technique = self.estimator
        means, variances = self._means(self._weights())
        gradient = technique.gradient(means)
        variance = float(gradient**2 @ variances) + technique.spread(means, variances)
        return Result(technique.value(means), sqrt(variance + self._calibration_variance()))

    def raw(self) -> Result:
        """Return the value of the circuit itself, without mitigation."""
        means, variances = self._means(parity(len(self.params.measured())))
        return Result(float(means[0]), sqrt(variances[0]))

    def _means(self, weights: Vector) -> tuple[Vector, Vector]:
        """Return mean values of the variants and their variances, for these values of the outcomes."""
        table = np.array([self.counts[place] for place in range(len(self.estimator.variants))])
        shots = table.sum(axis=1)
        means = table @ weights / shots
        spread = np.maximum(0, table @ weights**2 / shots - means**2)
        return means, spread / np.maximum(shots - 1, 1) if self.params.shots else np.zeros_like(means)

    def _weights(self) -> Vector:
        return corrected(self._read_out()[0]) if self.params.uses("readout") else parity(len(self.params.measured()))

    def _read_out(self) -> tuple[Vector, Vector]:
        zeros, ones = (self.counts[place] for place in _PREPARED)
        return read_out(zeros, ones)

    def _calibration_variance(self) -> float:
        """Return the part of the variance that the read-out's own calibration brings, to first order."""
        if not self.params.uses("readout"):
            return 0.0
        errors, variances = self._read_out()
        middle, total = self.estimator.value(self._means(corrected(errors))[0]), 0.0
        for place in zip(*np.nonzero(variances), strict=True):
            moved = errors.copy()
            moved[place] += _STEP
            slope = (self.estimator.value(self._means(corrected(moved))[0]) - middle) / _STEP
            total += float(slope**2 * variances[place])
        return total


def sites(params: ErrorMitigation) -> list[Site]:
    """Return the devices of a case."""
    return [Site(name, params, estimator(params)) for name in params.device_names() or (None,)]


def combined(results: Sequence[Result]) -> Result:
    """Return the mean weighted by the inverse variances; of exact values the plain mean."""
    errors = np.array([one.error for one in results])
    weights = 1 / errors**2 if errors.all() else np.ones(len(results))
    weights = weights / weights.sum()
    value = float(weights @ [one.value for one in results])
    return Result(value, float(np.sqrt(weights**2 @ errors**2)))


def portions(some: Sequence[Site], shots: int, number: int, *, optimal: bool) -> list[int]:
    """Divide a round's shots over devices: evenly, or by the precision that a shot has had on each."""
    params = some[0].params
    least = params.least_shots() // (len(some) * params.rounds)
    if number == 0 or not optimal or len(some) == 1:
        return split(shots, np.ones(len(some)), least)
    spent = np.array([sum(counts.sum() for counts in site.counts.values()) for site in some])
    variances = np.array([site.result().error ** 2 for site in some])
    return split(shots, 1 / np.maximum(variances * spent, 1e-12), least)
