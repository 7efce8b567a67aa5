"""95 % intervals of proportions and of the difference of two independent ones."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.stats import binomtest

Z = 1.959963984540054
"""The standard normal distribution has 2.5 % above it."""


@dataclass(frozen=True)
class Interval:
    """From `low` to `high`, both included."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"low is {self.low}, must not be above high ({self.high})")

    def contains(self, value: float) -> bool:
        """Whether a value lies in it."""
        return self.low <= value <= self.high


def wilson(right: int, n: int) -> Interval:
    """Score interval of a proportion (Wilson, JASA 1927).

    Args:
        right: Successes.
        n: All of them.

    Raises:
        ValueError: If there is nothing to count, or more successes than tries.
    """
    if n < 1 or not 0 <= right <= n:
        raise ValueError(f"{right} of {n}: must be 0 to n of 1 or more")
    found = binomtest(right, n).proportion_ci(method="wilson")
    return Interval(float(found.low), float(found.high))


def wilson_of_share(share: float, n: float) -> Interval:
    """`wilson` for a share that is not a whole number of n, which need not be whole either.

    Raises:
        ValueError: If there is nothing to count, or the share is not in 0..1.
    """
    if not n > 0 or not 0 <= share <= 1:
        raise ValueError(f"share is {share} of {n}, must be in 0..1 of more than 0")
    shrink = 1 + Z**2 / n
    centre = (share + Z**2 / (2 * n)) / shrink
    half = Z * math.sqrt(share * (1 - share) / n + Z**2 / (4 * n**2)) / shrink
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def newcombe(first: float, n_first: int, second: float, n_second: int) -> Interval:
    """Of first − second, proportions of different images (Newcombe, 1998, method 10).

    Args:
        first, second: The proportions.
        n_first, n_second: The number of images of each.
    """
    a, b = wilson_of_share(first, n_first), wilson_of_share(second, n_second)
    difference = first - second
    return Interval(
        difference - math.hypot(first - a.low, b.high - second),
        difference + math.hypot(a.high - first, second - b.low),
    )
