"""What is done to the amplitudes of one shard, as functions for `jax.jit`. Worker side.

A shard is a real array of shape (2, H, W): real and imaginary parts of H·W = 2ᴸ amplitudes, W the largest power of two
that is at most √2ᴸ and 2¹². Index (h, w) is h·W + w. Phases and signs of all bits are products of a row and a column,
so no table is longer than H. RY is real and acts on real and imaginary parts alike.
"""

from __future__ import annotations

from functools import reduce
from typing import Any, Final, NamedTuple

import jax
import jax.numpy as jnp
from jax import lax

Array = Any
_GROUP_BITS: Final = 5
_WIDEST: Final = 12
_CHUNK: Final = 32
_EXACT: Final = lax.Precision.HIGHEST


class Shard(NamedTuple):
    """The static facts of a shard.

    Attributes
    ----------
    n_local, n_global
        Bits of the index on the shard, and of the shard's number.
    double
        Whether amplitudes are complex128; else complex64.
    """

    n_local: int
    n_global: int
    double: bool

    @property
    def low(self) -> int:
        """Number of bits of the column."""
        return min(self.n_local // 2, _WIDEST)

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns."""
        return 1 << (self.n_local - self.low), 1 << self.low

    @property
    def real(self) -> Any:
        """Type of a real or imaginary part."""
        return jnp.float64 if self.double else jnp.float32

    @property
    def index(self) -> Any:
        """Type of a local index."""
        return jnp.int32 if self.n_local < 31 else jnp.int64

    @property
    def axes(self) -> tuple[str, ...]:
        """Mesh axes: one for each global bit, the highest first."""
        return tuple(f"b{bit}" for bit in reversed(range(self.n_global)))

    def number(self) -> Array:
        """Return the number of this shard."""
        return lax.axis_index(self.axes).astype(jnp.int32) if self.n_global else jnp.int32(0)


class Phases(NamedTuple):
    """Phases by where their masks lie; each mask array has columns (high, low, global), each angle array radians.

    Attributes
    ----------
    rows, columns, both
        Masks with local bits in the row only (or none at all), in the column only, in both.
    row_angles, column_angles, both_angles
        Their angles, float64.
    """

    rows: Array
    columns: Array
    both: Array
    row_angles: Array
    column_angles: Array
    both_angles: Array


def _settled(tables: list[Array]) -> list[Array]:
    """Return float64 tables of one length, unchanged, as the result of a matrix product.

    XLA on CPUs would otherwise merge their computation into the loops over all amplitudes, and compute a cosine for
    each; an optimization barrier does not last until it decides that. The factors are not constant for the same reason.
    """
    whole = jnp.stack(tables, axis=1)
    count = len(tables)
    halves = jnp.tile(jnp.eye(count) * 0.5, (2, 1)) + 0.0 * whole[0, 0]
    product = jnp.matmul(jnp.concatenate([whole, whole], axis=1), halves, precision=_EXACT)
    return [product[:, place] for place in range(count)]


def sign_table(masks: Array, count: int) -> Array:
    """Return (-1) to the parity of i & mask, shape (count, masks), float64."""
    index = jnp.arange(count, dtype=masks.dtype)
    odd = lax.population_count(index[:, None] & masks[None, :]) & 1
    return (1 - 2 * odd).astype(jnp.float64)


def shard_signs(shard: Shard, masks: Array) -> Array:
    """Return this shard's sign of each mask of global bits, float64."""
    odd = lax.population_count(shard.number().astype(masks.dtype) & masks) & 1
    return (1 - 2 * odd).astype(jnp.float64)


def product_state(shard: Shard, angles: Array) -> Array:
    """Return the shard of RY(angle) of each bit on |0…0⟩; angles of all n bits, lowest first."""
    rows, columns = (table.astype(shard.real) for table in _product_tables(shard, angles))
    real = (rows * _on_shard(shard, angles).astype(shard.real))[:, None] * columns[None, :]
    return jnp.stack([real, jnp.zeros_like(real)])


def product_slopes(shard: Shard, pulled: Array, angles: Array) -> Array:
    """Return Re⟨pulled|-iY|product state⟩ for each of the n bits, this shard's part; float64.

    The product state is real, and what -iY does to one of its factors is known: two sums over the shard are enough.
    """
    rows, columns = _product_tables(shard, angles)
    here = _on_shard(shard, angles)
    by_row = jnp.matmul(pulled[0], columns.astype(shard.real), precision=_EXACT).astype(jnp.float64)
    by_column = jnp.matmul(rows.astype(shard.real), pulled[0], precision=_EXACT).astype(jnp.float64)
    low, n_local = shard.low, shard.n_local
    found = [here * jnp.sum(by_column * _product_table(angles, (0, low), bit)) for bit in range(low)]
    found += [here * jnp.sum(by_row * _product_table(angles, (low, n_local), bit)) for bit in range(low, n_local)]
    whole = jnp.sum(by_row * rows)
    found += [_on_shard(shard, angles, bit) * whole for bit in range(shard.n_global)]
    return jnp.stack(found)


def _product_tables(shard: Shard, angles: Array) -> tuple[Array, Array]:
    (rows,) = _settled([_product_table(angles, (shard.low, shard.n_local))])
    (columns,) = _settled([_product_table(angles, (0, shard.low))])
    return rows, columns


def _product_table(angles: Array, bits: tuple[int, int], turned: int = -1) -> Array:
    """Return the product of the factors of some bits, shape (2ᵇ,); -iY is applied to the bit ``turned``."""
    first, end = bits
    index = jnp.arange(1 << (end - first), dtype=jnp.int32)
    factors = [_factor_of(angles[bit], (index >> (bit - first)) & 1, turned=bit == turned) for bit in range(first, end)]
    return reduce(jnp.multiply, factors, jnp.ones(1 << (end - first)))


def _on_shard(shard: Shard, angles: Array, turned: int = -1) -> Array:
    """Return the product of the factors of the global bits on this shard."""
    number = shard.number()
    factors = [
        _factor_of(angles[shard.n_local + bit], (number >> bit) & 1, turned=bit == turned)
        for bit in range(shard.n_global)
    ]
    return reduce(jnp.multiply, factors, jnp.ones(()))


def _factor_of(angle: Array, bit: Array, *, turned: bool) -> Array:
    cosine, sine = jnp.cos(angle / 2), jnp.sin(angle / 2)
    return jnp.where(bit, cosine, -sine) if turned else jnp.where(bit, sine, cosine)


# ---------------------------------------------------------------- phases


def rotated(shard: Shard, state: Array, phases: Phases, direction: float) -> Array:
    """Multiply by exp(-i·direction·angle/2·sign) of every phase."""
    cosine, sine = _factor(shard, phases, direction)
    real, imaginary = state[0], state[1]
    return jnp.stack([real * cosine - imaginary * sine, imaginary * cosine + real * sine])


def _factor(shard: Shard, phases: Phases, direction: float) -> tuple[Array, Array]:
    """Return cosine and sine of the phase of every amplitude, shape (H, W)."""
    height, width = shard.shape
    rows = _angle_table(shard, phases.rows, phases.row_angles, column=0) * direction
    columns = _angle_table(shard, phases.columns, phases.column_angles, column=1) * direction
    if phases.both_angles.shape[0]:
        weights = sign_table(phases.both[:, 0], height) * (
            -0.5 * direction * phases.both_angles * shard_signs(shard, phases.both[:, 2])
        )
        mixed = jnp.matmul(
            weights.astype(shard.real), sign_table(phases.both[:, 1], width).astype(shard.real).T, precision=_EXACT
        )
        total = rows.astype(shard.real)[:, None] + columns.astype(shard.real)[None, :] + mixed
        return jnp.cos(total), jnp.sin(total)
    (cr, sr), (cc, sc) = (_settled([jnp.cos(table), jnp.sin(table)]) for table in (rows, columns))
    cr, sr = cr.astype(shard.real)[:, None], sr.astype(shard.real)[:, None]
    cc, sc = cc.astype(shard.real)[None, :], sc.astype(shard.real)[None, :]
    return cr * cc - sr * sc, sr * cc + cr * sc


def _angle_table(shard: Shard, masks: Array, angles: Array, *, column: int) -> Array:
    count = shard.shape[column]
    signed = -0.5 * angles * shard_signs(shard, masks[:, 2])
    return jnp.sum(sign_table(masks[:, column], count) * signed[None, :], axis=1)


def phase_slopes(shard: Shard, state: Array, pulled: Array, phases: Phases) -> tuple[Array, Array, Array]:
    """Return the derivative of the loss by each angle (rows, columns, both), this shard's part; float64."""
    height, width = shard.shape
    weight = pulled[0] * state[1] - pulled[1] * state[0]
    by_row = weight.sum(axis=1).astype(jnp.float64)
    by_column = weight.sum(axis=0).astype(jnp.float64)
    rows = by_row @ sign_table(phases.rows[:, 0], height) * shard_signs(shard, phases.rows[:, 2])
    columns = by_column @ sign_table(phases.columns[:, 1], width) * shard_signs(shard, phases.columns[:, 2])
    return rows, columns, parity_sums(shard, weight, phases.both)


def parity_sums(shard: Shard, weight: Array, masks: Array) -> Array:
    """Return Σₓ sign(x)·weight(x) for each mask (high, low, global), this shard's part; float64.

    Sums over a row are matrix products in the precision of the amplitudes, all others are in float64.
    """
    height, width = shard.shape
    parts = []
    for first in range(0, masks.shape[0], _CHUNK):
        some = masks[first : first + _CHUNK]
        along = jnp.matmul(weight, sign_table(some[:, 1], width).astype(shard.real), precision=_EXACT)
        total = jnp.sum(along.astype(jnp.float64) * sign_table(some[:, 0], height), axis=0)
        parts.append(total * shard_signs(shard, some[:, 2]))
    return jnp.concatenate(parts) if parts else jnp.zeros(0)


def probabilities(state: Array) -> Array:
    """Return the squared magnitudes, shape (H, W)."""
    return state[0] ** 2 + state[1] ** 2


def weighted(shard: Shard, state: Array, masks: Array, weights: Array) -> Array:
    """Multiply by Σ weight·sign of the masks (high, low, global): the observable applied to the state."""
    height, width = shard.shape
    if masks.shape[0] == 1:
        factor = (weights * shard_signs(shard, masks[:, 2]))[0]
        rows = (sign_table(masks[:, 0], height)[:, 0] * factor).astype(shard.real)
        return state * rows[:, None] * sign_table(masks[:, 1], width)[:, 0].astype(shard.real)[None, :]
    rows = sign_table(masks[:, 0], height) * (weights * shard_signs(shard, masks[:, 2]))
    diagonal = jnp.matmul(
        rows.astype(shard.real), sign_table(masks[:, 1], width).astype(shard.real).T, precision=_EXACT
    )
    return state * diagonal


# ---------------------------------------------------------------- index maps and exchanges


def moved(shard: Shard, state: Array, columns: Array) -> Array:
    """Return new[x] = old[f(x)]; ``columns`` are the local bits of f(2ᵇ) for each of the n bits, int."""
    height, width = shard.shape
    low, n_local = shard.low, shard.n_local

    def table(first: int, count: int) -> Array:
        index = jnp.arange(count, dtype=shard.index)
        bits = range(count.bit_length() - 1)
        chosen = [((index >> bit) & 1) * columns[first + bit] for bit in bits]
        return reduce(jnp.bitwise_xor, chosen, jnp.zeros(count, shard.index))

    number = shard.number()
    rows = table(low, height)
    for bit in range(shard.n_global):
        rows = rows ^ (((number >> bit) & 1).astype(shard.index) * columns[n_local + bit])
    index = rows[:, None] ^ table(0, width)[None, :]
    flat = lax.complex(state[0], state[1]).reshape(-1)
    found = flat.at[index].get(mode="promise_in_bounds", unique_indices=True)
    return jnp.stack([found.real, found.imag])


def exchanged(state: Array, bits: tuple[int, ...]) -> Array:
    """Let the highest local bits change places with these global bits; its own inverse."""
    if not bits:
        return state
    names = tuple(f"b{bit}" for bit in bits)
    parts = state.reshape(2, 1 << len(bits), -1)
    swapped = lax.all_to_all(parts, names, split_axis=1, concat_axis=1, tiled=True)
    return swapped.reshape(state.shape)


# ---------------------------------------------------------------- rotations


def _groups(n_bits: int) -> list[tuple[int, int]]:
    """Return (first bit, bits) of groups of nearly one size, from the lowest bits up."""
    count = -(-n_bits // _GROUP_BITS)
    sizes = [n_bits // count + (index < n_bits % count) for index in range(count)]
    firsts = [sum(sizes[:index]) for index in range(count)]
    return list(zip(firsts, sizes, strict=True))


def _block(cosines: Array, sines: Array, first: int, size: int) -> Array:
    """Return the Kronecker product of the RY of a group of bits, the highest bit first."""
    ones = [
        jnp.array([[cosines[bit], -sines[bit]], [sines[bit], cosines[bit]]])
        for bit in range(first + size - 1, first - 1, -1)
    ]
    return reduce(jnp.kron, ones)


def turned(shard: Shard, state: Array, angles: Array) -> Array:
    """Apply RY(angle) to every local bit, lowest first.

    One matrix product for each group of bits: it takes the group from the lowest place and puts it to the highest, so
    that after all groups every bit is back. The highest bit of all tells real from imaginary and does not turn.
    """
    cosines, sines = _halves(shard, angles)
    for first, size in _groups(shard.n_local + 1):
        state = _up(_block(cosines, sines, first, size), state, size)
    return state.reshape(2, *shard.shape)


def turned_back(shard: Shard, state: Array, pulled: Array, angles: Array) -> tuple[Array, Array, Array]:
    """Undo `turned` on the state and the pulled-back observable; also return the derivative by each angle."""
    cosines, sines = _halves(shard, -angles)
    slopes = []
    for first, size in _groups(shard.n_local + 1):
        slopes.append(_group_slopes(state, pulled, size))
        block = _block(cosines, sines, first, size)
        state, pulled = _up(block, state, size), _up(block, pulled, size)
    shape = (2, *shard.shape)
    return state.reshape(shape), pulled.reshape(shape), jnp.concatenate(slopes)[: shard.n_local]


def _halves(shard: Shard, angles: Array) -> tuple[Array, Array]:
    padded = jnp.concatenate([angles, jnp.zeros(1)]) / 2
    return jnp.cos(padded).astype(shard.real), jnp.sin(padded).astype(shard.real)


def _up(block: Array, state: Array, size: int) -> Array:
    rows = state.reshape(-1, 1 << size)
    return lax.dot_general(block, rows, (((1,), (1,)), ((), ())), precision=_EXACT)


def _group_slopes(state: Array, pulled: Array, size: int) -> Array:
    """Return Re⟨pulled|-iY|state⟩ for each of the lowest ``size`` bits of the flattened arrays, float64."""
    chunks = max(1, min(64, state.size >> (size + 8)))
    left, right = (array.reshape(chunks, -1, 1 << size) for array in (pulled, state))
    found = lax.dot_general(left, right, (((1,), (1,)), ((0,), (0,))), precision=_EXACT)
    overlaps = found.astype(jnp.float64).sum(axis=0)
    index = jnp.arange(1 << size)
    slopes = [
        jnp.sum(jnp.where((index >> bit) & 1, 1.0, -1.0) * overlaps[index, index ^ (1 << bit)]) for bit in range(size)
    ]
    return jnp.stack(slopes)


def turned_one(shard: Shard, state: Array, bit: Array, angle: Array) -> Array:
    """Apply RY(angle) to one local bit, whose number may be traced."""
    partner, sign = _partner(shard, state, bit)
    return jnp.cos(angle / 2).astype(shard.real) * state + (jnp.sin(angle / 2).astype(shard.real) * sign) * partner


def slope_of_one(shard: Shard, state: Array, pulled: Array, bit: Array) -> Array:
    """Return Re⟨pulled|-iY|state⟩ for one local bit, this shard's part; float64."""
    partner, sign = _partner(shard, state, bit)
    return jnp.sum(jnp.sum(sign * (pulled[0] * partner[0] + pulled[1] * partner[1]), axis=1).astype(jnp.float64))


def _partner(shard: Shard, state: Array, bit: Array) -> tuple[Array, Array]:
    """Return the amplitudes with the bit inverted, and +1 where the bit is set, else -1."""
    height, width = shard.shape
    row, column = jnp.arange(height, dtype=shard.index)[:, None], jnp.arange(width, dtype=shard.index)[None, :]
    index = (row << shard.low) | column
    flat = lax.complex(state[0], state[1]).reshape(-1)
    found = flat.at[index ^ (jnp.ones((), shard.index) << bit)].get(mode="promise_in_bounds", unique_indices=True)
    sign = jnp.where((index >> bit) & 1, 1.0, -1.0).astype(shard.real)
    return jnp.stack([found.real, found.imag]), sign


def summed(shard: Shard, value: Any) -> Any:
    """Add up a tree of parts over all shards."""
    return jax.tree.map(lambda part: lax.psum(part, shard.axes), value) if shard.n_global else value
