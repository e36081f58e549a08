"""The program as XLA computations: values, gradient of a weighted sum, Jacobian. Worker side.

The gradient is adjoint and un-computes the state: it holds the state, the observable applied to it, and what one step
needs, whatever the depth. See Jones and Gacon, arXiv:2009.02823.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.sharding import Mesh, PartitionSpec

from . import amplitudes as on
from .amplitudes import Shard
from .program import ALL, Kind, Program, Roll, StepData, roll, stacked

Array = Any


class Static(NamedTuple):
    """What a compiled computation depends on besides the shapes of its arguments."""

    shard: Shard
    kinds: tuple[Kind, ...]
    roll: Roll
    mode: str


class Inputs(NamedTuple):
    """The arguments of a computation: head, repeated pattern (stacked), tail of the steps; start; observables."""

    start: Array
    head: list[StepData]
    body: list[StepData]
    tail: list[StepData]
    masks: Array
    weights: Array


def inputs(made: Program, parameters: Sequence[float], weights: Sequence[float]) -> Inputs:
    """Return the arguments for these parameters; ``weights`` of the observables make the scalar loss."""
    steps, rolled = made.data(parameters), roll(made.kinds)
    end = rolled.first + rolled.period * rolled.count
    places = range(rolled.period if rolled.count else 0)
    body = [stacked(steps[rolled.first + place : end : rolled.period]) for place in places]
    signed = np.array(weights, float) * np.array(made.layout.signs, float)
    return Inputs(made.start(parameters), steps[: rolled.first], body, steps[end:], made.masks, signed)


def computation(made: Program, mode: str, devices: Sequence[Any]) -> Any:
    """Return the jitted computation of a mode on 2ᵖ devices.

    ``"expval"`` returns the values of the observables, shape (m,), without their signs; ``"vjp"`` also the derivatives
    of their weighted sum by each angle, in the shape of the inputs; ``"jacobian"`` those of each observable, with a
    first axis of m.
    """
    static = Static(made.shard, made.kinds, roll(made.kinds), mode)
    run: Any = partial(_run, static)
    if made.shard.n_global:
        mesh = Mesh(np.array(devices).reshape((2,) * made.shard.n_global), made.shard.axes)
        whole = PartitionSpec()
        run = jax.shard_map(run, mesh=mesh, in_specs=whole, out_specs=whole, check_vma=False)
    return jax.jit(run)


def _run(static: Static, given: Inputs) -> Any:
    shard = static.shard
    state = _forward(static, given)
    values = on.parity_sums(shard, on.probabilities(state), given.masks)
    if static.mode == "expval":
        return on.summed(shard, values)
    if static.mode == "vjp":
        pulled = on.weighted(shard, state, given.masks, given.weights)
        return on.summed(shard, (values, _backward(static, given, state, pulled)))

    def of_one(entry: tuple[Array, Array]) -> Any:
        mask, sign = entry
        pulled = on.weighted(shard, state, mask[None, :], sign[None])
        return on.summed(shard, _backward(static, given, state, pulled))

    return on.summed(shard, values), lax.map(of_one, (given.masks, given.weights))


def _forward(static: Static, given: Inputs) -> Array:
    first, period, shard = static.roll.first, static.roll.period, static.shard
    state = on.product_state(shard, given.start)
    end = first + period * static.roll.count
    for kind, data in zip(static.kinds[:first], given.head, strict=True):
        state = _step(shard, kind, data, state)

    def once(carried: Array, steps: list[StepData]) -> tuple[Array, None]:
        for kind, data in zip(static.kinds[first : first + period], steps, strict=True):
            carried = _step(shard, kind, data, carried)
        return carried, None

    if given.body:
        state, _ = lax.scan(once, state, given.body)
    for kind, data in zip(static.kinds[end:], given.tail, strict=True):
        state = _step(shard, kind, data, state)
    return state


def _backward(static: Static, given: Inputs, state: Array, pulled: Array) -> Any:
    """Return derivatives by (start, head, body, tail), this shard's part."""
    first, period, shard = static.roll.first, static.roll.period, static.shard
    end = first + period * static.roll.count
    pair = (state, pulled)

    def through(kinds: Sequence[Kind], steps: Sequence[StepData], pair: Any) -> tuple[Any, list[StepData]]:
        slopes = []
        for kind, data in zip(reversed(kinds), reversed(steps), strict=True):
            pair, slope = _step_back(shard, kind, data, pair)
            slopes.append(slope)
        return pair, slopes[::-1]

    pair, tail = through(static.kinds[end:], given.tail, pair)
    body: Any = []
    if given.body:
        kinds = static.kinds[first : first + period]
        pair, body = lax.scan(lambda carried, steps: through(kinds, steps, carried), pair, given.body, reverse=True)
    pair, head = through(static.kinds[:first], given.head, pair)
    return on.product_slopes(shard, pair[1], given.start), head, body, tail


def _step(shard: Shard, kind: Kind, data: StepData, state: Array) -> Array:
    state = on.exchanged(state, kind.exchange)
    if kind.before:
        state = on.rotated(shard, state, data.before, 1.0)
    if kind.moves:
        state = on.moved(shard, state, data.columns)
    if kind.after:
        state = on.rotated(shard, state, data.after, 1.0)
    if kind.turns == ALL:
        return on.turned(shard, state, data.angles)
    for place in range(kind.turns):
        state = on.turned_one(shard, state, data.bits[place], data.angles[place])
    return state


def _step_back(shard: Shard, kind: Kind, data: StepData, pair: Any) -> tuple[Any, StepData]:
    """Undo a step on the state and the pulled-back observable; return both, and the derivatives by its angles."""
    state, pulled, turns = _turns_back(shard, kind, data, pair)
    after = before = None
    if kind.after:
        after = on.phase_slopes(shard, state, pulled, data.after)
        state, pulled = (on.rotated(shard, array, data.after, -1.0) for array in (state, pulled))
    if kind.moves:
        state, pulled = (on.moved(shard, array, data.columns_back) for array in (state, pulled))
    if kind.before:
        before = on.phase_slopes(shard, state, pulled, data.before)
        state, pulled = (on.rotated(shard, array, data.before, -1.0) for array in (state, pulled))
    state, pulled = (on.exchanged(array, kind.exchange) for array in (state, pulled))
    return (state, pulled), StepData(before, None, None, after, None, turns)


def _turns_back(shard: Shard, kind: Kind, data: StepData, pair: Any) -> tuple[Array, Array, Array]:
    state, pulled = pair
    if kind.turns == ALL:
        return on.turned_back(shard, state, pulled, data.angles)
    slopes = []
    for place in reversed(range(kind.turns)):
        slopes.append(on.slope_of_one(shard, state, pulled, data.bits[place]))
        state, pulled = (
            on.turned_one(shard, array, data.bits[place], -data.angles[place]) for array in (state, pulled)
        )
    return state, pulled, jnp.stack(slopes[::-1]) if slopes else jnp.zeros(0)
