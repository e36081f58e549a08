"""Quantum circuit Born machines: a circuit whose outcomes are to follow a known distribution (numpy). Worker side.

A layer rotates every qubit about X and Z and every pair of neighbours on a ring about ZZ (Benedetti et al., npj Quantum
Information 5, 45, 2019). Distributions are exact; the losses are the squared maximum mean discrepancy with Gaussian
kernels (Liu and Wang, PRA 98, 062324, 2018), and the Kullback-Leibler divergence.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from .._variational.ansatz import Ansatz
from .._variational.gates import TWO_TERMS, Gate, Mixer, Phase
from .images import bars_and_stripes

Distributions = NDArray[np.float64]
"""Probabilities of the outcomes of circuits, shape (B, 2ⁿ)."""
_BANDWIDTHS: Final = (0.25, 1.0, 4.0)
"""Variances of the kernels, in units of distance squared: of bits that differ, or of places on a line."""
_LEAST: Final = 1e-12
"""What a probability counts at least in a logarithm."""
_NARROW: Final = 8
"""Standard deviations of the Gaussian in the range of its outcomes."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A Born machine and what it is to learn.

    Attributes
    ----------
    name
        ``"bars_and_stripes"`` (n = 4, 6 or 9 pixels) or ``"gaussian"`` (of 2ⁿ places).
    n_qubits, layers
        Width, and repetitions of the circuit's layer.
    loss
        ``"mmd"`` or ``"kl"``.
    """

    name: Literal["bars_and_stripes", "gaussian"]
    n_qubits: int
    layers: int
    loss: Literal["mmd", "kl"]

    @property
    def n_parameters(self) -> int:
        """Angles of the circuit."""
        return 3 * self.n_qubits * self.layers


@lru_cache(maxsize=8)
def target(recipe: Recipe) -> NDArray[np.float64]:
    """Return the distribution that is to be learnt, shape (2ⁿ,)."""
    size = 2**recipe.n_qubits
    if recipe.name == "gaussian":
        places = np.arange(size) - (size - 1) / 2
        weights = np.exp(-0.5 * (places * _NARROW / size) ** 2)
    else:
        weights = np.zeros(size)
        weights[bars_and_stripes(recipe.n_qubits)] = 1
    found: NDArray[np.float64] = weights / weights.sum()
    return found


@lru_cache(maxsize=8)
def circuit(recipe: Recipe) -> Ansatz:
    """Return the circuit; its parameters are for each layer the angles about X, about Z and about ZZ."""
    n, bits = recipe.n_qubits, np.arange(2**recipe.n_qubits)
    halves = np.array([0.5, -0.5])
    layer: list[Gate] = [Mixer(((q, 1.0, 0.0),), TWO_TERMS) for q in range(n)]
    layer += [Phase(halves, bits >> q & 1, TWO_TERMS) for q in range(n)]
    layer += [Phase(halves, (bits >> q ^ bits >> (q + 1) % n) & 1, TWO_TERMS) for q in range(n)]
    initial = np.zeros(2**n, dtype=complex)
    initial[0] = 1
    count = recipe.n_parameters
    return Ansatz(initial, tuple(layer) * recipe.layers, np.arange(count), np.ones(count), ())


def distributions(recipe: Recipe, angles: NDArray[np.float64]) -> Distributions:
    """Return the outcomes of circuits with parameters of shape (B, P)."""
    made = circuit(recipe)
    states = made.states(made.angles(np.ascontiguousarray(angles.T)))
    return np.ascontiguousarray((states.real**2 + states.imag**2).T)


def losses(recipe: Recipe, found: Distributions) -> NDArray[np.float64]:
    """Return the loss of each distribution, shape (B,)."""
    wanted = target(recipe)
    if recipe.loss == "kl":
        inside = wanted > 0
        logs = np.log(wanted[inside] / np.maximum(found[:, inside], _LEAST))
        diverging: NDArray[np.float64] = (wanted[inside] * logs).sum(axis=1)
        return diverging
    apart = found - wanted
    return np.array([float(row @ _kernel(recipe) @ row) for row in apart])


def shifted(angles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the parameters of the circuits of one gradient, shape (1 + 2P, P): as they are, then ±π/2 for each."""
    count = angles.size
    found = np.tile(angles, (1 + 2 * count, 1))
    found[1 : 1 + count] += np.pi / 2 * np.eye(count)
    found[1 + count :] -= np.pi / 2 * np.eye(count)
    return found


def slopes(recipe: Recipe, found: Distributions) -> NDArray[np.float64]:
    """Return the gradient of the loss, shape (P,), of the outcomes of the circuits of `shifted`."""
    count = recipe.n_parameters
    moved = 0.5 * (found[1 : 1 + count] - found[1 + count :])
    wanted, here = target(recipe), found[0]
    if recipe.loss == "kl":
        slope = np.where(wanted > 0, -wanted / np.maximum(here, _LEAST), 0.0)
    else:
        slope = 2 * _kernel(recipe) @ (here - wanted)
    answer: NDArray[np.float64] = moved @ slope
    return answer


def variation(recipe: Recipe, found: NDArray[np.float64]) -> float:
    """Return the total variation distance of a distribution, shape (2ⁿ,), from what is to be learnt."""
    return float(0.5 * np.abs(found - target(recipe)).sum())


@lru_cache(maxsize=8)
def _kernel(recipe: Recipe) -> NDArray[np.float64]:
    """Return the mean of the kernels between all outcomes, shape (2ⁿ, 2ⁿ)."""
    places = np.arange(2**recipe.n_qubits)
    if recipe.name == "gaussian":
        distance = ((places[:, None] - places) * (_NARROW / places.size)) ** 2
    else:
        distance = np.bitwise_count(places[:, None] ^ places).astype(float)
    found: NDArray[np.float64] = np.mean([np.exp(-distance / (2 * width)) for width in _BANDWIDTHS], axis=0)
    return found
