"""A small decoder-only transformer that proposes sequences of operators, and its loss, in JAX. Worker side.

GPT-QE (Nakaji et al., arXiv:2401.09253): the logits of a sequence's operators add up to what the model takes for the
circuit's energy, so that likely sequences, those of low logits, are those of low energy. Weights travel as one vector
of single precision; sizes are static, so each size is compiled once for a process.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from .._qml.backend import DeviceKind, device, started

Weights = NDArray[np.float32]
"""All weights, shape (N,)."""
_SPREAD: Final = 0.08
"""Standard deviation of the first weights."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """The shape of a model.

    Attributes
    ----------
    operators, length
        Size of the vocabulary, without the token that starts a sequence; operators of a sequence.
    width, heads, blocks
        Of the residual stream, of each attention, and how many blocks of attention and perceptron there are.
    """

    operators: int
    length: int
    width: int
    heads: int
    blocks: int

    def shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        """Yield name and shape of every array of weights, in the order of the vector."""
        w = self.width
        yield "token", (self.operators + 1, w)
        yield "place", (self.length, w)
        yield "out", (w, self.operators)
        for block in range(self.blocks):
            yield f"qkv{block}", (w, 3 * w)
            yield f"joined{block}", (w, w)
            yield f"wide{block}", (w, 4 * w)
            yield f"narrow{block}", (4 * w, w)

    @property
    def weights(self) -> int:
        """Length of the vector of weights."""
        return sum(rows * columns for _, (rows, columns) in self.shapes())


def first_weights(sizes: Sizes, seed: int) -> Weights:
    """Return random weights, shape (N,)."""
    rng = np.random.default_rng((seed, 31))
    return (_SPREAD * rng.standard_normal(sizes.weights)).astype(np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Model:
    """Sizes, weights, shape (N,), and what computes."""

    sizes: Sizes
    weights: Weights
    kind: DeviceKind


def propose(model: Model, numbers: Sequence[int], seed: int, coldness: float) -> NDArray[np.int32]:
    """Draw sequences, shape (B, T).

    Parameters
    ----------
    model
        What proposes.
    numbers
        Number of each sequence: it settles the random numbers of that sequence, whichever are drawn beside it.
    seed
        Of all random numbers.
    coldness
        Inverse temperature.
    """
    shape = model.sizes.length, model.sizes.operators
    noise = np.stack([np.random.default_rng((seed, number)).gumbel(size=shape) for number in numbers])
    with started().default_device(device(model.kind)):
        given = model.weights, noise.astype(np.float32), np.float32(coldness)
        return np.asarray(_compiled().propose(model.sizes, *given), np.int32)


def gradient(model: Model, sequences: NDArray[np.int32], targets: NDArray[np.float32]) -> tuple[float, Weights]:
    """Return the mean squared distance of summed logits and targets, and its gradient, shape (N,).

    Parameters
    ----------
    model
        Whose logits.
    sequences, targets
        Shape (B, T), and what their logits are to add up to, shape (B,).
    """
    with started().default_device(device(model.kind)):
        loss, slopes = _compiled().gradient(model.sizes, model.weights, sequences, targets)
        return float(loss), np.asarray(slopes)


@dataclass(frozen=True, slots=True)
class _Compiled:
    propose: Any
    gradient: Any


@lru_cache(maxsize=1)
def _compiled() -> _Compiled:
    """Return the functions of `_Model` compiled on demand, for sizes as their first argument."""
    jax = started()

    @partial(jax.jit, static_argnums=0)
    def drawn(sizes: Sizes, weights: Any, noise: Any, coldness: Any) -> Any:
        begun = jax.numpy.full((len(noise), sizes.length + 1), sizes.operators, jax.numpy.int32)

        def step(place: Any, sequences: Any) -> Any:
            found = logits(sizes, weights, sequences[:, :-1])
            scores = jax.lax.dynamic_index_in_dim(noise - coldness * found, place, axis=1, keepdims=False)
            tokens = scores.argmax(axis=1).astype(jax.numpy.int32)  # with Gumbel noise: a sample of the softmax
            return jax.lax.dynamic_update_index_in_dim(sequences, tokens, place + 1, axis=1)

        return jax.lax.fori_loop(0, sizes.length, step, begun)[:, 1:]

    def loss(weights: Any, sizes: Sizes, sequences: Any, targets: Any) -> Any:
        begin = jax.numpy.full((len(sequences), 1), sizes.operators, jax.numpy.int32)
        found = logits(sizes, weights, jax.numpy.concatenate([begin, sequences[:, :-1]], axis=1))
        chosen = jax.numpy.take_along_axis(found, sequences[:, :, None], axis=2)
        return jax.numpy.mean((chosen.sum(axis=(1, 2)) - targets) ** 2)

    @partial(jax.jit, static_argnums=0)
    def slopes(sizes: Sizes, weights: Any, sequences: Any, targets: Any) -> Any:
        return jax.value_and_grad(loss)(weights, sizes, sequences, targets)

    return _Compiled(drawn, slopes)


def logits(sizes: Sizes, weights: Any, tokens: Any) -> Any:
    """Return the logits of what follows each token, shape (B, T, V), of sequences that begin with the token V."""
    np_, model = started().numpy, _arrays(sizes, weights)
    stream = model["token"][tokens] + model["place"][: tokens.shape[1]]
    visible = np_.tril(np_.ones((tokens.shape[1],) * 2, bool))
    for block in range(sizes.blocks):
        stream = stream + _attention(sizes, model, block, (_normal(stream), visible))
        inner = started().nn.gelu(_normal(stream) @ model[f"wide{block}"])
        stream = stream + inner @ model[f"narrow{block}"]
    return _normal(stream) @ model["out"]


def _arrays(sizes: Sizes, weights: Any) -> dict[str, Any]:
    found, begin = {}, 0
    for name, (rows, columns) in sizes.shapes():
        found[name] = weights[begin : begin + rows * columns].reshape(rows, columns)
        begin += rows * columns
    return found


def _normal(stream: Any) -> Any:
    centred = stream - stream.mean(-1, keepdims=True)
    return centred / started().numpy.sqrt((centred**2).mean(-1, keepdims=True) + 1e-5)


def _attention(sizes: Sizes, model: dict[str, Any], block: int, given: tuple[Any, Any]) -> Any:
    """Return causal self-attention of a stream, shape (B, T, width)."""
    jax, (stream, visible) = started(), given
    each = sizes.width // sizes.heads
    parts = jax.numpy.split(stream @ model[f"qkv{block}"], 3, axis=-1)
    query, key, value = (part.reshape(*part.shape[:-1], sizes.heads, each) for part in parts)
    scores = jax.numpy.einsum("bihd,bjhd->bhij", query, key) / np.float32(np.sqrt(each))
    shares = jax.nn.softmax(jax.numpy.where(visible, scores, -1e9), axis=-1)
    return jax.numpy.einsum("bhij,bjhd->bihd", shares, value).reshape(stream.shape) @ model[f"joined{block}"]
