"""95 % intervals of balanced accuracy and macro F1, means over classes of a stratified test set.

Both are functions of the confusion matrix N, whose row sums n_h (images of class h) are fixed by
the stratified split. Their variance is the delta method's, Σ_h n_h · Var(s(h, ·)), with s(h, g) the
derivative of the score by N_hg. The interval is Wilson's, of the score as a proportion of as many
images as would give that variance (the effective sample size of Korn and Graubard, 1998). With
equal classes, balanced accuracy is accuracy, and the interval that of Wilson itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from reports.statistics.proportions import Interval, wilson_of_share
from spaces.metrics import balanced_accuracy, macro_f1

Floats = NDArray[np.float64]
Name = Literal["balanced_accuracy", "macro_f1"]

MOST_UNEVEN = 1.5
"""Of balanced accuracy: the harmonic mean of the class sizes over the smallest. Beyond, single
images of the smallest class decide, and no interval holds what it says."""

LEAST_IMAGES = 5
"""Of macro F1: images of the smallest class."""


def class_mean_interval(counts: NDArray[np.int64], name: Name) -> Interval | None:
    """The interval of a score, or None where a class is too small for one.

    Whether it is None depends on the class sizes alone, not on the predictions.

    Args:
        counts: Images by true class (row) and predicted class (column).
        name: Of the score.
    """
    sizes = counts.sum(axis=1)
    present = sizes[sizes > 0]
    uneven = len(present) / np.sum(1 / present) / present.min()
    if uneven > MOST_UNEVEN if name == "balanced_accuracy" else present.min() < LEAST_IMAGES:
        return None
    gradient = SCORES[name]
    score, _ = gradient(counts.astype(np.float64))
    smoothed = _smoothed(counts)
    centre, slopes = gradient(smoothed * sizes[:, None])
    mean = np.sum(smoothed * slopes, axis=1, keepdims=True)
    variance = np.sum(sizes * np.sum(smoothed * (slopes - mean) ** 2, axis=1))
    return wilson_of_share(min(1.0, score), centre * (1 - centre) / variance)


def _smoothed(counts: NDArray[np.int64]) -> Floats:
    """Probability of each prediction by class, with one further image like the average one.

    Without it a class that was never mistaken would have no variance. The further image is right
    as often as all are, and otherwise spread as all mistakes are.
    """
    classes, images = len(counts), counts.sum()
    right = (np.trace(counts) + 0.5) / (images + 1)
    wrong = counts.sum(axis=0) - np.diag(counts) + 1 / classes
    elsewhere = np.tile(wrong, (classes, 1)) * (1 - np.eye(classes))
    elsewhere /= np.maximum(elsewhere.sum(axis=1, keepdims=True), 1e-12)
    average = right * np.eye(classes) + (1 - right) * elsewhere
    return (counts + average) / (counts.sum(axis=1, keepdims=True) + 1)


SCORES: dict[str, Callable[[Floats], tuple[float, Floats]]] = {
    "balanced_accuracy": balanced_accuracy,
    "macro_f1": macro_f1,
}
"""By name: the score of a confusion matrix, and its derivatives by each count."""
