"""Image to quantum state and back: three colour qubits and the address of a pixel.

The state of an image with N pixels is 1/(2√N) Σⱼ |c(j)⟩ ⊗ |j⟩. For each colour k the amplitude of |0k⟩ is
cos(π/2·x), that of |1k⟩ is sin(π/2·x) for x in [0, 1]; |011⟩ has 1 and |111⟩ 0 (full opacity). All amplitudes are real
and not negative. This is the multi-channel representation of quantum images (MCRQI) that the paper uses; pixels are
numbered row by row as published, or by interleaved bits of row and column, so that neighbours share their leading bits.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Indexing = Literal["row", "hierarchical"]
Floats = NDArray[np.float64]


def encode(images: Floats, indexing: Indexing = "row") -> Floats:
    """Return the states of images.

    Parameters
    ----------
    images
        Shape (n, s, s, 3) with ``s`` a power of two, values in [0, 1].

    Returns
    -------
    states
        Shape (n, 8·s²), each of norm 1.

    Raises
    ------
    ValueError
        If a value is not in [0, 1], or the shape is another.
    """
    n, side = len(images), images.shape[1]
    if images.shape != (n, side, side, 3) or side < 2 or side & (side - 1):
        raise ValueError(f"images of shape {images.shape}: expected (n, s, s, 3) with s a power of two, 2 or more")
    if not (np.isfinite(images).all() and images.min() >= 0 and images.max() <= 1):
        raise ValueError(f"pixels from {images.min():g} to {images.max():g}: expected values in [0, 1]")
    angles = np.pi / 2 * images.reshape(n, side * side, 3)[:, addresses(side, indexing)].transpose(0, 2, 1)
    states = np.zeros((n, 8, side * side))
    states[:, :3], states[:, 4:7], states[:, 3] = np.cos(angles), np.sin(angles), 1.0
    return states.reshape(n, -1) / (2 * side)


def decode(states: Floats, indexing: Indexing = "row") -> Floats:
    """Return the images of states of `encode`, or of approximations of them; the sign of amplitudes does not matter."""
    n = len(states)
    side = round((states.shape[1] / 8) ** 0.5)
    parts = np.abs(states.reshape(n, 8, side * side))
    angles = np.arctan2(parts[:, 4:7], parts[:, :3]).transpose(0, 2, 1)
    pixels = np.empty_like(angles)
    pixels[:, addresses(side, indexing)] = angles
    return np.asarray(pixels.reshape(n, side, side, 3) * (2 / np.pi))


def addresses(side: int, indexing: Indexing) -> NDArray[np.int64]:
    """Return, for each basis state of the address, the number of its pixel row by row; shape (side²,)."""
    numbers = np.arange(side * side)
    if indexing == "row":
        return numbers
    bits = side.bit_length() - 1
    order = [axis for bit in range(bits) for axis in (bit, bit + bits)]
    return np.ascontiguousarray(numbers.reshape((2,) * (2 * bits)).transpose(order)).reshape(-1)
