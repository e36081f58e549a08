"""Optimisers behind one function: they ask for values or gradients and know nothing of where these come from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, final

import numpy as np
from numpy.typing import NDArray

from . import oracle

if TYPE_CHECKING:
    from .problem import Problem

Vector = NDArray[np.float64]
Ask = Callable[[Vector], Vector]
"""Parameters -> value and, if there is a gradient, its components: shape (1,) or (1 + P,)."""
DERIVATIVE_FREE: Final = ("cobyla",)
STEPWISE: Final = ("adam", "descent")


@dataclass(frozen=True, slots=True)
class Settings:
    """How to search.

    Attributes
    ----------
    optimiser
        ``"lbfgs"`` (scipy L-BFGS-B), ``"adam"`` or ``"descent"`` (optax), ``"cobyla"`` (scipy, without gradients).
    max_iterations
        Steps of the gradient methods, evaluations of COBYLA.
    learning_rate
        Of Adam and of descent.
    precision
        The search ends when no component of the gradient is larger, or the trust region of COBYLA smaller.
    """

    optimiser: str
    max_iterations: int
    learning_rate: float
    precision: float


@final
@dataclass(slots=True)
class Path:
    """Every evaluation of a search in order: its parameters, shape (P,), and its value."""

    points: list[Vector] = field(default_factory=list)
    values: list[float] = field(default_factory=list)

    def add(self, theta: Vector, value: float) -> None:
        """Take down one evaluation."""
        self.points.append(theta.copy())
        self.values.append(value)

    @property
    def best(self) -> tuple[float, Vector]:
        """Lowest value and where it was."""
        place = int(np.argmin(self.values))
        return self.values[place], self.points[place]

    def digest(self) -> str:
        """Return the SHA-256 of all points and values, as little-endian 64-bit numbers."""
        found = sha256(np.array(self.values, dtype="<f8").tobytes())
        found.update(np.array(self.points, dtype="<f8").tobytes())
        return found.hexdigest()


def start(problem: Problem, spread: float, seed: int) -> Vector:
    """Return where a search begins, shape (P,): Hartree-Fock, or the ramp of an annealing; displaced if asked."""
    p = problem.layers
    if problem.is_molecule:
        usual: Vector = np.zeros(oracle.n_parameters(problem))
    else:
        steps = (np.arange(p) + 0.5) / p
        usual = np.concatenate([0.2 + 0.5 * steps, 0.7 - 0.5 * steps])
    return usual + spread * np.random.default_rng((seed, 23)).normal(size=usual.size)


def minimise(ask: Ask, theta: Vector, settings: Settings) -> Path:
    """Search from ``theta`` and return every evaluation."""
    path = Path()

    def noted(point: Vector) -> Vector:
        answer = ask(np.asarray(point, dtype=float))
        path.add(point, float(answer[0]))
        return answer

    if settings.optimiser in STEPWISE:
        steps = Steps(settings, theta)
        while not steps.ended:
            steps.follow(noted(steps.theta))
    else:
        _scipy(noted, theta, settings)
    return path


def _scipy(ask: Ask, theta: Vector, settings: Settings) -> None:
    from scipy.optimize import minimize

    if settings.optimiser in DERIVATIVE_FREE:
        options: dict[str, Any] = {"maxiter": settings.max_iterations, "rhobeg": 0.2, "tol": settings.precision}
        minimize(lambda point: ask(point)[0], theta, method="COBYLA", options=options)
        return
    options = {"maxiter": settings.max_iterations, "gtol": settings.precision, "ftol": 1e-15}
    minimize(lambda point: _split(ask(point)), theta, jac=True, method="L-BFGS-B", options=options)


def _split(answer: Vector) -> tuple[float, Vector]:
    return float(answer[0]), answer[1:]


@final
class Steps:
    """A search that takes one gradient at a time: Adam or plain descent of optax, in double precision.

    Parameters
    ----------
    settings
        How to search.
    theta
        Where it begins, shape (P,).
    """

    def __init__(self, settings: Settings, theta: Vector) -> None:
        import jax
        import optax

        rules = {"adam": optax.adam, "descent": optax.sgd}
        self._settings, self._x64 = settings, jax.enable_x64
        with self._x64(True):
            rule = rules[settings.optimiser](settings.learning_rate)
            self._state = rule.init(jax.numpy.asarray(theta))
            self._update = jax.jit(rule.update)
        self.theta = theta.copy()
        self.taken = 0
        self.ended = False

    def follow(self, answer: Vector) -> None:
        """Take the value and gradient at ``theta`` and move, or end where the gradient is flat or patience is out."""
        gradient = answer[1:]
        self.taken += 1
        if np.abs(gradient).max() <= self._settings.precision or self.taken >= self._settings.max_iterations:
            self.ended = True
            return
        with self._x64(True):
            step, self._state = self._update(np.asarray(gradient), self._state)
        self.theta = self.theta + np.asarray(step)
