"""The embedded images: disjoint regions, seeded one by one; encoding is exact and reversible."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from miniapps._qml import images
from miniapps._qml.cifar import DataError
from miniapps._qml.encoding import addresses, decode, encode
from miniapps._qml.images import ImageSource, load, region


def test_training_and_testing_see_no_common_pixel(monkeypatch: pytest.MonkeyPatch) -> None:
    def halves(label: int) -> np.ndarray:  # type: ignore[type-arg]  # a photograph: black where training may look
        photograph = np.zeros((300, 451 + 100 * label, 3), np.uint8)
        photograph[:, region("train", photograph.shape[1])[1] :] = 255
        return photograph

    monkeypatch.setattr(images, "_photograph", halves)
    assert load(ImageSource(), "train", 0, 300)[0].max() == 0
    assert load(ImageSource(), "test", 0, 300)[0].min() == 1


def test_ten_classes_take_turns_and_every_photograph_gives_crops() -> None:
    pixels, labels = load(ImageSource(), "train", 0, 20)
    assert labels.tolist() == [*range(10), *range(10)]
    assert pixels.shape == (20, 32, 32, 3)
    assert all(image.std() > 0 for image in pixels)


def test_an_image_depends_on_seed_split_and_number_alone() -> None:
    source = ImageSource(seed=5)
    all_of_them = load(source, "test", 0, 12)[0]
    assert (load(source, "test", 7, 9)[0] == all_of_them[7:9]).all()
    assert (load(ImageSource(seed=6), "test", 7, 9)[0] != all_of_them[7:9]).any()
    assert (load(source, "train", 7, 9)[0] != all_of_them[7:9]).any()


def test_smaller_images_are_averages() -> None:
    large, small = (load(ImageSource(size=size), "train", 3, 4)[0][0] for size in (32, 8))
    assert small[2, 5] == pytest.approx(large[8:12, 20:24].mean(axis=(0, 1)))


def test_images_beyond_the_files_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "few.bin"
    file.write_bytes(bytes(3073) * 4)
    source = ImageSource("cifar10", str(file))
    assert len(load(source, "train", 0, 4)[1]) == 4
    with pytest.raises(DataError, match=r"images 2 to 4: .* has 4 for train"):
        load(source, "train", 2, 5)


@given(st.integers(0, 2**32), st.sampled_from(["row", "hierarchical"]), st.sampled_from([2, 4, 8]))
def test_encoding_has_norm_one_and_can_be_undone(seed: int, indexing: str, side: int) -> None:
    pixels = np.random.default_rng(seed).random((3, side, side, 3))
    states = encode(pixels, indexing)  # type: ignore[arg-type]  # one of the two
    assert np.linalg.norm(states, axis=1) == pytest.approx(np.ones(3))
    assert decode(-states, indexing) == pytest.approx(pixels, abs=1e-12)  # type: ignore[arg-type]  # one of the two


def test_amplitudes_stand_where_the_encoding_says() -> None:
    pixels = np.random.default_rng(0).random((1, 4, 4, 3))
    amplitudes = encode(pixels)[0].reshape(8, 16) * 8
    green = np.pi / 2 * pixels[0, 2, 3, 1]
    assert amplitudes[1, 2 * 4 + 3] == pytest.approx(np.cos(green))
    assert amplitudes[5, 2 * 4 + 3] == pytest.approx(np.sin(green))
    assert (amplitudes[3] == 1).all()
    assert (amplitudes[7] == 0).all()


def test_hierarchical_addresses_interleave_the_bits_of_row_and_column() -> None:
    assert addresses(4, "hierarchical").tolist() == [0, 1, 4, 5, 2, 3, 6, 7, 8, 9, 12, 13, 10, 11, 14, 15]


@pytest.mark.parametrize("value", [-0.01, 1.01, np.nan])
def test_pixels_out_of_range_are_refused(value: float) -> None:
    pixels = np.full((1, 4, 4, 3), 0.5)
    pixels[0, 1, 2, 0] = value
    with pytest.raises(ValueError, match=r"expected values in \[0, 1\]"):
        encode(pixels)


def test_shapes_that_are_no_images_are_refused() -> None:
    with pytest.raises(ValueError, match="power of two"):
        encode(np.zeros((1, 6, 6, 3)))
