"""Calibration: confidence against accuracy by bins, and what a calibrated model would show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15
"""Of equal width, as in Guo et al. (ICML 2017)."""

RESAMPLES = 1000
_CELLS = 4_000_000
"""Images of resamples held in memory at once."""

Floats = NDArray[np.float64]


def bin_of(confidence: Floats) -> NDArray[np.int64]:
    """The bin of each confidence: bin m holds those in (m/BINS, (m+1)/BINS], the first 0 too."""
    return np.clip(np.ceil(confidence * BINS) - 1, 0, BINS - 1).astype(np.int64)


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy; bins without an image are left out.

    Attributes:
        bins: Index of each bin.
        images: In each bin.
        confidence: Mean probability of the predicted class in each bin.
        accuracy: Share of right ones in each bin.
    """

    bins: tuple[int, ...]
    images: tuple[int, ...]
    confidence: tuple[float, ...]
    accuracy: tuple[float, ...]

    @property
    def error(self) -> float:
        """The expected calibration error: the gaps, weighted by images."""
        gaps = np.abs(np.subtract(self.confidence, self.accuracy))
        return float(np.average(gaps, weights=self.images))

    @property
    def excess(self) -> float:
        """Mean confidence − accuracy: above zero a model is surer than it is right."""
        gaps = np.subtract(self.confidence, self.accuracy)
        return float(np.average(gaps, weights=self.images))


def reliability(confidence: Floats, is_right: NDArray[np.bool_]) -> Reliability:
    """Sort images into bins by confidence.

    Args:
        confidence: Probability of the predicted class, shape (images,).
        is_right: Whether that class is the true one, shape (images,).
    """
    index = bin_of(confidence)
    images = np.bincount(index, minlength=BINS)
    filled = np.flatnonzero(images)
    sums = (np.bincount(index, weights=w, minlength=BINS) for w in (confidence, is_right))
    means, shares = ((total[filled] / images[filled]).tolist() for total in sums)
    return Reliability(
        tuple(filled.tolist()), tuple(images[filled].tolist()), tuple(means), tuple(shares)
    )


@dataclass(frozen=True)
class Consistency:
    """A calibration error beside those of a perfectly calibrated model with the same confidences.

    The calibration error of finitely many images is never zero: in each bin the accuracy differs
    from the confidence by chance. So the figure means little without these.

    Attributes:
        error: The expected calibration error.
        expected: Its mean if the model were perfectly calibrated.
        upper: What 95 % of such models stay below.
        p: The probability of so large an error, or a larger one, if it were.
    """

    error: float
    expected: float
    upper: float
    p: float

    @property
    def is_off(self) -> bool:
        """Whether the model is miscalibrated by more than chance."""
        return self.p < 0.05


def consistency(confidence: Floats, is_right: NDArray[np.bool_], seed: int) -> Consistency:
    """Consistency resampling (Bröcker & Smith, Weather and Forecasting 2007).

    Each resample keeps the confidences and draws for each image whether the model is right, with
    its confidence as the probability.

    Args:
        confidence: Probability of the predicted class, shape (images,).
        is_right: Whether that class is the true one, shape (images,).
        seed: Of the draws.
    """
    index = bin_of(confidence)
    chance = np.random.default_rng(seed)
    at_once = max(1, _CELLS // len(confidence))
    sizes = [min(at_once, RESAMPLES - done) for done in range(0, RESAMPLES, at_once)]
    bins = np.eye(BINS)[index]
    gaps = ((chance.random((n, len(index))) < confidence) - confidence for n in sizes)
    errors = np.concatenate([np.abs(gap @ bins).sum(axis=1) for gap in gaps]) / len(confidence)
    error = reliability(confidence, is_right).error
    p = (1 + np.sum(errors >= error - 1e-12)) / (1 + RESAMPLES)
    return Consistency(error, float(errors.mean()), float(np.quantile(errors, 0.95)), float(p))
