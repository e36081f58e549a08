"""Bars and stripes: images of full rows, and images of full columns. Both sides; standard library."""

from __future__ import annotations

from itertools import product
from typing import Final

PIXELS: Final = {4: (2, 2), 6: (2, 3), 9: (3, 3)}
"""Rows and columns, by number of pixels."""


def bars_and_stripes(pixels: int) -> list[int]:
    """Return every image as a number whose bit k is pixel k, row by row; in rising order."""
    rows, columns = PIXELS[pixels]
    found = set()
    for filled in product((0, 1), repeat=rows):
        found.add(sum(filled[k // columns] << k for k in range(pixels)))
    for filled in product((0, 1), repeat=columns):
        found.add(sum(filled[k % columns] << k for k in range(pixels)))
    return sorted(found)
