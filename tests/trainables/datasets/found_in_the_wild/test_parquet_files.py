"""Parquet files as people have them: labels, folds, indexes of pandas, paths without bytes."""

from __future__ import annotations

import json

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from spaces.errors import DataError
from tests.trainables.datasets.pictures import encoded, picture
from tests.trainables.datasets.reading import examined, read


def parquet(path, columns, names=None, images=None):
    count = len(next(iter(columns.values())))
    images = images or [{"bytes": encoded(picture(n), "PNG"), "path": None} for n in range(count)]
    table = pa.Table.from_pandas(pd.DataFrame({"image": images, **columns}))
    if names is not None:
        features = {"label": {"_type": "ClassLabel", "names": names}, "image": {"_type": "Image"}}
        about = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
        table = table.replace_schema_metadata(about)
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


FOLD = [n % 5 for n in range(20)]


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"label": [0.0, 1.0] * 10}, ("0", "1")),
        ({"label": [float("nan"), 1.0, 0.0, 1.0] * 5}, ("0", "1")),
        ({"label": [False, True] * 10}, ("false", "true")),
        ({"label": [-1, 1] * 10}, ("-1", "1")),
        ({"label": [0.5, 1.0] * 10}, ("0.5", "1")),
        ({"category": ["x", "y"] * 10}, ("x", "y")),
        ({"Category Name": ["x", "y"] * 10, "patient_id": FOLD}, ("x", "y")),
    ],
)
def test_the_label_of_parquet_is_never_the_fold(tmp_path, columns, expected):
    path = parquet(tmp_path / "t.parquet", columns | {"fold": FOLD})
    assert read(path, "parquet").class_names == expected


def test_a_fold_alone_is_no_label(tmp_path):
    path = parquet(tmp_path / "t.parquet", {"fold": FOLD})
    with pytest.raises(DataError, match=r"no column that is clearly the label; .*: fold\. Name"):
        read(path, "parquet")
    assert len(read(path, "parquet", label_column="fold").class_names) == 5


def test_the_index_of_pandas_is_no_label(tmp_path):
    frame = pd.DataFrame(
        {"image": [encoded(picture(n)) for n in range(20)], "kind": ["x", "y"] * 10}
    )
    frame[frame.index > 1].to_parquet(tmp_path / "t.parquet")
    assert read(tmp_path, "parquet").class_names == ("x", "y")


def test_a_class_name_that_no_row_has_is_no_class(tmp_path):
    images = [{"bytes": encoded(picture(n), "PNG"), "path": None} for n in range(20)]
    images[0]["bytes"] = images[0]["bytes"][:200]
    parquet(tmp_path / "t.parquet", {"label": [0, 2] * 10}, ["a", "b", "c"], images)
    found = examined(tmp_path, skip_bad=True)
    assert found.class_names == ("a", "c")
    assert sum(map(sum, found.counts.values())) == 19
    assert "Classes without images are not classes: b." in found.warnings


def test_paths_without_bytes_are_a_sentence(tmp_path):
    images = [{"bytes": None, "path": f"img/{n}.png"} for n in range(20)]
    parquet(tmp_path / "t.parquet", {"label": [0, 1] * 10}, images=images)
    with pytest.raises(DataError, match=r"holds paths such as img/0\.png and no bytes"):
        examined(tmp_path)


def test_parquet_has_split_and_group_columns(tmp_path):
    columns = {"label": [0, 1] * 10, "split": ["train"] * 15 + ["test"] * 5, "plant": FOLD}
    index = read(parquet(tmp_path / "t.parquet", columns), "parquet", group={"column": "plant"})
    assert index.subsets == ("train",) * 15 + ("test",) * 5
    assert index.groups == tuple(map(str, FOLD))
    dropped = read(tmp_path, "parquet", label_column="plant", drop_classes=["3", "4"])
    assert dropped.class_names == ("0", "1", "2")
