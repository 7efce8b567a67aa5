"""Tests for confusion matrix, scores by class and confused pairs."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import classification_report

from reports.analysis.errors import class_scores, confused_pairs_table, confusion
from reports.data.predictions import Predictions

CLASSES = ["cat", "dog", "emu", "fox"]


def predictions(label, predicted) -> Predictions:
    images = tuple(map(str, range(len(label))))
    return Predictions(images, np.array(label), np.array(predicted))


SOME = predictions([0, 0, 0, 1, 1, 2], [0, 1, 1, 1, 1, 0])


def test_matrix_and_shares() -> None:
    found = confusion(SOME, CLASSES)
    np.testing.assert_array_equal(
        found.counts, [[1, 2, 0, 0], [0, 2, 0, 0], [1, 0, 0, 0], [0, 0, 0, 0]]
    )
    np.testing.assert_allclose(found.shares[0], [1 / 3, 2 / 3, 0, 0])
    assert np.isnan(found.shares[3]).all(), "a class without an image has no shares"


def test_scores() -> None:
    scores = {one.name: one for one in class_scores(SOME, CLASSES)}
    assert (scores["dog"].precision, scores["dog"].recall, scores["dog"].support) == (0.5, 1, 2)
    assert math.isnan(scores["emu"].precision), "never predicted"
    assert scores["emu"].f1 == 0
    assert math.isnan(scores["fox"].recall), "not in the set"
    assert scores["mean over classes"].precision == pytest.approx((0.5 + 0.5 + 0) / 3)
    assert scores["mean over classes"].support == 6


def test_the_means_are_those_of_scikit_learn() -> None:
    chance = np.random.default_rng(0)
    label = np.arange(200) % 4
    some = predictions(label, np.where(chance.random(200) < 0.7, label, chance.integers(0, 4, 200)))
    expected = classification_report(some.label, some.predicted, output_dict=True)
    found = {one.name: one for one in class_scores(some, CLASSES)}
    for ours, theirs in (("mean over classes", "macro avg"), ("weighted mean", "weighted avg")):
        assert found[ours].precision == pytest.approx(expected[theirs]["precision"])
        assert found[ours].recall == pytest.approx(expected[theirs]["recall"])
        assert found[ours].f1 == pytest.approx(expected[theirs]["f1-score"])


def test_pairs_are_the_wrong_ones_and_the_most_frequent_first() -> None:
    table = confused_pairs_table(confusion(SOME, CLASSES))
    rows = [[cell.value for cell in row.cells] for row in table.rows]
    assert rows == [["cat", "dog", 2, pytest.approx(2 / 3)], ["emu", "cat", 1, 1.0]]
    assert len(confused_pairs_table(confusion(SOME, CLASSES), most=1).rows) == 1


def test_no_error_at_all() -> None:
    table = confused_pairs_table(confusion(predictions([0, 1], [0, 1]), CLASSES))
    assert table.rows == ()
    assert table.empty == "Every test image was classified correctly."
