"""IDX files: what can be wrong with them, and the real Fashion-MNIST."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from tests.trainables.datasets.dataset_formats import FORMATS, idx
from tests.trainables.datasets.pictures import write
from trainables.datasets.formats.idx import read_array, read_index
from trainables.datasets.rows.loading import read_splits

DEBIAN = Path("/usr/share/datasets/fashion-mnist")
LABELS = np.arange(10, dtype=np.uint8)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "begins with nothing"),
        (b"\0\0\x08", "is not an IDX file"),
        (b"\0\0\x0d\x01" + bytes(8), "expected 00 00 08 01"),
        (idx(LABELS.reshape(2, 5)), "expected 00 00 08 01"),
        (idx(LABELS)[:-1], "claims 10 bytes but has 9"),
        (idx(LABELS) + b"\0", "claims 10 bytes but has more"),
    ],
)
def test_damaged_files_are_named(tmp_path, content, expected):
    for name, raw in (("labels", content), ("labels.gz", gzip.compress(content))):
        with pytest.raises(DataError, match=expected) as refused:
            read_array(write(tmp_path / name, raw), 1)
        assert name in str(refused.value)


def test_damaged_compression_is_named(tmp_path):
    packed = gzip.compress(idx(np.random.default_rng(0).integers(0, 9, 5000)))
    for raw in (packed[:100], packed[:-4], b"nonsense", packed[:500] + b"\0" + packed[501:]):
        with pytest.raises(DataError, match=r"labels\.gz (cannot be read|is not an IDX|claims)"):
            read_array(write(tmp_path / "labels.gz", raw), 1)


def test_a_size_beyond_belief_is_refused(tmp_path):
    raw = b"\0\0\x08\x03" + b"\xff" * 12
    with pytest.raises(DataError, match="it is damaged"):
        read_array(write(tmp_path / "images", raw), 3)


@pytest.fixture
def written(tmp_path):
    form = next(form for form in FORMATS if form.name == "idx plain")
    keys, _ = form.write(tmp_path)
    return DatasetSection(**keys), tmp_path


def test_missing_files_are_named(written):
    section, root = written
    (root / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="has no t10k-labels-idx1-ubyte"):
        read_index(section, root)


def test_labels_and_images_have_to_be_as_many(written):
    section, root = written
    write(root / "t10k-labels-idx1-ubyte", idx(LABELS))
    with pytest.raises(DataError, match="has 10 labels for 20 images"):
        read_index(section, root)


def test_classes_are_numbers_without_names_and_fashion_knows_its_own(written):
    section, root = written
    plain = section.model_copy(update={"class_names": {}})
    assert read_index(plain, root).class_names == tuple("0123456789")
    fashion = plain.model_copy(update={"name": "fashion_mnist"})
    assert read_index(fashion, root).class_names[9] == "Ankle boot"


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="needs the Debian package dataset-fashion-mnist")
def test_fashion_mnist_itself():
    section = DatasetSection(format="idx", name="fashion_mnist", subset=6000)
    index, splits = read_splits(section)
    assert len(index.keys) == 70_000
    assert index.class_names[0] == "T-shirt/top"
    assert index.counts(splits.test).tolist() == [1000] * 10
    assert index.counts(splits.train).tolist() == [480] * 10
    assert index.counts(splits.validation).tolist() == [120] * 10
    assert index.read(0).shape == (28, 28, 3)
    assert index.labels[:5].tolist() == [9, 0, 0, 3, 0]  # as its README shows them
