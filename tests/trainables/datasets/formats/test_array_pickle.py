"""Pickles of arrays are read, and whatever else a pickle asks for is refused and not run."""

from __future__ import annotations

import pickle
import struct

import numpy as np
import pytest

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from tests.trainables.datasets.dataset_formats import cifar_batches, python2_pickle
from tests.trainables.datasets.pictures import write
from trainables.datasets.formats.array_pickle import load
from trainables.datasets.formats.cifar10 import read_index

PIXELS = np.arange(4 * 3072, dtype=np.uint64).astype(np.uint8).reshape(4, 3072)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_of_every_protocol(tmp_path, protocol, order):
    batch = {b"data": np.asarray(PIXELS, order=order), b"labels": [1, 2, 3, 4], "text": "x"}
    loaded = load(write(tmp_path / "batch", pickle.dumps(batch, protocol)))
    assert np.array_equal(loaded[b"data"], PIXELS)
    assert loaded[b"data"].dtype == np.uint8
    assert loaded[b"labels"] == [1, 2, 3, 4]


@pytest.mark.parametrize("dtype", ["u1", "i1", "<i4", ">i4", "<u2", ">u8"])
@pytest.mark.parametrize("protocol", [2, 5])
def test_integers_of_every_kind(tmp_path, dtype, protocol):
    array = np.array([[1, 2], [3, 100]], dtype)
    loaded = load(write(tmp_path / "batch", pickle.dumps({"labels": array}, protocol)))
    assert np.array_equal(loaded["labels"], array)


def test_numbers_of_numpy_among_labels(tmp_path):
    batch = {"labels": [np.int64(3), np.uint8(7)]}
    assert load(write(tmp_path / "batch", pickle.dumps(batch)))["labels"] == [3, 7]


def test_a_pickle_of_python_2(tmp_path):
    raw = python2_pickle(b"training batch 1 of 5", [6, 9, 9, 4], PIXELS)
    loaded = load(write(tmp_path / "batch", raw))
    assert np.array_equal(loaded[b"data"], PIXELS)
    assert loaded[b"labels"] == [6, 9, 9, 4]
    assert loaded[b"batch_label"] == b"training batch 1 of 5"


class Calls:
    """Pickles as a call of anything."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def hostile(marker):
    import builtins
    import os
    import subprocess

    yield Calls(os.system, f"touch {marker}"), "posix.system"
    yield Calls(builtins.eval, f"open({str(marker)!r}, 'w')"), r"builtin\w*\.eval"
    yield Calls(subprocess.Popen, ["touch", str(marker)]), r"\w+\.Popen"
    yield Calls(getattr, "text", "upper"), r"builtin\w*\.getattr"
    yield Calls(np.fromfile, str(marker)), r"numpy\.\S*fromfile"
    yield np.array([{}], object), "dtype 'O8'"
    yield np.array([1.5]), "dtype 'f8'"


@pytest.mark.parametrize("protocol", [0, 2, 5])
@pytest.mark.parametrize("case", range(7))
def test_whatever_else_it_asks_for_is_refused_and_not_run(tmp_path, case, protocol):
    marker = tmp_path / "executed"
    thing, named = list(hostile(marker))[case]
    path = write(tmp_path / "batch", pickle.dumps({"data": PIXELS, "x": thing}, protocol))
    with pytest.raises(DataError, match=rf"is refused: it .*{named}"):
        load(path)
    assert not marker.exists()


RECONSTRUCT = b"cnumpy.core.multiarray\n_reconstruct\n"


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"\x80\x02",
        b"not a pickle",
        b"\x80\x02r\xff\xff\xff\x7f.",  # a memo of 16 GB
        b"\x80\x02]r\xff\xff\xff\x7f.",
        b"\x80\x04B\xff\xff\xff\x7f.",
        b"\x80\x04\x8e" + struct.pack("<Q", 2**62) + b".",
        RECONSTRUCT + b"}b.",  # the attributes of a function
        RECONSTRUCT + b"(N}X\x05\x00\x00\x00_callK\x01stb.",
        RECONSTRUCT + b")R(K\x01(K\x05tcnumpy\ndtype\n(X\x02\x00\x00\x00u1tR\x89C\x02abtb.",
        b"cnumpy\nndarray\n)R.",
        b"cnumpy\nndarray\n)\x81.",
        b"c_codecs\nencode\n(X\x01\x00\x00\x00aX\x03\x00\x00\x00rotttR.",
        b"\x80\x02\x82\x01.",
        b"\x80\x02" + b"(" * 1000 + b"t" * 1000 + b".",
    ],
)
def test_damaged_and_contorted_pickles_are_sentences(tmp_path, raw):
    path = write(tmp_path / "batch", raw)
    if raw.startswith(b"\x80\x02((("):
        load(path)  # odd, and harmless
        return
    with pytest.raises(DataError, match=r"is (damaged|refused)"):
        load(path)


@pytest.fixture
def cifar(tmp_path):
    for name, labels, pixels in cifar_batches():
        batch = {b"data": pixels, b"labels": labels}
        write(tmp_path / name, pickle.dumps(batch))
    return tmp_path


def read(root):
    return read_index(DatasetSection(format="cifar10", path=str(root)), root)


def test_cifar_as_python_3_writes_it_has_the_known_class_names(cifar):
    index = read(cifar)
    assert index.class_names[3] == "cat"
    assert index.read(0).shape == (32, 32, 3)


def test_cifar_pixels_are_channel_by_channel(cifar):
    pixels = next(cifar_batches())[2]
    assert np.array_equal(read(cifar).read(0)[..., 1], pixels[0, 1024:2048].reshape(32, 32))


@pytest.mark.parametrize(
    ("batch", "expected"),
    [
        ([1, 2], "holds a list"),
        ({}, "has no array 'data'"),
        ({b"data": PIXELS}, r"labels of shape \(0,\)"),
        ({b"data": PIXELS, b"labels": [1, 2]}, r"labels of shape \(2,\)"),
        ({b"data": PIXELS[:, :9], b"labels": [1] * 4}, r"data of shape \(4, 9\)"),
        ({b"data": PIXELS, b"labels": [77] * 4}, "has the label 77"),
        ({b"data": PIXELS.astype(np.int32), b"labels": [1] * 4}, "has no array 'data' of bytes"),
    ],
)
def test_batches_that_are_not_cifars(cifar, batch, expected):
    write(cifar / "data_batch_3", pickle.dumps(batch))
    with pytest.raises(DataError, match=expected):
        read(cifar)


def test_a_missing_batch_is_named(cifar):
    (cifar / "data_batch_4").unlink()
    with pytest.raises(DataError, match="has no data_batch_4"):
        read(cifar)


def test_a_cut_binary_batch_is_named(tmp_path):
    for name, labels, pixels in cifar_batches():
        rows = np.column_stack([np.array(labels, np.uint8), pixels])
        write(tmp_path / f"{name}.bin", rows.tobytes()[: -1 if name == "test_batch" else None])
    with pytest.raises(DataError, match=r"test_batch\.bin has 61,459 bytes, expected a multiple"):
        read(tmp_path)
