"""Recognising what lies at a path."""

from __future__ import annotations

from pathlib import Path

import pytest

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from tests.trainables.datasets.dataset_formats import FORMATS
from tests.trainables.datasets.pictures import class_folders, encoded, picture, write
from trainables.datasets.formats.readers import read_index
from trainables.datasets.formats.recognise import recognise

WITH_FILES = [form for form in FORMATS if form.name != "digits"]


@pytest.mark.parametrize("form", WITH_FILES, ids=lambda form: form.name)
def test_every_format_is_recognised_by_its_files(form, tmp_path):
    keys, _ = form.write(tmp_path / "data")
    found = recognise(keys["path"])
    assert (found.format, found.path) == (keys["format"], keys["path"])
    same = {k: v for k, v in {**keys, **form.section}.items() if k != "path"}
    read = read_index(DatasetSection.model_validate(found.model_dump() | same))
    assert read.class_names == form.class_names


def test_a_folder_with_nothing_but_a_dataset_stands_for_it(tmp_path):
    class_folders(tmp_path / "around" / "photos", 2, 3)
    assert recognise(tmp_path).format == "folders"


def test_class_folders_beside_a_table_that_says_something_else_are_a_choice(tmp_path):
    root = class_folders(tmp_path, 2, 4)
    rows = [f"class_{c}/{n}.jpg,{'ab'[n % 2]}" for c in range(2) for n in range(4)]
    write(root / "about.csv", "\n".join(["file,quality", *rows]).encode())
    with pytest.raises(DataError) as refused:
        recognise(root)
    assert "can be read in 2 ways" in str(refused.value)
    assert "format: table: it has labels in about.csv" in str(refused.value)
    assert "format: folders: it has the folders class_0, class_1" in str(refused.value)


def test_a_table_that_names_its_label_is_taken_before_folders(tmp_path):
    root = class_folders(tmp_path, 2, 4)
    rows = [f"class_{c}/{n}.jpg,{'ab'[n % 2]}" for c in range(2) for n in range(4)]
    write(root / "about.csv", "\n".join(["file,label", *rows]).encode())
    assert recognise(root).format == "table"


def test_a_table_that_repeats_the_folders_is_no_choice(tmp_path):
    root = class_folders(tmp_path, 2, 4)
    rows = [f"class_{c}/{n}.jpg,class_{c}" for c in range(2) for n in range(4)]
    write(root / "about.csv", "\n".join(["file,label", *rows]).encode())
    assert recognise(root).format == "folders"


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ((), "has 0 images"),
        (("1.jpg", "2.jpg"), "has 2 images, but nothing that tells their classes"),
        (("a/1.jpg", "a/2.jpg"), "has 2 images in one folder"),
    ],
)
def test_what_is_no_dataset_is_a_sentence_with_what_can_be_read(tmp_path, files, expected):
    for file in files:
        write(tmp_path / file, encoded(picture(1)))
    with pytest.raises(DataError) as refused:
        recognise(tmp_path)
    assert expected in str(refused.value)
    assert "a folder of images for each class" in str(refused.value)


def test_what_is_not_there_is_a_sentence(tmp_path):
    with pytest.raises(DataError, match=r"nowhere\. Expected"):
        recognise(Path(tmp_path) / "nowhere")
