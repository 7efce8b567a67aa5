"""Scores of one model on the test set: by image, or from the confusion matrix."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from reports.statistics.calibration import Reliability, reliability
from spaces import metrics

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

SMALLEST = 1e-12
"""A smaller probability counts as this in the log loss, as it does in training."""


@dataclass(frozen=True)
class Scores:
    """The scores of one model on a set of images.

    Attributes:
        label: True class of each image, shape (images,).
        predicted: Predicted class of each image, shape (images,).
        probabilities: Of each class, shape (images, classes); None where they are unknown.

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

    @property
    def right(self) -> int:
        """The number of images classified correctly."""
        return int(np.sum(self.label == self.predicted))

    @property
    def accuracy(self) -> float:
        """The share of images classified correctly."""
        return self.right / len(self.label)

    @property
    def balanced_accuracy(self) -> float:
        """Mean of the recalls of the classes that have an image."""
        return metrics.balanced_accuracy(self.counts.astype(np.float64))[0]

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes that have an image or were predicted, as in scikit-learn."""
        return metrics.macro_f1(self.counts.astype(np.float64))[0]

    @cached_property
    def counts(self) -> NDArray[np.int64]:
        """Images by true class (row) and predicted class (column)."""
        classes = int(max(self.label.max(), self.predicted.max())) + 1
        return metrics.confusion(self.label, self.predicted, classes)

    @property
    def log_losses(self) -> Floats:
        """−log of the true class's probability, in nats, shape (images,)."""
        own = self.known_probabilities[np.arange(len(self.label)), self.label]
        return -np.log(np.clip(own, SMALLEST, 1))

    @property
    def log_loss(self) -> float:
        """Mean of `log_losses`."""
        return float(self.log_losses.mean())

    @property
    def briers(self) -> Floats:
        """Squared distance of the probabilities from the truth, 0 to 2, shape (images,)."""
        truth = np.zeros_like(self.known_probabilities)
        truth[np.arange(len(self.label)), self.label] = 1
        return np.sum((self.known_probabilities - truth) ** 2, axis=1)

    @property
    def auc(self) -> float:
        """Area under the ROC curve: of the second of two classes, or the mean of each against the
        rest; NaN if there are images of one class alone."""
        return metrics.auc(self.label, self.known_probabilities)

    @property
    def brier(self) -> float:
        """Mean of `briers`."""
        return float(self.briers.mean())

    @property
    def confidence(self) -> Floats:
        """Probability of the predicted class, shape (images,)."""
        return self.known_probabilities[np.arange(len(self.label)), self.predicted]

    @property
    def reliability(self) -> Reliability:
        """Confidence against accuracy."""
        return reliability(self.confidence, self.label == self.predicted)

    @property
    def known_probabilities(self) -> Floats:
        """The probabilities.

        Raises:
            ValueError: If they are not known.
        """
        if self.probabilities is None:
            raise ValueError("probabilities are not known, so this score cannot be computed")
        return self.probabilities
