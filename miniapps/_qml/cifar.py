"""Reading CIFAR-10 from files that strangers made: sizes, labels and checksums are checked, no code is run.

Binary format: records of one label byte and 3,072 pixel bytes (32×32 of red, then green, then blue, rows first). Python
format: a pickle of a dictionary with ``data`` and ``labels``, opened with an unpickler that knows NumPy arrays only.
See https://www.cs.toronto.edu/~kriz/cifar.html for both.
"""

from __future__ import annotations

import io
import pickle
import tarfile
from functools import lru_cache
from hashlib import md5
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

Split = Literal["train", "test"]
Images = NDArray[np.uint8]
"""Shape (n, 32, 32, 3), red, green, blue."""
Labels = NDArray[np.int64]

SIDE: Final = 32
CLASSES: Final = 10
_PIXELS: Final = 3 * SIDE * SIDE
_RECORD: Final = 1 + _PIXELS
PYTHON_ARCHIVE_MD5: Final = "c58f30108f718f92721af3b95e74349a"
"""MD5 of ``cifar-10-python.tar.gz`` as its authors publish it."""
_FILES: Final[dict[Split, tuple[str, ...]]] = {
    "train": tuple(f"data_batch_{i}" for i in range(1, 6)),
    "test": ("test_batch",),
}
_ARRAYS: Final = frozenset(
    {
        ("numpy.core.multiarray", "_reconstruct"),
        ("numpy._core.multiarray", "_reconstruct"),
        ("numpy.core.numeric", "_frombuffer"),
        ("numpy._core.numeric", "_frombuffer"),
        ("numpy", "ndarray"),
        ("numpy", "dtype"),
        ("_codecs", "encode"),
    }
)
"""All that a pickled dictionary of arrays and lists needs; none of it runs code that the file chooses."""


class DataError(ValueError):
    """A data file is not what it should be; one line says which file, what was found and what was expected."""


@lru_cache(maxsize=4)
def read(path: str, split: Split) -> tuple[Images, Labels]:
    """Read one part of CIFAR-10.

    Parameters
    ----------
    path
        A folder with the files of the binary (``*.bin``) or Python version, the archive ``cifar-10-python.tar.gz``, or
        one such file, which is then the whole data set.

    Raises
    ------
    DataError
        If a file is missing, has another size, a label out of range, a wrong checksum, or a pickle of anything but
        arrays.
    """
    place = Path(path)
    if not place.exists():
        raise DataError(f"{path}: no such file or folder; expected CIFAR-10 in its binary or Python version")
    if place.is_dir():
        return _joined([_file(_found(place, name)) for name in _FILES[split]])
    if place.name.endswith((".tar.gz", ".tgz")):
        return _archive(place, split)
    return _file(place)


def _found(folder: Path, name: str) -> Path:
    for candidate in (folder / f"{name}.bin", folder / name):
        if candidate.is_file():
            return candidate
    raise DataError(f"{folder}: neither {name}.bin nor {name} is there; expected an unpacked CIFAR-10 folder")


def _file(file: Path) -> tuple[Images, Labels]:
    blob = file.read_bytes()
    return binary(blob, str(file)) if file.suffix == ".bin" else pickled(blob, str(file))


def _archive(file: Path, split: Split) -> tuple[Images, Labels]:
    blob = file.read_bytes()
    found = md5(blob, usedforsecurity=False).hexdigest()
    if found != PYTHON_ARCHIVE_MD5:
        raise DataError(f"{file}: MD5 {found}; the published archive has {PYTHON_ARCHIVE_MD5}")
    with tarfile.open(fileobj=io.BytesIO(blob), mode="r:gz") as archive:
        members = {Path(member.name).name: member for member in archive.getmembers() if member.isfile()}
        return _joined([pickled(_member(archive, members[name]), f"{file}:{name}") for name in _FILES[split]])


def _member(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    stream = archive.extractfile(member)
    return b"" if stream is None else stream.read()


def _joined(parts: list[tuple[Images, Labels]]) -> tuple[Images, Labels]:
    return np.concatenate([images for images, _ in parts]), np.concatenate([labels for _, labels in parts])


def binary(blob: bytes, name: str) -> tuple[Images, Labels]:
    """Read the binary version from memory; ``name`` stands in messages."""
    if not blob or len(blob) % _RECORD:
        raise DataError(f"{name}: {len(blob)} bytes; expected a whole number of records of {_RECORD} bytes")
    records = np.frombuffer(blob, np.uint8).reshape(-1, _RECORD)
    return _checked(records[:, 1:], records[:, 0], name)


def pickled(blob: bytes, name: str) -> tuple[Images, Labels]:
    """Read one batch of the Python version from memory; anything but a dictionary of arrays is refused unopened."""
    try:
        batch = _ArraysOnly(io.BytesIO(blob), encoding="bytes").load()
    except DataError as error:
        raise DataError(f"{name}: {error}") from None
    except Exception as error:  # noqa: BLE001 - a damaged pickle may raise nearly anything
        raise DataError(f"{name}: not a CIFAR-10 batch: {type(error).__name__}: {error}") from None
    if not isinstance(batch, dict) or not {b"data", b"labels"} <= batch.keys():
        raise DataError(f"{name}: not a CIFAR-10 batch: expected a dictionary with 'data' and 'labels'")
    try:
        data, labels = np.asarray(batch[b"data"]), np.asarray(batch[b"labels"])
    except ValueError as error:
        raise DataError(f"{name}: 'data' or 'labels' is no array: {error}") from None
    if data.dtype != np.uint8 or data.ndim != 2 or data.shape[1] != _PIXELS:
        raise DataError(f"{name}: data of type {data.dtype} and shape {data.shape}; expected uint8 (n, {_PIXELS})")
    return _checked(data, labels, name)


def _checked(pixels: NDArray[Any], labels: NDArray[Any], name: str) -> tuple[Images, Labels]:
    if labels.shape != (len(pixels),) or not np.issubdtype(labels.dtype, np.integer):
        raise DataError(f"{name}: labels of type {labels.dtype} and shape {labels.shape} for {len(pixels)} images")
    wrong = np.flatnonzero((labels < 0) | (labels >= CLASSES))
    if wrong.size:
        first = int(wrong[0])
        raise DataError(f"{name}: label {int(labels[first])} of image {first}; expected 0 to {CLASSES - 1}")
    images = np.ascontiguousarray(pixels.reshape(-1, 3, SIDE, SIDE).transpose(0, 2, 3, 1))
    return images, labels.astype(np.int64)


class _ArraysOnly(pickle.Unpickler):
    """Resolves only what arrays are rebuilt from."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in _ARRAYS:
            raise DataError(f"pickle refused: it asks for {module}.{name}; a CIFAR-10 batch holds only arrays")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)
