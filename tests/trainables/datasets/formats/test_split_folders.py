"""Class folders in folders for each set: which sets and classes are refused."""

from __future__ import annotations

import pytest

from spaces.errors import DataError
from tests.trainables.datasets.pictures import class_folders, write
from tests.trainables.datasets.reading import ignored, read


def test_split_folders_without_training_images(tmp_path):
    class_folders(tmp_path / "val", 2, 2)
    with pytest.raises(DataError, match="has no folder train"):
        read(tmp_path, "split_folders")


def test_split_folders_with_a_set_twice(tmp_path):
    for name in ("train", "val", "validation"):
        class_folders(tmp_path / name, 2, 2)
    with pytest.raises(DataError, match="two folders for the validation set: val and validation"):
        read(tmp_path, "split_folders")


def test_split_folders_with_a_class_that_is_not_trained(tmp_path):
    class_folders(tmp_path / "train", 2, 2)
    class_folders(tmp_path / "test", 3, 2)
    with pytest.raises(DataError, match="The test set has images of class_2"):
        read(tmp_path, "split_folders")
    assert len(read(tmp_path, "split_folders", drop_classes=["class_2"]).class_names) == 2


def test_split_folders_in_one_folder(tmp_path):
    class_folders(tmp_path / "imagenette2-160" / "train", 2, 2)
    class_folders(tmp_path / "imagenette2-160" / "val", 2, 2)
    write(tmp_path / "imagenette2-160" / "noisy" / "x.csv", b"")
    index = read(tmp_path, "split_folders")
    assert index.subsets == ("train",) * 4 + ("validation",) * 4
    assert ignored(index) == {"noisy/": "is not one of the sets"}
