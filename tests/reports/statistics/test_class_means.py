"""Tests for the intervals of means over classes."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score

from reports.statistics.class_means import SCORES, class_mean_interval
from reports.statistics.proportions import wilson


@pytest.fixture
def some():
    chance = np.random.default_rng(0)
    label = np.repeat(np.arange(4), [60, 50, 45, 45])
    predicted = np.where(chance.random(200) < 0.8, label, chance.integers(0, 4, 200))
    return label, predicted


def test_the_scores_are_those_of_scikit_learn(some) -> None:
    counts = confusion_matrix(*some).astype(float)
    balanced, _ = SCORES["balanced_accuracy"](counts)
    assert balanced == pytest.approx(balanced_accuracy_score(*some))
    assert SCORES["macro_f1"](counts)[0] == pytest.approx(f1_score(*some, average="macro"))


@pytest.mark.parametrize("name", list(SCORES))
def test_the_derivatives_are_those_of_moving_an_image(some, name) -> None:
    """From (h, g) to (h, f), which leaves the size of class h as it is."""
    counts = confusion_matrix(*some).astype(float)
    _, slopes = SCORES[name](counts)
    for true, source, to in ((0, 0, 1), (1, 1, 3), (2, 0, 2), (3, 3, 0)):
        moved = counts.copy()
        moved[true, source] -= 1e-5
        moved[true, to] += 1e-5
        change = (SCORES[name](moved)[0] - SCORES[name](counts)[0]) / 1e-5
        assert slopes[true, to] - slopes[true, source] == pytest.approx(change, rel=1e-3)


def test_with_equal_classes_that_are_equally_hard_it_is_wilsons() -> None:
    counts = np.full((5, 5), 1) + 35 * np.eye(5, dtype=int)
    found = class_mean_interval(counts, "balanced_accuracy")
    closed = wilson(180, 200)
    assert (found.low, found.high) == pytest.approx((closed.low, closed.high), abs=1e-3)


def test_without_an_error_there_still_is_an_interval() -> None:
    found = class_mean_interval(40 * np.eye(5, dtype=int), "macro_f1")
    assert found.high == 1
    assert 0.97 < found.low < 0.99


def test_where_a_class_is_too_small_there_is_none() -> None:
    uneven = np.diag([300, 100, 40, 12])
    assert class_mean_interval(uneven, "balanced_accuracy") is None
    assert class_mean_interval(uneven, "macro_f1") is not None
    assert class_mean_interval(np.diag([300, 4]), "macro_f1") is None
    assert class_mean_interval(np.diag([440, 216]), "balanced_accuracy") is not None


def test_a_class_without_an_image_is_no_small_class() -> None:
    counts = np.diag([50, 50, 0])
    counts[0, 2] = 3
    found = class_mean_interval(counts, "macro_f1")
    assert found.low < found.high < 0.9, "predicted though it has no image: its F1 is 0"
    assert class_mean_interval(counts, "balanced_accuracy").high > 0.98
