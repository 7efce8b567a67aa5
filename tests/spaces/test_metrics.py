"""Scores are scikit-learn's, whatever the classes and however the images come."""

from __future__ import annotations

import math

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, f1_score, roc_auc_score

from spaces.metrics import auc, balanced_accuracy, confusion, macro_f1
from spaces.studies.study import METRICS


def drawn(classes, images=200, seed=0):
    """Uneven classes, and probabilities with ties that know something of them."""
    chance = np.random.default_rng(seed)
    labels = chance.choice(classes, images, p=np.arange(1, classes + 1) / sum(range(classes + 1)))
    scores = chance.integers(0, 6, (images, classes)) + 2.0 * (labels[:, None] == range(classes))
    shares = np.exp(scores)
    return labels, shares / shares.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("classes", [2, 3, 7])
def test_they_are_those_of_scikit_learn(classes, seed):
    labels, shares = drawn(classes, seed=seed)
    predicted = shares.argmax(axis=1)
    counts = confusion(labels, predicted, classes)
    np.testing.assert_array_equal(
        counts, confusion_matrix(labels, predicted, labels=range(classes))
    )
    found = balanced_accuracy(counts.astype(float))[0], macro_f1(counts.astype(float))[0]
    expected = (
        balanced_accuracy_score(labels, predicted),
        f1_score(labels, predicted, average="macro"),
    )
    assert found == pytest.approx(expected, abs=1e-12)
    ranked = roc_auc_score(
        labels, shares[:, 1] if classes == 2 else shares, multi_class="ovr", average="macro"
    )
    assert auc(labels, shares) == pytest.approx(ranked, abs=1e-12)


def test_a_class_without_images_has_no_area():
    labels, shares = drawn(3)
    labels = np.where(labels == 2, 1, labels)
    areas = [roc_auc_score(labels == k, shares[:, k]) for k in (0, 1)]
    assert auc(labels, shares) == pytest.approx(np.mean(areas), abs=1e-12)


def test_of_one_class_alone_nothing_is_known():
    assert math.isnan(auc(np.zeros(4, int), np.full((4, 2), 0.5)))


def test_the_loss_alone_is_minimised():
    assert [name for name, mode in METRICS.items() if mode == "min"] == ["val_loss"]
