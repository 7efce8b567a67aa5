"""Scores of a classifier on a set of images: what a study can have as its objective, in NumPy.

The training and the report compute them here, so that both mean the same. What they need is the
true class of every image and the predicted one, or the probability of each class: batches and
replicas have no part in them.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata

Floats = NDArray[np.float64]


def confusion(labels: np.ndarray, predicted: np.ndarray, classes: int) -> NDArray[np.int64]:
    """Images by true class (row) and predicted class (column).

    Args:
        labels, predicted: Whole numbers (images,).
        classes: How many there are.
    """
    flat = np.bincount(labels.astype(np.int64) * classes + predicted, minlength=classes**2)
    return flat.reshape(classes, classes)


def balanced_accuracy(counts: Floats) -> tuple[float, Floats]:
    """Mean recall of the classes that have an image, and its derivatives by each count.

    Args:
        counts: Images by true class (row) and predicted class (column).
    """
    sizes = counts.sum(axis=1)
    weights = np.divide(1, sizes, out=np.zeros_like(sizes), where=sizes > 0) / np.sum(sizes > 0)
    return float(np.diag(counts) @ weights), np.diag(weights)


def macro_f1(counts: Floats) -> tuple[float, Floats]:
    """Mean F1 of the classes that have an image or were predicted, and its derivatives.

    F_h = 2 N_hh / D_h with D_h = n_h + predictions of h; the n_h are constants.

    Args:
        counts: Images by true class (row) and predicted class (column).
    """
    both = counts.sum(axis=1) + counts.sum(axis=0)
    there = both > 0
    inverse = np.divide(1, both, out=np.zeros_like(both), where=there)
    f1 = 2 * np.diag(counts) * inverse
    slopes = 2 * np.diag(inverse) - (f1 * inverse)[None, :]
    return float(f1.sum() / there.sum()), slopes / there.sum()


def auc(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Area under the receiver operating characteristic: how often right is ranked above wrong.

    Of two classes it is that of the second one. Of more it is the mean over the classes, each
    against the rest; classes without an image, or with all of them, are left out.

    Args:
        labels: Whole numbers (images,).
        probabilities: Of each class, shape (images, classes).

    Returns:
        0..1; NaN if only one class has images.
    """
    classes = probabilities.shape[1]
    areas = [
        _area(labels == k, probabilities[:, k]) for k in ([1] if classes == 2 else range(classes))
    ]
    known = [area for area in areas if area is not None]
    return float(np.mean(known)) if known else float("nan")


def _area(is_positive: np.ndarray, scores: np.ndarray) -> float | None:
    """The Mann-Whitney statistic as a share; ties count half."""
    positive = int(is_positive.sum())
    negative = len(is_positive) - positive
    if not positive or not negative:
        return None
    above = rankdata(scores)[is_positive].sum() - positive * (positive + 1) / 2
    return float(above / (positive * negative))
