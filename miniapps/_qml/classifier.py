"""The variational classifier as dense linear algebra in JAX. Worker side.

The published circuit on ``n`` wires: each layer is a general rotation Rot(φ, θ, ω) = RZ(ω) RY(θ) RZ(φ) on every wire
and a ring of CNOTs (w, w+1), the last one back to wire 0. The logits are ⟨Z⟩ of the first wires, one a class; the loss
is the softmax cross-entropy averaged over the batch.

A layer of rotations is one tensor product. Split into three groups of wires it is three matrix products with matrices
of at most 32×32, over the whole batch at once. The ring of CNOTs permutes basis states, so that the last one and the
read-out together are signs: ⟨Z_k⟩ = Σ_x |ψ_x|² (-1)^(parity of the bits of x that feed bit k), one real matrix product.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from .backend import started

if TYPE_CHECKING:
    from collections.abc import Callable

Floats = NDArray[np.float64]
Precision = Literal["double", "single"]
_GROUP: Final = 5
"""Most wires in one tensor factor: a 32×32 matrix."""


def initial_weights(n_wires: int, layers: int, seed: int) -> Floats:
    """Return weights drawn uniformly from [0, 1), shape (layers, n_wires, 3), as the published classifier does."""
    return np.random.default_rng((seed, 7)).random((layers, n_wires, 3))


def groups(n_wires: int) -> tuple[int, ...]:
    """Return the sizes of three groups of neighbouring wires, as even as possible, larger ones first."""
    least, larger = divmod(n_wires, 3)
    return tuple(least + (i < larger) for i in range(3))


@lru_cache(maxsize=8)
def ring(n_wires: int) -> NDArray[np.int64]:
    """Return where the ring of CNOTs takes each basis state: ``new[ring[x]] = old[x]``."""
    states = np.arange(2**n_wires)
    for wire in range(n_wires):
        target = n_wires - 1 - (wire + 1) % n_wires
        states = states ^ (((states >> (n_wires - 1 - wire)) & 1) << target)
    return states


@lru_cache(maxsize=8)
def signs(n_wires: int, classes: int) -> Floats:
    """Return (-1)^(bit k after the ring) for each basis state before it, shape (2ⁿ, classes)."""
    after = ring(n_wires)[:, None] >> (n_wires - 1 - np.arange(classes))
    return np.asarray(1.0 - 2.0 * (after & 1), dtype=np.float64)


def logits(weights: Any, states: Any, classes: int) -> Any:
    """Return ⟨Z⟩ of the first ``classes`` wires for a batch of states.

    Parameters
    ----------
    weights
        Shape (layers, n, 3), real; its precision is that of the whole computation.
    states
        Shape (batch, 2ⁿ), real.
    """
    import jax.numpy as jnp

    n = weights.shape[1]
    complex_type = jnp.complex64 if weights.dtype == jnp.float32 else jnp.complex128
    amplitudes = states.astype(weights.dtype)
    back = jnp.asarray(np.argsort(ring(n)))
    for layer in range(weights.shape[0]):
        if layer:
            amplitudes = amplitudes[:, back]
        amplitudes = _rotated(amplitudes, weights[layer].astype(weights.dtype), complex_type)
    chances = jnp.real(amplitudes) ** 2 + jnp.imag(amplitudes) ** 2
    return chances @ jnp.asarray(signs(n, classes), weights.dtype)


def _rotated(amplitudes: Any, angles: Any, complex_type: Any) -> Any:
    """Apply the rotations of a layer to real or complex amplitudes: one matrix product for each group of wires."""
    import jax.numpy as jnp

    n = angles.shape[0]
    unitaries = _rotations(angles).astype(complex_type)
    first, second, third = (_kron(unitaries, *span) for span in _spans(n))
    shape = (len(amplitudes), first.shape[0], second.shape[0], third.shape[0])
    state = _last_axis(third, amplitudes.reshape(shape))
    state = jnp.einsum("jm,bimk->bijk", second, state)
    state = jnp.einsum("ij,bjk->bik", first, state.reshape(*shape[:2], -1))
    return state.reshape(amplitudes.shape)


def _last_axis(matrix: Any, amplitudes: Any) -> Any:
    """Return ``amplitudes @ matrix.T``; for real amplitudes as one real product, with half the multiplications."""
    import jax
    import jax.numpy as jnp

    if jnp.iscomplexobj(amplitudes):
        return amplitudes @ matrix.T
    parts = amplitudes @ jnp.concatenate([matrix.real, matrix.imag]).T
    return jax.lax.complex(parts[..., : len(matrix)], parts[..., len(matrix) :])


def _spans(n: int) -> list[tuple[int, int]]:
    ends = np.cumsum((0, *groups(n))).tolist()
    return list(pairwise(ends))


def _kron(unitaries: Any, start: int, stop: int) -> Any:
    import jax.numpy as jnp

    product = unitaries[start]
    for wire in range(start + 1, stop):
        product = jnp.kron(product, unitaries[wire])
    return product


def _rotations(angles: Any) -> Any:
    """Return Rot(φ, θ, ω) of each row, shape (n, 3) to (n, 2, 2)."""
    import jax.numpy as jnp

    phi, theta, omega = angles[:, 0], angles[:, 1], angles[:, 2]
    c, s = jnp.cos(theta / 2), jnp.sin(theta / 2)
    plus, minus = jnp.exp(0.5j * (phi + omega)), jnp.exp(0.5j * (phi - omega))
    upper = jnp.stack([jnp.conj(plus) * c, -minus * s], -1)
    lower = jnp.stack([jnp.conj(minus) * s, plus * c], -1)
    return jnp.stack([upper, lower], -2)


def loss(weights: Any, states: Any, labels: Any, classes: int) -> tuple[Any, Any]:
    """Return the mean cross-entropy of a batch, and its logits."""
    found = logits(weights, states, classes)
    return cross_entropy(found, labels), found


def cross_entropy(found: Any, labels: Any) -> Any:
    """Return the mean softmax cross-entropy of logits, shape (batch, classes), with labels, shape (batch,)."""
    import jax
    import jax.numpy as jnp

    rows = jax.nn.log_softmax(found)
    return -jnp.mean(jnp.take_along_axis(rows, labels[:, None], axis=1))


def real(precision: Precision) -> Any:
    """Return the type of real numbers of a precision."""
    return np.float64 if precision == "double" else np.float32


@lru_cache(maxsize=16)
def step(classes: int, learning_rate: float) -> Callable[..., Any]:
    """Return the compiled training step ``(weights, optimiser, states, labels) -> (…)``.

    Returns
    -------
    function
        Gives loss, gradient, share of right answers before the update, new weights, new state of Adam.
    """
    import optax

    jax = started()
    jnp = jax.numpy
    adam = optax.adam(learning_rate)

    def one(weights: Any, optimiser: Any, states: Any, labels: Any) -> tuple[Any, ...]:
        (value, found), gradient = jax.value_and_grad(loss, has_aux=True)(weights, states, labels, classes)
        updates, optimiser = adam.update(gradient, optimiser, weights)
        right = jnp.mean((jnp.argmax(found, axis=1) == labels).astype(weights.dtype))
        return value, gradient, right, optax.apply_updates(weights, updates), optimiser

    compiled: Callable[..., Any] = jax.jit(one)
    return compiled


@lru_cache(maxsize=4)
def gradient_of(classes: int) -> Callable[..., Any]:
    """Return the compiled ``(weights, states, labels) -> ((loss, logits), gradient)`` of a batch."""
    jax = started()

    def one(weights: Any, states: Any, labels: Any) -> Any:
        return jax.value_and_grad(loss, has_aux=True)(weights, states, labels, classes)

    compiled: Callable[..., Any] = jax.jit(one)
    return compiled


@lru_cache(maxsize=4)
def predictor(classes: int) -> Callable[..., Any]:
    """Return the compiled ``(weights, states) -> logits``."""
    jax = started()
    compiled: Callable[..., Any] = jax.jit(lambda weights, states: logits(weights, states, classes))
    return compiled
