"""Images that are decoded when they are read: the same pixels, in any way of reading them."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import pytest

from spaces.studies.dataset import DatasetSection
from tests.trainables.datasets.pictures import class_folders
from trainables.datasets.files.headers import BadImageError
from trainables.datasets.formats.readers import read_index
from trainables.datasets.manifest.plain_pixels import plain_index
from trainables.datasets.rows.decoded import Decoded
from trainables.datasets.rows.images import load_images
from trainables.datasets.rows.resizing import Square

COUNT, SIZE = 40, 16


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return class_folders(tmp_path_factory.mktemp("photos"), 2, COUNT // 2)


@pytest.fixture(scope="module")
def index(folder):
    return read_index(DatasetSection(format="folders", path=str(folder)))


@pytest.fixture(scope="module")
def order():
    return np.random.default_rng(0).permutation(COUNT)


@pytest.fixture(scope="module")
def decoded(index, order):
    return Decoded(index, order, Square(SIZE, "crop"))


READINGS = {
    "all": slice(None),
    "a range": slice(3, 39),
    "none": slice(5, 5),
    "positions": np.array([39, 0, 0, 7]),
    "a mask": np.arange(COUNT) % 3 == 0,
    "one": 5,
}


@pytest.mark.parametrize("name", READINGS)
def test_what_is_read_is_what_decoding_all_gives(index, order, decoded, own_cache, name):
    pixels = load_images(index, order, Square(SIZE, "crop")).pixels
    found = decoded[READINGS[name]]
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, pixels[READINGS[name]])


def test_it_looks_like_an_array(decoded):
    assert decoded.shape == (len(decoded), SIZE, SIZE, 3)
    assert (decoded.nbytes, decoded.dtype) == (COUNT * SIZE * SIZE * 3, np.uint8)
    whole = np.asarray(decoded)
    np.testing.assert_array_equal(whole, decoded[:])


def test_files_are_decoded_in_other_processes(index, order, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    there = Decoded(index, order, Square(SIZE))
    monkeypatch.setattr("trainables.datasets.rows.decoded.resize", lambda *_: pytest.fail("here"))
    assert there[:3].shape == (3, SIZE, SIZE, 3)


def test_a_dataset_that_no_other_process_can_read_is_decoded_here(index, order, own_cache):
    with open(os.devnull) as opened:

        def read(position):
            assert not opened.closed
            return index.read(position)

        there = Decoded(replace(index, read=read), order, Square(SIZE))
        expected = load_images(index, order, SIZE).pixels
        np.testing.assert_array_equal(there[:], expected)


def test_plain_pixels_are_resized_here():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 8, 8), np.uint8)
    index = plain_index(pixels, np.zeros(5, np.int32), ("a", "b"), tuple("01234"))
    found = Decoded(index, np.arange(5), Square(8))[:]
    np.testing.assert_array_equal(found, np.repeat(pixels[..., None], 3, axis=-1))


def test_an_image_that_is_gone_is_named(tmp_path):
    folder = class_folders(tmp_path / "photos", 2, 3)
    index = read_index(DatasetSection(format="folders", path=str(folder)))
    there = Decoded(index, np.arange(6), Square(SIZE))
    (folder / index.keys[4]).unlink()
    with pytest.raises(BadImageError, match=index.keys[4]):
        there[:]
