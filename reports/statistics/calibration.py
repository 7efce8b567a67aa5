"""Whether a model is as sure as it is right: reliability by bins of its confidence."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

BINS = 15
"""Of equal width, as in Guo et al. (ICML 2017)."""

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
