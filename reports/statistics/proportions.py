"""95 % intervals of proportions and of their differences, in closed form."""

from __future__ import annotations

import math
from dataclasses import dataclass

Z = 1.959963984540054
"""Of the standard normal distribution, 2.5 % lie above."""


@dataclass(frozen=True)
class Interval:
    """From `low` to `high`, both included."""

    low: float
    high: float

    def __post_init__(self) -> None:
        if not self.low <= self.high:
            raise ValueError(f"low is {self.low}, must not be above high ({self.high})")


def wilson(proportion: float, n: int) -> Interval:
    """Score interval of a proportion p̂ of n (Wilson, JASA 1927).

    Raises:
        ValueError: If there is nothing to count, or the proportion is not one.
    """
    if n < 1 or not 0 <= proportion <= 1:
        raise ValueError(f"proportion is {proportion} of {n}, must be in 0..1 of 1 or more")
    shrink = 1 + Z**2 / n
    centre = (proportion + Z**2 / (2 * n)) / shrink
    half = Z * math.sqrt(proportion * (1 - proportion) / n + Z**2 / (4 * n**2)) / shrink
    return Interval(max(0.0, centre - half), min(1.0, centre + half))


def newcombe(first: float, second: float, n: int) -> Interval:
    """Of first − second, each a proportion of n (Newcombe, Statistics in Medicine 1998, method 10).

    It takes the two as independent; on the same images that makes it too wide, never too narrow,
    as long as the two models tend to be right on the same images.
    """
    a, b = wilson(first, n), wilson(second, n)
    difference = first - second
    return Interval(
        difference - math.hypot(first - a.low, b.high - second),
        difference + math.hypot(a.high - first, second - b.low),
    )


def agresti_min(only_first: int, only_second: int, n: int) -> Interval:
    """Of the difference of two proportions of the same n images (Agresti & Min, 2005).

    Half an observation is added to each cell of the 2×2 table, then the normal interval taken.

    Args:
        only_first: Images that the first model alone has right.
        only_second: Images that the second model alone has right.
        n: All images.
    """
    b, c, total = only_first + 0.5, only_second + 0.5, n + 2
    difference = (b - c) / total
    half = Z * math.sqrt(max(0.0, b + c - (b - c) ** 2 / total)) / total
    return Interval(difference - half, difference + half)
