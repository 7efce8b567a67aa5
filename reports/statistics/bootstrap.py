"""Bootstrap intervals of scores: bias-corrected and accelerated (Efron, JASA 1987), stratified.

The split of the data gives each class its share of the test set, so a resample draws as many images
of each class as the set has: no rare class ever vanishes from one.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

RESAMPLES = 1000
LEVEL = 0.95
LEAST_IMAGES = 200
"""With fewer, the interval covers less than it says (docs/statistics.md)."""
_CELLS = 4_000_000
"""Weights held in memory at once."""


@dataclass(frozen=True)
class Estimate:
    """A score with its 95 % interval.

    Attributes:
        value: On the images as they are.
        low, high: None where there is no interval.
    """

    value: float
    low: float | None = None
    high: float | None = None


def estimate(values: Floats, label: Labels, seed: int = 0, resamples: int = RESAMPLES) -> Estimate:
    """A mean over the test images, with its interval.

    Args:
        values: What is averaged, such as the loss of each image, shape (images,).
        label: The class of each image, shape (images,).
        seed: Of the draws: with the same seed all models are judged on the same resamples.
        resamples: How many to draw.

    Returns:
        The mean; without an interval where all resamples gave the same.

    Raises:
        ValueError: If there is no image, or the shapes differ.
    """
    if not len(values) or values.shape != label.shape:
        raise ValueError(f"{len(values)} values of {len(label)} images, must be as many, 1 or more")
    value = float(values.mean())
    drawn = np.concatenate([w @ values / len(values) for w in _draws(label, seed, resamples)])
    if np.ptp(drawn) == 0:
        return Estimate(value)
    low, high = np.quantile(drawn, _bca_levels(value, drawn, _acceleration(values, label)))
    return Estimate(value, float(low), float(high))


def _draws(label: Labels, seed: int, resamples: int) -> Iterator[Floats]:
    """How often each image is drawn in each resample, (some resamples, images) at a time."""
    chance = np.random.default_rng(seed)
    groups = [np.flatnonzero(label == one) for one in np.unique(label)]
    at_once = max(1, _CELLS // len(label))
    for start in range(0, resamples, at_once):
        rows = min(at_once, resamples - start)
        weights = np.zeros((rows, len(label)))
        for group in groups:
            n = len(group)
            drawn = chance.integers(0, n, (rows, n)) + n * np.arange(rows)[:, None]
            weights[:, group] = np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n)
        yield weights


def _acceleration(values: Floats, label: Labels) -> float:
    """Skewness of the mean over 6: of a mean, the jackknife has this closed form."""
    square = cube = 0.0
    for one in np.unique(label):
        off = values[label == one] - values[label == one].mean()
        square += float(np.sum(off**2))
        cube += float(np.sum(off**3))
    return cube / (6 * square**1.5) if square > 0 else 0.0


def _bca_levels(value: float, drawn: Floats, acceleration: float) -> tuple[float, float]:
    """Which quantiles of the resamples bound the interval: z₀ corrects bias, a acceleration."""
    below = (np.mean(drawn < value) + np.mean(drawn <= value)) / 2
    bias = norm.ppf(np.clip(below, 0.5 / len(drawn), 1 - 0.5 / len(drawn)))
    tails = norm.ppf((1 - LEVEL) / 2), norm.ppf((1 + LEVEL) / 2)
    low, high = (
        float(norm.cdf(bias + (bias + z) / (1 - acceleration * (bias + z)))) for z in tails
    )
    if not math.isfinite(low + high):
        return (1 - LEVEL) / 2, (1 + LEVEL) / 2
    return low, high
