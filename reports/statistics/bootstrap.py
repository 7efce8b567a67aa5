"""Bootstrap intervals of scores: bias-corrected and accelerated (Efron, JASA 1987)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm

Floats = NDArray[np.float64]
Score = Callable[[Floats], Floats]
"""Weights of the images, (resamples, images), to a value for each resample."""

RESAMPLES = 1000
LEVEL = 0.95
_GROUPS = 400
"""Of the jackknife: up to so many images one is left out at a time, of more a group."""
_CELLS = 4_000_000
"""Weights that are in memory at once."""


@dataclass(frozen=True)
class Estimate:
    """A score with its 95 % interval.

    Attributes:
        value: On the images as they are.
        low, high: None where all resamples gave the same, so that nothing is known of its spread.
    """

    value: float
    low: float | None
    high: float | None


def estimate(score: Score, images: int, seed: int = 0, resamples: int = RESAMPLES) -> Estimate:
    """A score with its interval.

    Args:
        score: Of a model.
        images: How many there are to draw from.
        seed: Of the draws: with the same seed all models are judged on the same resamples.
        resamples: How many.

    Raises:
        ValueError: If there is no image.
    """
    if images < 1:
        raise ValueError(f"images is {images}, must be 1 or more")
    value = float(score(np.ones((1, images)))[0])
    drawn = np.concatenate([score(weights) for weights in _draws(images, seed, resamples)])
    if np.ptp(drawn) == 0:
        return Estimate(value, None, None)
    left_out = np.concatenate([score(weights) for weights in _jackknife(images)])
    low, high = np.quantile(drawn, _bca_levels(value, drawn, left_out))
    return Estimate(value, float(low), float(high))


def _draws(images: int, seed: int, resamples: int) -> Iterator[Floats]:
    chance = np.random.default_rng(seed)
    at_once = max(1, _CELLS // images)
    for start in range(0, resamples, at_once):
        rows = min(at_once, resamples - start)
        drawn = chance.integers(0, images, (rows, images)) + images * np.arange(rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * images)
        yield counts.reshape(rows, images).astype(np.float64)


def _jackknife(images: int) -> Iterator[Floats]:
    """Weights with one image, or one group of about equal size, left out of each row."""
    groups = min(images, _GROUPS)
    group = np.arange(images) % groups
    at_once = max(1, _CELLS // images)
    for start in range(0, groups, at_once):
        left_out = np.arange(start, min(start + at_once, groups))
        yield (group != left_out[:, None]).astype(np.float64)


def _bca_levels(value: float, drawn: Floats, left_out: Floats) -> tuple[float, float]:
    """Which quantiles of the resamples bound the interval: z₀ corrects bias, a acceleration."""
    below = (np.mean(drawn < value) + np.mean(drawn <= value)) / 2
    bias = norm.ppf(np.clip(below, 0.5 / len(drawn), 1 - 0.5 / len(drawn)))
    off = left_out.mean() - left_out
    spread = np.sum(off**2) ** 1.5
    acceleration = np.sum(off**3) / (6 * spread) if spread > 0 else 0.0
    tails = norm.ppf((1 - LEVEL) / 2), norm.ppf((1 + LEVEL) / 2)
    low, high = (
        float(norm.cdf(bias + (bias + z) / (1 - acceleration * (bias + z)))) for z in tails
    )
    if not math.isfinite(low + high):
        return (1 - LEVEL) / 2, (1 + LEVEL) / 2
    return low, high
