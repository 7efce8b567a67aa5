"""Parquet files of images: columns, labels, sets, damage."""

from __future__ import annotations

import json
import threading

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spaces.errors import DataError
from spaces.studies.dataset import DatasetSection
from tests.trainables.datasets.pictures import encoded, picture, write
from trainables.datasets.formats.readers import read_index
from trainables.datasets.rows.loading import read_splits

PNGS = [encoded(picture(number), "PNG") for number in range(30)]


def table(path, labels, images=None, column="image", names=None, **more):
    path.parent.mkdir(parents=True, exist_ok=True)
    images = PNGS[: len(labels)] if images is None else images
    content = pa.table({column: pa.array(images, pa.binary()), "label": labels, **more})
    if names is not None:
        features = {"label": {"names": names, "_type": "ClassLabel"}, column: {"_type": "Image"}}
        metadata = {"huggingface": json.dumps({"info": {"features": features}})}
        content = content.replace_schema_metadata(metadata)
    pq.write_table(content, path, row_group_size=4)
    return path


def read(root, **more):
    return read_index(DatasetSection(format="parquet", path=str(root), **more))


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (("train-0.parquet", "test-0.parquet"), {"train", "test"}),
        (("data/train-00000-of-1.parquet", "data/validation-0.parquet"), {"train", "validation"}),
        (("train/0.parquet", "test/0.parquet"), {"train", "test"}),
        (("trainer.parquet", "b.parquet"), None),
    ],
)
def test_sets_are_told_by_names(tmp_path, files, expected):
    for file in files:
        table(tmp_path / file, [0, 1] * 5)
    subsets = read(tmp_path).subsets
    assert (None if subsets is None else set(subsets)) == expected


def test_numbers_without_names_are_classes_of_their_own(tmp_path):
    index = read(table(tmp_path / "a.parquet", [5, 3, 10, 3]))
    assert index.class_names == ("3", "5", "10")
    assert index.labels.tolist() == [1, 0, 2, 0]


def test_text_is_sorted_naturally_over_all_files(tmp_path):
    table(tmp_path / "a.parquet", ["dog", "cat 10"])
    table(tmp_path / "b.parquet", ["cat 2", "dog"])
    index = read(tmp_path)
    assert index.class_names == ("cat 2", "cat 10", "dog")
    assert index.labels.tolist() == [2, 1, 0, 2]


def test_rows_without_a_label_are_left_out_and_told(tmp_path):
    table(tmp_path / "train.parquet", [0, 1] * 10, names=["cat", "dog"])
    table(tmp_path / "test.parquet", [-1] * 4, names=["cat", "dog"])
    index, splits = read_splits(DatasetSection(format="parquet", path=str(tmp_path)))
    assert len(index.keys) == 20
    assert index.ignored == (("test.parquet", "has 4 rows without a label"),)
    assert len(splits.test) == 4


def test_columns_are_told_by_metadata_or_named(tmp_path):
    path = table(tmp_path / "a.parquet", [0, 1, 0], column="photo", fine=[7, 8, 9])
    assert read(path).class_names == ("0", "1")
    assert read(path, label_column="fine").class_names == ("7", "8", "9")
    assert read(path, image_column="photo").read(0).shape == (40, 48, 3)
    with pytest.raises(DataError, match=r"no image column 'img'; columns that could be: photo\."):
        read(path, image_column="img")


def test_columns_that_are_not_clear_have_to_be_named(tmp_path):
    content = pa.table({"a": PNGS[:4], "b": PNGS[4:8], "x": [0, 1, 0, 1], "y": [1, 0, 1, 0]})
    pq.write_table(content, tmp_path / "a.parquet")
    with pytest.raises(DataError, match=r"could be: a, b\. Name one as image_column in"):
        read(tmp_path)
    with pytest.raises(DataError, match=r"could be: x, y\. Name one as label_column in"):
        read(tmp_path, image_column="a")


def test_files_that_disagree_about_classes(tmp_path):
    table(tmp_path / "a.parquet", [0, 1], names=["cat", "dog"])
    table(tmp_path / "b.parquet", [0, 1], names=["dog", "cat"])
    with pytest.raises(DataError, match="state different class names"):
        read(tmp_path)


def test_a_label_without_a_name(tmp_path):
    table(tmp_path / "a.parquet", [0, 1, 2], names=["cat", "dog"])
    with pytest.raises(DataError, match="has the label 2 in row 2, but the 2 classes are cat, dog"):
        read(tmp_path)


def test_no_files_and_damaged_files_are_sentences(tmp_path):
    with pytest.raises(DataError, match="has no Parquet files"):
        read(tmp_path)
    write(tmp_path / "train.parquet", b"PAR1 nonsense")
    with pytest.raises(DataError, match="cannot be read as Parquet"):
        read(tmp_path)


def test_damaged_images_are_named_by_row(tmp_path):
    images = [*PNGS[:10], PNGS[10][:100], None, b""]
    table(tmp_path / "a.parquet", [0, 1] * 6 + [0], images)
    with pytest.raises(DataError) as refused:
        read_splits(DatasetSection(format="parquet", path=str(tmp_path)))
    message = str(refused.value)
    assert "a.parquet#10 is truncated" in message
    assert "a.parquet#11 has no bytes in its image column" in message
    assert "a.parquet#12 is empty" in message


def test_many_threads_read_the_right_rows(tmp_path):
    index = read(table(tmp_path / "a.parquet", [0, 1] * 15))
    wrong = []

    def look(seed):
        order = np.random.default_rng(seed).permutation(30).tolist()
        wrong.extend(i for i in order if not np.array_equal(index.read(i), picture(i)))

    threads = [threading.Thread(target=look, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
