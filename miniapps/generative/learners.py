"""What proposes circuits and learns from their scores, one class for each model. Driver side.

A learner computes nothing itself but the optimiser's step: it says which tasks to run, and takes their answers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final, Protocol, final

import numpy as np
from numpy.typing import NDArray

from pilot_quantum import Resources

from .._variational.problem import MOLECULES
from . import born, kernels, pool, transformer

if TYPE_CHECKING:
    from .params import Generative

Call = tuple[Callable[..., Any], tuple[Any, ...]]
"""A kernel and its arguments."""
_Evaluated = tuple[NDArray[Any], NDArray[Any]]
"""Circuits, one a row, and their scores."""
_REPLAY, _CONTROL, _START = 37, 41, 43
"""Streams of random numbers."""
_LONGEST_STEP: Final = 1.0
"""Norm to which a gradient is clipped."""


class Learner(Protocol):
    """What the exchange asks of a model.

    ``recipe`` says what a circuit means, ``evaluate`` is the kernel that scores circuits, ``repeats`` whether equal
    proposals have equal scores that are worth keeping, ``lowest`` the score that cannot be passed, ``resources`` what
    a task of the trainer needs.
    """

    recipe: Any
    evaluate: Callable[..., Any]
    repeats: bool
    lowest: float
    resources: Resources

    def propose(self, number: int) -> list[Call]:
        """Return the tasks whose answers, one after the other, are batch ``number`` of proposals."""
        ...

    def remember(self, proposals: NDArray[Any], scores: NDArray[np.float64], extra: Sequence[Any]) -> int:
        """Take an evaluated batch; return how many updates follow from it."""
        ...

    def learn(self) -> list[Call]:
        """Return the tasks of the next update."""
        ...

    def follow(self, answers: Sequence[tuple[float, NDArray[Any]]]) -> None:
        """Update the model with the answers of those tasks: losses and gradients."""
        ...

    def random(self, rng: np.random.Generator, count: int) -> NDArray[Any]:
        """Return proposals that nothing was learnt for: the control."""
        ...

    def rehearsal(self) -> list[Call]:
        """Return calls that make a worker compile what it may be asked for; empty if there is nothing to compile."""
        ...


def learner(params: Generative) -> Learner:
    """Return the learner of a case."""
    return Transformer(params) if params.model == "gqe" else BornMachine(params)


def control_rng(params: Generative) -> np.random.Generator:
    """Return the random numbers of the control."""
    return np.random.default_rng((params.seed, _CONTROL))


@final
class Adam:
    """Adam of optax on one vector, its gradient clipped."""

    def __init__(self, weights: NDArray[Any], rate: float) -> None:
        import optax

        self.weights = weights
        rule = optax.chain(optax.clip_by_global_norm(_LONGEST_STEP), optax.adam(rate))
        self._state, self._update = rule.init(weights), _jitted(rule.update)

    def follow(self, gradient: NDArray[Any]) -> None:
        """Move against a gradient."""
        step, self._state = self._update(gradient.astype(self.weights.dtype), self._state)
        self.weights = self.weights + np.asarray(step, self.weights.dtype)


def _jitted(function: Callable[..., Any]) -> Callable[..., Any]:
    from .._qml.backend import started

    made: Callable[..., Any] = started().jit(function)
    return made


@final
class Transformer:
    """GPT-QE: a transformer whose logits of a sequence add up to its energy."""

    evaluate = staticmethod(kernels.evaluate_sequences)
    repeats = True

    def __init__(self, params: Generative) -> None:
        self._params = params
        self.recipe = pool.Recipe(params.problem, params.times)
        self.lowest = MOLECULES[params.problem].exact
        self.resources = Resources(gpus=1.0 if params.trainer == "gpu" else 0.0)
        self._sizes = transformer.Sizes(self.recipe.size, params.length, params.width, params.heads, params.blocks)
        self._adam = Adam(transformer.first_weights(self._sizes, params.seed), params.learning_rate or 0.0)
        self._idle = float(pool.energies(self.recipe, np.zeros((1, 1), np.int32))[0])
        self._rng = np.random.default_rng((params.seed, _REPLAY))
        self._fresh: _Evaluated = (np.zeros((0, params.length), np.int32), np.zeros(0))
        self._kept: _Evaluated = self._fresh

    def propose(self, number: int) -> list[Call]:
        """See `Learner`."""
        params = self._params
        first, last = params.coldness
        coldness = first + (last - first) * number / max(1, params.batches - 1)
        numbers = range(number * params.batch, (number + 1) * params.batch)
        size = params.batch // params.shards
        model = self._model()
        shards = [numbers[start : start + size] for start in range(0, params.batch, size)]
        return [(kernels.propose_sequences, (model, shard, params.seed, coldness)) for shard in shards]

    def remember(self, proposals: NDArray[Any], scores: NDArray[np.float64], extra: Sequence[Any]) -> int:
        """See `Learner`."""
        del extra
        self._fresh = (proposals, scores)
        size = max(self._params.replay, 1)
        sequences, energies = self._kept
        self._kept = np.concatenate([sequences, proposals])[-size:], np.concatenate([energies, scores])[-size:]
        return self._params.updates

    def learn(self) -> list[Call]:
        """See `Learner`."""
        sequences, energies = self._fresh
        if self._params.replay:
            again = self._rng.integers(0, len(self._kept[1]), len(energies))
            sequences = np.concatenate([sequences, self._kept[0][again]])
            energies = np.concatenate([energies, self._kept[1][again]])
        targets = (self._params.scale * (energies - self._idle)).astype(np.float32)
        shards, model = self._params.shards, self._model()
        return [(kernels.learn_sequences, (model, sequences[k::shards], targets[k::shards])) for k in range(shards)]

    def _model(self) -> transformer.Model:
        return transformer.Model(self._sizes, self._adam.weights, self._params.trainer)

    def follow(self, answers: Sequence[tuple[float, NDArray[Any]]]) -> None:
        """See `Learner`."""
        self._adam.follow(np.mean([gradient for _, gradient in answers], axis=0))

    def random(self, rng: np.random.Generator, count: int) -> NDArray[Any]:
        """See `Learner`: every operator equally likely."""
        return rng.integers(0, self.recipe.size, (count, self._params.length), dtype=np.int32)

    def rehearsal(self) -> list[Call]:
        """See `Learner`."""
        shard = self._params.batch // self._params.shards * (2 if self._params.replay else 1)
        given = np.zeros((shard, self._params.length), np.int32), np.zeros(shard, np.float32)
        return [self.propose(0)[0], (kernels.learn_sequences, (self._model(), *given))]


@final
class BornMachine:
    """A circuit Born machine: gradients by the parameter-shift rule, whose circuits are the proposals."""

    evaluate = staticmethod(kernels.evaluate_angles)
    repeats = False
    lowest = 0.0
    resources = Resources()

    def __init__(self, params: Generative) -> None:
        name: Any = params.problem
        self.recipe = born.Recipe(name, params.n_qubits or 0, params.layers, params.loss)
        rng = np.random.default_rng((params.seed, _START))
        self._adam = Adam(rng.uniform(-0.5, 0.5, self.recipe.n_parameters), params.learning_rate or 0.0)
        self._found: NDArray[np.float64] = np.zeros((0, 0))

    def propose(self, number: int) -> list[Call]:
        """See `Learner`."""
        del number
        return [(kernels.propose_angles, (self._adam.weights,))]

    def remember(self, proposals: NDArray[Any], scores: NDArray[np.float64], extra: Sequence[Any]) -> int:
        """See `Learner`."""
        del proposals, scores
        self._found = np.stack(list(extra))
        return 1

    def learn(self) -> list[Call]:
        """See `Learner`."""
        return [(kernels.learn_angles, (self.recipe, self._found))]

    def follow(self, answers: Sequence[tuple[float, NDArray[Any]]]) -> None:
        """See `Learner`."""
        self._adam.follow(answers[0][1])

    def random(self, rng: np.random.Generator, count: int) -> NDArray[Any]:
        """See `Learner`: every angle equally likely."""
        return rng.uniform(0, 2 * np.pi, (count, self.recipe.n_parameters))

    def rehearsal(self) -> list[Call]:
        """See `Learner`: nothing is compiled."""
        return []
