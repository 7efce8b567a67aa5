"""TFDS by name: a stand-in with the interface that we use, as the library is optional."""

from __future__ import annotations

import sys
import types

import pytest

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from tests.trainables.datasets.pictures import encoded, picture
from trainables.datasets.rows.loading import read_splits


class Image:
    pass


class ClassLabel:
    names = ("cat", "dog")


class Builder:
    def __init__(self, name, data_dir):
        if name != "pets":
            raise ValueError(f"Dataset {name} not found.\nAvailable datasets: ...")
        self.name, self.data_dir, self.prepared = name, data_dir, False
        features = {"id": object(), "image": Image(), "label": ClassLabel()}
        self.info = types.SimpleNamespace(features=features, splits={"train": 20, "test": 6})

    def download_and_prepare(self):
        self.prepared = True

    def as_dataset(self, split, decoders, shuffle_files):
        assert self.prepared
        assert set(decoders) == {"image"}
        assert shuffle_files is False
        first = 0 if split == "train" else 100
        for number in range(self.info.splits[split]):
            yield {"image": encoded(picture(first + number)), "label": number % 2, "id": number}


@pytest.fixture
def tfds(monkeypatch):
    module = types.ModuleType("tensorflow_datasets")
    module.builder = Builder
    module.as_numpy = lambda dataset: dataset
    module.decode = types.SimpleNamespace(SkipDecoding=lambda: "skip")
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", module)


@pytest.mark.usefixtures("tfds")
def test_reads_by_name(tmp_path):
    section = DatasetSection(format="tfds", name="pets", path=str(tmp_path / "tfds"))
    index, splits = read_splits(section)
    assert index.class_names == ("cat", "dog")
    assert index.keys[20] == "test/00000"
    assert index.counts(splits.test).tolist() == [3, 3]
    assert index.counts(splits.validation).tolist() == [2, 2]
    assert index.read(0).shape == (40, 48, 3)
    assert read_splits(section)[0].fingerprint == index.fingerprint


@pytest.mark.usefixtures("tfds")
def test_an_unknown_name_is_a_sentence():
    with pytest.raises(DataError, match=r"cannot provide 'petz': Dataset petz not found\.$"):
        read_splits(DatasetSection(format="tfds", name="petz"))


@pytest.mark.usefixtures("tfds")
def test_a_column_that_is_not_there_is_a_sentence():
    section = DatasetSection(format="tfds", name="pets", image_column="photo")
    with pytest.raises(DataError, match=r"kind Image \(image\): name one as image_column"):
        read_splits(section)


def test_without_the_library_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_datasets", None)
    with pytest.raises(DataError, match=r'pip install "thawtune\[data\]"'):
        read_splits(DatasetSection(format="tfds", name="pets"))
