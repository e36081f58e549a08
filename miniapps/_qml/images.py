"""Sets of small labelled RGB images: crops of real photographs by default, CIFAR-10 from the user's files.

The default set is shaped like CIFAR-10: 32×32 pixels, three colours, ten classes. A class is one of ten photographs
that scikit-image and scikit-learn ship; an image is a crop of it, at one of three scales and perhaps mirrored. Crops
for training come from the left three fifths of each photograph, crops for testing from the rest, so the two share no
pixel. Image ``i`` depends on the seed, the split and ``i`` alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from . import cifar
from .cifar import CLASSES, SIDE, DataError, Images, Labels, Split

PHOTOGRAPHS: Final = (
    ("skimage/data", "astronaut.png"),
    ("skimage/data", "chelsea.png"),
    ("skimage/data", "coffee.png"),
    ("skimage/data", "rocket.jpg"),
    ("skimage/data", "retina.jpg"),
    ("skimage/data", "hubble_deep_field.jpg"),
    ("skimage/data", "ihc.png"),
    ("skimage/data", "motorcycle_left.png"),
    ("sklearn/datasets/images", "china.jpg"),
    ("sklearn/datasets/images", "flower.jpg"),
)
"""Folder below the library, and file, of each class."""
_TRAIN_SHARE: Final = 0.6
_SCALES: Final = (1, 2, 3)
"""Pixels of a photograph along one pixel of a crop."""
_STREAMS: Final[dict[Split, int]] = {"train": 0, "test": 1}


@dataclass(frozen=True, slots=True)
class ImageSource:
    """Where images come from.

    Attributes
    ----------
    source
        ``"photographs"`` (embedded) or ``"cifar10"``.
    path
        Of CIFAR-10, see `cifar.read`; empty for the photographs.
    size
        Pixels along a side: 32, or a smaller power of two, to which images are averaged.
    seed
        Of the crops; CIFAR-10 keeps the order of its files.
    """

    source: Literal["photographs", "cifar10"] = "photographs"
    path: str = ""
    size: int = SIDE
    seed: int = 0

    @property
    def n_qubits(self) -> int:
        """Qubits of one encoded image: three for colours, the rest addresses pixels."""
        return 3 + 2 * (self.size.bit_length() - 1)


def load(source: ImageSource, split: Split, start: int, stop: int) -> tuple[NDArray[np.float64], Labels]:
    """Return the images ``start`` … ``stop - 1`` and their classes.

    Returns
    -------
    images
        Shape (n, size, size, 3), in [0, 1].
    labels
        Shape (n,), 0 … 9.

    Raises
    ------
    DataError
        If there are not so many images, or a file is not what it should be.
    """
    if source.source == "cifar10":
        pixels, labels = cifar.read(source.path, split)
        if not 0 <= start < stop <= len(pixels):
            raise DataError(f"images {start} to {stop - 1}: {source.path} has {len(pixels)} for {split}; ask for fewer")
        pixels, labels = pixels[start:stop], labels[start:stop]
    else:
        pixels = np.stack([_crop(source.seed, split, index) for index in range(start, stop)])
        labels = np.arange(start, stop, dtype=np.int64) % CLASSES
    return reduced(pixels, source.size), labels


def reduced(pixels: Images, size: int) -> NDArray[np.float64]:
    """Average blocks of pixels to ``size`` a side and scale them to [0, 1]."""
    block = pixels.shape[1] // size
    blocks = pixels.reshape(len(pixels), size, block, size, block, 3).mean(axis=(2, 4), dtype=np.float64)
    return np.asarray(blocks / 255.0, dtype=np.float64)


def region(split: Split, width: int) -> tuple[int, int]:
    """Return the first column of a photograph that a split may use, and the one after its last."""
    border = int(_TRAIN_SHARE * width)
    return (0, border) if split == "train" else (border, width)


def _crop(seed: int, split: Split, index: int) -> Images:
    rng = np.random.default_rng((seed, _STREAMS[split], index))
    photograph = _photograph(index % CLASSES)
    scale = int(rng.choice(_SCALES))
    left, right = region(split, photograph.shape[1])
    extent = SIDE * scale
    top = int(rng.integers(0, photograph.shape[0] - extent + 1))
    column = int(rng.integers(left, right - extent + 1))
    crop = photograph[top : top + extent, column : column + extent]
    small = crop.reshape(SIDE, scale, SIDE, scale, 3).mean(axis=(1, 3)).round().astype(np.uint8)
    return np.asarray(small[:, ::-1] if rng.random() < 0.5 else small)


@lru_cache(maxsize=CLASSES)
def _photograph(label: int) -> Images:
    from PIL import Image

    folder, name = PHOTOGRAPHS[label]
    library, _, below = folder.partition("/")
    spec = find_spec(library)
    if spec is None or not spec.submodule_search_locations:
        raise DataError(f"the photograph {name} comes with {library}, which is not installed: pip install '.[qml]'")
    with Image.open(Path(spec.submodule_search_locations[0]) / below / name) as image:
        return np.asarray(image.convert("RGB"), dtype=np.uint8)
