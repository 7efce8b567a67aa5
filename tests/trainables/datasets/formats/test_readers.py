"""One conformance test over all formats, on files as they are found in the wild."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from spaces.studies.dataset import FORMATS as NAMES
from spaces.studies.dataset import DatasetSection
from tests.trainables.datasets.dataset_formats import FORMATS
from trainables.datasets.preflight.examine import preflight
from trainables.datasets.rows.loading import load_trial_data, open_sealed_test, read_splits
from trainables.datasets.sets.splits import SETS

every_format = pytest.mark.parametrize("form", FORMATS, ids=lambda form: form.name)


@pytest.fixture
def dataset(form, tmp_path):
    keys, changeable = form.write(tmp_path / "data")
    return DatasetSection(**keys, **form.section), changeable


def test_no_format_is_forgotten(tmp_path):
    written = {form.write(tmp_path / form.name)[0]["format"] for form in FORMATS}
    assert written | {"tfds"} == set(NAMES)
    assert len(FORMATS) == 17


@every_format
def test_classes_keys_labels_and_pixels(form, dataset):
    section, _ = dataset
    index, _ = read_splits(section)
    assert index.class_names == form.class_names
    assert len(set(index.keys)) == len(index.keys) == len(index.labels)
    assert index.labels.dtype == np.int32
    assert set(index.labels.tolist()) == set(range(len(form.class_names)))
    for position in range(0, len(index.keys), 7):
        image = index.read(position)
        assert image.dtype == np.uint8
        assert image.ndim == 3
        assert image.shape[2] == 3


@every_format
def test_published_sets_stay_and_the_rest_is_split_stratified(form, dataset):
    section, _ = dataset
    index, splits = read_splits(section)
    for name, each in form.published.items():
        assert index.counts(splits.of(name)).tolist() == [each] * len(form.class_names)
        assert all(index.published[splits.of(name)] == name)
    split_here = [name for name in SETS if name not in form.published]
    for name in split_here:
        counts = index.counts(splits.of(name))
        assert counts.min() > 0
        assert counts.max() - counts.min() <= (6 if form.name == "digits" else 1)
    if split_here and form.name != "digits":
        assert sum(index.counts(splits.of(name))[0] for name in split_here) == form.split


@every_format
def test_sets_are_disjoint_by_position_and_by_content(form, dataset):
    section, _ = dataset
    index, splits = read_splits(section)
    positions = [set(splits.of(name).tolist()) for name in SETS]
    assert sum(map(len, positions)) == len(index.keys) == len(set.union(*positions))
    contents = [{index.read(p).tobytes() for p in some} for some in positions]
    assert not contents[0] & contents[1]
    assert not contents[0] & contents[2]
    assert not contents[1] & contents[2]


@every_format
def test_reading_twice_gives_the_same(form, dataset):
    section, _ = dataset
    first, splits = read_splits(section)
    second, again = read_splits(section)
    assert first.fingerprint == second.fingerprint
    assert first.keys == second.keys
    assert all(np.array_equal(splits.of(name), again.of(name)) for name in SETS)
    assert np.array_equal(first.read(3), second.read(3))


@every_format
def test_another_seed_splits_otherwise_what_is_split_here(form, dataset):
    section, _ = dataset
    _, splits = read_splits(section)
    _, others = read_splits(section.model_copy(update={"seed": 1}))
    for name in form.published:
        if name != "train":
            assert np.array_equal(splits.of(name), others.of(name))
    if form.split > 5:
        assert not np.array_equal(splits.train, others.train)


CHANGEABLE = [form for form in FORMATS if form.name != "digits" and "archive" not in form.name]


@pytest.mark.parametrize("form", CHANGEABLE, ids=lambda form: form.name)
def test_fingerprint_changes_when_a_file_does(form, dataset):
    section, changeable = dataset
    index, _ = read_splits(section)
    content = bytearray(changeable.read_bytes())
    if changeable.suffix == ".gz":
        plain = bytearray(gzip.decompress(content))
        plain[100] ^= 1
        content = gzip.compress(plain)
    elif changeable.suffix == ".parquet":
        content = _with_another_row_group_size(changeable)
    elif changeable.suffix in (".jpg", ".JPEG"):
        content += b"\0"  # after the end of the image, where it does no harm
    else:
        content[3000] ^= 1
    changeable.write_bytes(content)
    changed, _ = read_splits(section)
    assert changed.fingerprint != index.fingerprint
    assert changed.keys == index.keys


def _with_another_row_group_size(path):
    import pyarrow.parquet as pq

    table = pq.read_table(path)
    pq.write_table(table, path, row_group_size=3)
    return path.read_bytes()


@every_format
def test_loads_for_trials_and_for_the_sealed_test(form, dataset):
    section, _ = dataset
    trial = load_trial_data(section, 16)
    sealed = open_sealed_test(section, 16)
    found = preflight(section, "any")
    for name, images in (
        ("train", trial.train),
        ("validation", trial.validation),
        ("test", sealed.images),
    ):
        assert images.pixels.shape == (sum(found.counts[name]), 16, 16, 3)
        assert images.pixels.dtype == np.uint8
        assert len(images.labels) == sum(found.counts[name])
    assert found.class_names == form.class_names
    assert len(sealed.keys) == sum(found.counts["test"])
