"""CIFAR-10 files: what is right is read, everything else is refused in one line, and no pickle runs code."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from miniapps._qml import cifar
from miniapps._qml.cifar import DataError

_RNG = np.random.default_rng(0)
PIXELS = _RNG.integers(0, 256, (20, 3072), dtype=np.uint8)
LABELS = _RNG.integers(0, 10, 20)
IMAGES = PIXELS.reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)


def _binary(labels: Any = LABELS) -> bytes:
    return np.concatenate([np.asarray(labels, np.uint8)[:, None], PIXELS], axis=1).tobytes()


def _batch(**changes: Any) -> dict[bytes, Any]:
    return {b"data": PIXELS, b"labels": [int(label) for label in LABELS]} | {k.encode(): v for k, v in changes.items()}


class _Evil:
    def __init__(self, file: Path) -> None:
        self.file = file

    def __reduce__(self) -> tuple[Any, ...]:
        return Path.touch, (self.file,)


def test_the_binary_version_is_read_in_its_published_layout(tmp_path: Path) -> None:
    for number in range(1, 6):
        (tmp_path / f"data_batch_{number}.bin").write_bytes(_binary())
    (tmp_path / "test_batch.bin").write_bytes(_binary()[:3073])
    images, labels = cifar.read(str(tmp_path), "train")
    assert (images[20:40] == IMAGES).all()
    assert (labels[20:40] == LABELS).all()
    assert cifar.read(str(tmp_path), "test")[1].tolist() == [LABELS[0]]


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_the_python_version_is_read_whatever_its_protocol(protocol: int) -> None:
    images, labels = cifar.pickled(pickle.dumps(_batch(), protocol), "batch")
    assert (images == IMAGES).all()
    assert (labels == LABELS).all()


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_malicious_pickle_is_refused_before_it_runs(tmp_path: Path, protocol: int) -> None:
    victim = tmp_path / "touched"
    blob = pickle.dumps(_batch(labels=_Evil(victim)), protocol)
    with pytest.raises(DataError, match="pickle refused: it asks for") as caught:
        cifar.pickled(blob, "batch")
    assert not victim.exists()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("blob", "message"),
    [
        (_binary()[:-1], "61459 bytes; expected a whole number of records of 3073"),
        (b"", "0 bytes"),
        (_binary([*LABELS[:7], 10, *LABELS[8:]]), "label 10 of image 7; expected 0 to 9"),
    ],
    ids=["truncated", "empty", "label"],
)
def test_wrong_binary_files_are_told_in_one_line(blob: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message):
        cifar.binary(blob, "x.bin")


@pytest.mark.parametrize(
    ("batch", "message"),
    [
        (_batch(data=PIXELS[:, :-1]), "expected uint8"),
        (_batch(data=PIXELS.astype(float)), "expected uint8"),
        (_batch(labels=[0] * 19), "labels of type int64 and shape \\(19,\\) for 20 images"),
        (_batch(labels=[0.5] * 20), "labels of type float64"),
        (_batch(labels=[-1] * 20), "label -1 of image 0"),
        ({b"data": PIXELS}, "expected a dictionary with 'data' and 'labels'"),
        ([1, 2], "expected a dictionary"),
    ],
    ids=["short rows", "floats", "count", "fractions", "negative", "no labels", "no dictionary"],
)
def test_wrong_batches_are_told_in_one_line(batch: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        cifar.pickled(pickle.dumps(batch), "batch")


def test_a_damaged_pickle_is_told_in_one_line() -> None:
    with pytest.raises(DataError, match="batch: not a CIFAR-10 batch"):
        cifar.pickled(pickle.dumps(_batch())[:-100], "batch")


def test_an_archive_with_another_checksum_is_not_opened(tmp_path: Path) -> None:
    archive = tmp_path / "cifar-10-python.tar.gz"
    archive.write_bytes(b"not the published bytes")
    with pytest.raises(DataError, match=f"the published archive has {cifar.PYTHON_ARCHIVE_MD5}"):
        cifar.read(str(archive), "train")


def test_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file or folder"):
        cifar.read(str(tmp_path / "nowhere"), "train")
    with pytest.raises(DataError, match=r"neither test_batch\.bin nor test_batch"):
        cifar.read(str(tmp_path), "test")
