"""Scores of a classifier as functions of the images' weights, so that resampling is arithmetic.

A bootstrap resample of n images is a weight for each of them: how often it was drawn. Each score
here takes a matrix of weights, a row a resample, and returns a value a row; with weights of one it
is the score itself. Nothing in it loops over images or over resamples.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from reports.statistics.calibration import BINS, bin_of

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

SMALLEST = 1e-12
"""A probability below it counts as this in the log loss, as where the loss is reported."""


@dataclass(frozen=True)
class Scores:
    """The scores of one model on a set of images.

    Attributes:
        label: True class of each image, shape (images,).
        predicted: Predicted class of each, shape (images,).
        probabilities: Of each class, shape (images, classes); None where they are not known.

    Raises:
        ValueError: If there is no image, or the shapes do not fit.
    """

    label: Labels
    predicted: Labels
    probabilities: Floats | None = None

    def __post_init__(self) -> None:
        n = len(self.label)
        if n < 1 or len(self.predicted) != n:
            raise ValueError(f"{n} labels and {len(self.predicted)} predictions, must be as many")
        if self.probabilities is not None and len(self.probabilities) != n:
            raise ValueError(f"{n} labels and probabilities of {len(self.probabilities)} images")

    def accuracy(self, weights: Floats) -> Floats:
        """Share of images whose class was found."""
        return self._mean(weights, self._is_right)

    def balanced_accuracy(self, weights: Floats) -> Floats:
        """Mean of the classes' recalls, of those classes that have an image."""
        found, support, _ = self._by_class(weights)
        return _mean_of_shares(found, support)

    def macro_f1(self, weights: Floats) -> Floats:
        """Mean of the classes' F1, of those that have an image or were predicted."""
        found, support, predicted = self._by_class(weights)
        either = support + predicted
        return _mean_of_shares(2 * found, either)

    def log_loss(self, weights: Floats) -> Floats:
        """Mean of −log of the true class's probability, in nats."""
        own = self._known[np.arange(len(self.label)), self.label]
        return self._mean(weights, -np.log(np.clip(own, SMALLEST, 1)))

    def brier(self, weights: Floats) -> Floats:
        """Mean squared distance of the probabilities from the truth, summed over classes: 0..2."""
        truth = np.zeros_like(self._known)
        truth[np.arange(len(self.label)), self.label] = 1
        return self._mean(weights, np.sum((self._known - truth) ** 2, axis=1))

    def calibration_error(self, weights: Floats) -> Floats:
        """Expected calibration error (Guo et al., ICML 2017) over bins of equal width."""
        bins = _indicator(bin_of(self._confidence), BINS)
        gap = _dot(bins.multiply((self._is_right - self._confidence)[:, None]), weights)
        return np.abs(gap).sum(axis=1) / weights.sum(axis=1)

    @property
    def _known(self) -> Floats:
        if self.probabilities is None:
            raise ValueError("probabilities are not known, so this score cannot be computed")
        return self.probabilities

    @cached_property
    def _confidence(self) -> Floats:
        return self._known[np.arange(len(self.label)), self.predicted]

    @cached_property
    def _is_right(self) -> Floats:
        return (self.label == self.predicted).astype(np.float64)

    def _mean(self, weights: Floats, values: Floats) -> Floats:
        return weights @ values / weights.sum(axis=1)

    def _by_class(self, weights: Floats) -> tuple[Floats, Floats, Floats]:
        """Rightly found, true and predicted images of each class, each (resamples, classes)."""
        classes = int(max(self.label.max(), self.predicted.max())) + 1
        label = _indicator(self.label, classes)
        right = label.multiply(self._is_right[:, None])
        predicted = _indicator(self.predicted, classes)
        return _dot(right, weights), _dot(label, weights), _dot(predicted, weights)


def _indicator(group: Labels, groups: int) -> Any:
    """Sparse (images, groups): one where an image is in a group."""
    n = len(group)
    return sparse.csr_matrix((np.ones(n), (np.arange(n), group)), shape=(n, groups))


def _dot(indicator: Any, weights: Floats) -> Floats:
    """Sums by group, (resamples, groups)."""
    return np.asarray((indicator.T.tocsr() @ weights.T).T)


def _mean_of_shares(parts: Floats, wholes: Floats) -> Floats:
    """Mean over the columns of parts / wholes, of those whose whole is not empty."""
    there = wholes > 0
    shares = np.divide(parts, wholes, out=np.zeros_like(parts), where=there)
    return shares.sum(axis=1) / there.sum(axis=1)
