"""Scores of one model on the test images, as test.json records them."""

from __future__ import annotations

import math

import numpy as np

from spaces import metrics

_SMALLEST = 1e-12
"""A smaller probability counts as this in the loss, as it does in training."""


def scores_of(shares: np.ndarray, labels: np.ndarray) -> dict[str, float]:
    """Every score that a study can have as its objective, by name; AUC where it is defined.

    Args:
        shares: Probability of each class, shape (images, classes).
        labels: True class of each image, shape (images,).
    """
    counts = metrics.confusion(labels, shares.argmax(axis=-1), shares.shape[1]).astype(np.float64)
    likelihood = np.clip(shares[np.arange(len(labels)), labels], _SMALLEST, 1)
    scores = {
        "accuracy": float(np.trace(counts) / len(labels)),
        "balanced_accuracy": metrics.balanced_accuracy(counts)[0],
        "macro_f1": metrics.macro_f1(counts)[0],
        "auc": metrics.auc(labels, shares),
        "loss": float(-np.log(likelihood).mean()),
    }
    return {name: value for name, value in scores.items() if math.isfinite(value)}
