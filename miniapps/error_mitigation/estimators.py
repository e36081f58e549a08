"""From the values of variants to the one that is wanted, its variance, and what each variant should get. Driver side.

A technique is a function of the variants' mean values. Its gradient says how much each variant's shot noise counts:
with mean values of variance σᵢ² a shot, the variance of the result is Σ gᵢ² σᵢ² / nᵢ, which for a given Σ nᵢ is
smallest for nᵢ ∝ |gᵢ| σᵢ (Neyman 1934).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Final, Protocol, final

import numpy as np
from numpy.typing import NDArray

from . import variants
from .libraries import cirq_and_mitiq

if TYPE_CHECKING:
    from .params import ErrorMitigation
    from .variants import Variant

Vector = NDArray[np.float64]
_STEP: Final = 1e-5
"""Of numerical gradients: values are of the order of one."""


class Estimator(Protocol):
    """How the wanted value follows from the mean values of variants.

    Attributes
    ----------
    variants
        Distinct circuits; the first one is the circuit itself, without mitigation.
    asked
        Circuits that the technique asks for, equal ones as often as they occur.
    cost
        By what the standard error would grow at the same shots: γ of a cancellation, 1 if that is not known.
    """

    variants: list[Variant]
    asked: int
    cost: float

    def renew(self, number: int) -> None:
        """Choose the variants of the next round; ``number`` counts them."""
        ...

    def shares(self) -> Vector:
        """Return the even part of the shots of each variant; they add up to one."""
        ...

    def value(self, means: Vector) -> float:
        """Return the value that follows from the variants' mean values."""
        ...

    def gradient(self, means: Vector) -> Vector:
        """Return its derivatives."""
        ...

    def spread(self, means: Vector, variances: Vector) -> float:
        """Return the part of its variance that is due to the choice of variants, given their means' variances."""
        ...


@final
class Single:
    """The value of one variant: the circuit itself, or the last of two."""

    cost = 1.0

    def __init__(self, some: list[Variant]) -> None:
        self.variants, self.asked = some, len(some)

    def renew(self, number: int) -> None:
        """Choose nothing."""

    def shares(self) -> Vector:
        """Return equal parts."""
        return np.full(len(self.variants), 1.0 / len(self.variants))

    def value(self, means: Vector) -> float:
        """Return the last variant's value."""
        return float(means[-1])

    def gradient(self, means: Vector) -> Vector:
        """Return 1 for the last variant."""
        return np.asarray(np.eye(len(means))[-1])

    def spread(self, means: Vector, variances: Vector) -> float:  # noqa: ARG002 - the interface's
        """Return 0: nothing was drawn."""
        return 0.0


@final
class Extrapolation:
    """The value at no noise of a curve through the mean values at each scale factor, by mitiq."""

    cost = 1.0

    def __init__(self, params: ErrorMitigation) -> None:
        made = variants.folded(params)
        self.variants: list[Variant] = list(dict.fromkeys(one for some in made for one in some))
        self.asked = sum(len(some) for some in made)
        places = {one: number for number, one in enumerate(self.variants)}
        self._weights = np.zeros((len(made), len(self.variants)))
        for row, some in enumerate(made):
            for one in some:
                self._weights[row, places[one]] += 1 / len(some)
        self._scales = list(params.scales())
        zne = cirq_and_mitiq()[1].zne
        self._curve = {
            "linear": zne.LinearFactory.extrapolate,
            "richardson": zne.RichardsonFactory.extrapolate,
            "exponential": lambda scales, values: zne.ExpFactory.extrapolate(scales, values, asymptote=0.0),
        }[params.extrapolation or "richardson"]

    def renew(self, number: int) -> None:
        """Keep the foldings: they are the same in every round."""

    def shares(self) -> Vector:
        """Return equal parts for each scale factor, and within it by how often a folding occurs."""
        return np.asarray(self._weights.sum(axis=0) / len(self._weights))

    def value(self, means: Vector) -> float:
        """Return the curve at scale factor 0."""
        return float(self._curve(self._scales, list(self._weights @ means)))

    def gradient(self, means: Vector) -> Vector:
        """Return differences of the curve, since that of an exponential is not linear in its values."""
        values = self._weights @ means
        steps = _STEP * np.eye(len(values))
        curve = partial(self._curve, self._scales)
        slopes = [curve(list(values + step)) - curve(list(values - step)) for step in steps]
        return np.asarray(np.array(slopes) / (2 * _STEP) @ self._weights)

    def spread(self, means: Vector, variances: Vector) -> float:  # noqa: ARG002 - the interface's
        """Return 0: the foldings are part of the method."""
        return 0.0


