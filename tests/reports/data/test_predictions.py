"""Tests for the predictions of each test image."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from reports.data.predictions import read_predictions
from spaces.errors import RunStateError

ROWS = {
    "model": ["b", "a", "a", "b"],
    "image": ["y", "y", "x", "x"],
    "label": [1, 1, 0, 0],
    "predicted": [0, 1, 0, 1],
}


def test_models_are_told_apart_and_images_sorted(tmp_path) -> None:
    pq.write_table(pa.table(ROWS), tmp_path / "p.parquet")
    found = read_predictions(tmp_path / "p.parquet", ["cat", "dog"])
    assert list(found) == ["a", "b"]
    assert found["b"].images == ("x", "y")
    np.testing.assert_array_equal(found["b"].predicted, [1, 0])
    np.testing.assert_array_equal(found["a"].is_right, [True, True])
    np.testing.assert_array_equal(found["b"].is_right, [False, False])


def test_no_file_means_no_predictions(tmp_path) -> None:
    assert read_predictions(tmp_path / "p.parquet", []) == {}


@pytest.mark.parametrize(
    ("rows", "classes", "message"),
    [(ROWS, ["cat"], "label that is not among"), ({"model": ["a"]}, ["cat"], "no column image")],
)
def test_a_file_that_does_not_fit_is_refused(tmp_path, rows, classes, message) -> None:
    pq.write_table(pa.table(rows), tmp_path / "p.parquet")
    with pytest.raises(RunStateError, match=message):
        read_predictions(tmp_path / "p.parquet", classes)


def test_a_damaged_file_is_refused(tmp_path) -> None:
    (tmp_path / "p.parquet").write_bytes(b"PAR1 no more")
    with pytest.raises(RunStateError, match="cannot be read"):
        read_predictions(tmp_path / "p.parquet", [])


def test_probabilities_are_a_matrix_where_they_are_on_file(tmp_path) -> None:
    shares = [[0.1, 0.9], [0.2, 0.8], [0.7, 0.3], [0.4, 0.6]]
    pq.write_table(pa.table(ROWS | {"probabilities": shares}), tmp_path / "p.parquet")
    found = read_predictions(tmp_path / "p.parquet", ["cat", "dog"])["b"]
    np.testing.assert_array_equal(found.probabilities, [[0.4, 0.6], [0.1, 0.9]])
    np.testing.assert_array_equal(found.probability_of(found.predicted), [0.6, 0.1])
    with pytest.raises(RunStateError, match="2 probabilities for an image"):
        read_predictions(tmp_path / "p.parquet", ["cat", "dog", "cow"])
