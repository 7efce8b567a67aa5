"""Scores that test.json records, beside scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from search.testset.scores import scores_of


@pytest.mark.parametrize("sizes", [(60, 20), (50, 30, 9)], ids=["two classes", "three classes"])
def test_they_are_those_of_scikit_learn(sizes):
    chance = np.random.default_rng(0)
    labels = np.repeat(np.arange(len(sizes)), sizes)
    shares = chance.dirichlet(np.ones(len(sizes)), len(labels)) + 0.4 * np.eye(len(sizes))[labels]
    shares = (shares / shares.sum(axis=1, keepdims=True)).astype(np.float32)
    predicted = shares.argmax(axis=1)
    exact = shares.astype(float) / shares.sum(axis=1, keepdims=True, dtype=float)
    area = exact[:, 1] if len(sizes) == 2 else exact
    assert scores_of(shares, labels) == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(labels, predicted),
            "balanced_accuracy": metrics.balanced_accuracy_score(labels, predicted),
            "macro_f1": metrics.f1_score(labels, predicted, average="macro"),
            "auc": metrics.roc_auc_score(labels, area, multi_class="ovr"),
            "loss": metrics.log_loss(labels, exact),
        },
        rel=1e-6,
    )


def test_of_one_class_alone_there_is_no_area():
    assert "auc" not in scores_of(np.array([[0.7, 0.3], [0.2, 0.8]]), np.zeros(2, int))