@final
class Cancellation:
    """The mean over circuits drawn with probability |quasi-probability| / γ, with their signs, times γ.

    Equal circuits are run once, with their shots together.
    """

    def __init__(self, params: ErrorMitigation) -> None:
        self._params, self._program = params, variants.base(params)
        self.variants = [variants.Variant(self._program)]
        self._places: dict[bytes, int] = {b"": 0}
        self._signs: Vector = np.ones(1)
        self._drawn: Vector = np.zeros(1)
        self._now: Vector = np.zeros(1)
        self.asked, self.cost = 0, 1.0

    def renew(self, number: int) -> None:
        """Draw the circuits of a round; the mean is over those of all rounds."""
        frames, signs, self.cost = variants.drawn(self._params, self._program, number)
        found, first, counts = np.unique(frames, axis=0, return_index=True, return_counts=True)
        new: list[float] = []
        now: dict[int, int] = {}
        for row, place, count in zip(found, first, counts.tolist(), strict=True):
            frame = row.tobytes() if row.any() else b""
            number = self._places.setdefault(frame, len(self._places))
            if number == len(self.variants):
                self.variants.append(variants.Variant(self._program, frame))
                new.append(signs[place])
            now[number] = count
        self._signs = np.concatenate([self._signs, new])
        self._now = np.zeros(len(self.variants))
        self._now[list(now)] = list(now.values())
        self._drawn = np.pad(self._drawn, (0, len(new))) + self._now
        self.asked += len(frames)

    def shares(self) -> Vector:
        """Return parts by how often a circuit was drawn in this round; the circuit itself counts once at least."""
        parts = self._now.copy()
        parts[0] = max(parts[0], 1)
        return np.asarray(parts / parts.sum())

    def value(self, means: Vector) -> float:
        """Return the signed mean."""
        return float(self.gradient(means) @ means)

    def gradient(self, means: Vector) -> Vector:  # noqa: ARG002 - the interface's
        """Return the weights."""
        return np.asarray(self.cost * self._signs * self._drawn / self._drawn.sum())

    def spread(self, means: Vector, variances: Vector) -> float:
        """Return the variance of the mean of so many draws, of exact values."""
        number = self._drawn.sum()
        squares = self.cost**2 * (self._drawn @ (means**2 - variances)) / number
        return float(max(0.0, squares - self.value(means) ** 2) / (number - 1))


def estimator(params: ErrorMitigation) -> Estimator:
    """Return the technique of a case."""
    if params.uses("zne"):
        return Extrapolation(params)
    if params.uses("pec"):
        return Cancellation(params)
    plain = variants.Variant(variants.base(params))
    return Single([plain, variants.decoupled(params)] if params.uses("ddd") else [plain])


def parity(n_measured: int) -> Vector:
    """Return the value of each outcome: the product of Z over the measured qubits, shape (2ᵐ,)."""
    return np.asarray(1.0 - 2.0 * (np.bitwise_count(np.arange(2**n_measured)) & 1), dtype=np.float64)


def corrected(errors: Vector) -> Vector:
    """Return the values that outcomes have after the inverse of the confusion matrices, by mitiq; shape (2ᵐ,).

    Parameters
    ----------
    errors
        Of each measured qubit the probabilities that 0 is read as 1 and 1 as 0, shape (m, 2).
    """
    rem = cirq_and_mitiq()[1].rem
    matrices = [np.array([[1 - a, b], [a, 1 - b]]) for a, b in reversed(errors.tolist())]
    return np.asarray(parity(len(errors)) @ rem.generate_tensored_inverse_confusion_matrix(len(errors), matrices))


def read_out(zeros: Vector, ones: Vector) -> tuple[Vector, Vector]:
    """Return errors as in `corrected`, and their variances, from the counts of all qubits in 0 and all in 1.

    Exact probabilities, which add up to one, have no variance.
    """
    m = len(zeros).bit_length() - 1
    bits = (np.arange(2**m)[:, None] >> np.arange(m)) & 1
    shots = np.array([zeros.sum(), ones.sum()])
    errors = np.stack([zeros @ bits, ones @ (1 - bits)], axis=1) / shots
    exact = bool(np.allclose(shots, 1))
    return errors, np.zeros_like(errors) if exact else errors * (1 - errors) / (shots - 1)


def split(total: int, shares: Sequence[float] | Vector, least: int = 2) -> list[int]:
    """Divide shots by shares; whoever has a share gets ``least`` at least, and nothing is lost otherwise."""
    parts = np.asarray(shares, dtype=float)
    wanted = parts > 0
    rest = total - least * int(wanted.sum())
    ends = np.rint(np.cumsum(parts) / parts.sum() * rest).astype(int)
    return [int(n) for n in np.diff(ends, prepend=0) + least * wanted]
