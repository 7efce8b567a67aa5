"""Two models on the same images: McNemar's mid-p test, Tango's interval, and Holm's correction.

The test and the interval are one procedure: the interval leaves out zero if and only if the test
rejects. docs/statistics.md has the error rates and the coverage.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import binom

from reports.statistics.proportions import Interval, Z

LEVEL = 0.05

MARGIN = 0.01
"""Two accuracies are called equal if the interval of their difference lies within ± this."""

Outcome = Literal["better", "worse", "equal", "open"]
"""Of the first model; "open" means that the two could not be told apart."""

POWER = 2.8016
"""z of 97.5 % + z of 80 %: a difference this many standard errors wide shows in 4 of 5 tests."""


@dataclass(frozen=True)
class Paired:
    """Which of two models is right where the other is not.

    Attributes:
        only_first: Images that the first model alone has right (b).
        only_second: Images that the second model alone has right (c).
        images: All images (n).
    """

    only_first: int
    only_second: int
    images: int

    @classmethod
    def of(cls, first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Paired:
        """Count where they differ.

        Args:
            first, second: Whether each image was classified correctly, the same images in the
                same order, shape (images,).

        Raises:
            ValueError: If the shapes differ.
        """
        if first.shape != second.shape:
            raise ValueError(f"{first.shape} and {second.shape}: must be of the same images")
        b, c = int(np.sum(first & ~second)), int(np.sum(second & ~first))
        return cls(b, c, len(first))

    @property
    def difference(self) -> float:
        """Accuracy of the first − accuracy of the second."""
        return (self.only_first - self.only_second) / self.images

    @cached_property
    def p(self) -> float:
        """Two-sided mid-p value of McNemar's test (Fagerland et al., 2013).

        Half of the probability of the observed split counts. The exact test is so conservative
        with few images that its interval would cover too much; the mid-p test still rejects at
        most 5 % of true null hypotheses.
        """
        return _mid_p(self.only_first, self.only_second)

    @cached_property
    def interval(self) -> Interval:
        """95 % interval of the difference.

        Tango's score interval (Statistics in Medicine 1998). With few images its implied test
        rejects slightly more often than the mid-p test; where it would, it ends at zero instead.
        """
        low, high = _tango(self.only_first, self.only_second, self.images)
        if self.p >= LEVEL:
            low, high = min(low, 0.0), max(high, 0.0)
        return Interval(low, high)

    @property
    def detectable(self) -> float:
        """The difference that a test of this size would show in 4 of 5 cases.

        It is the difference for which two models that disagree on as many images as these two are
        found to differ with a probability of 80 %. With fewer than 8 disagreements, all would have
        to go one way, so 8 are assumed.
        """
        disagreements = max(self.only_first + self.only_second, POWER**2)
        return min(1.0, POWER * math.sqrt(disagreements) / self.images)

    def outcome(self, p: float | None = None) -> Outcome:
        """What can be said of the first model.

        Args:
            p: The p value after a correction for several comparisons; None is `self.p`.
        """
        return outcome_of(self.p if p is None else p, self.difference, self.interval)


def outcome_of(p: float, gain: float, interval: Interval) -> Outcome:
    """What a test and the interval of first − second allow to say of the first."""
    if p < LEVEL:
        return "better" if gain > 0 else "worse"
    return "equal" if interval.low >= -MARGIN and interval.high <= MARGIN else "open"


@lru_cache(maxsize=10_000)
def _mid_p(b: int, c: int) -> float:
    if b == c:
        return 1.0
    fewer, total = min(b, c), b + c
    tail = binom.cdf(fewer - 1, total, 0.5) + 0.5 * binom.pmf(fewer, total, 0.5)
    return min(1.0, 2 * float(tail))


@lru_cache(maxsize=10_000)
def _tango(b: int, c: int, n: int) -> tuple[float, float]:
    """The differences whose score statistic is within ± Z."""
    estimate, edge = (b - c) / n, 1 - 1e-12

    def end(bound: float) -> float:
        sign = math.copysign(1, bound)
        if abs(_score(bound, b, c, n)) < Z or estimate == sign:
            return sign
        between = sorted((estimate, bound))
        return float(brentq(lambda d: _score(d, b, c, n) + sign * Z, *between, xtol=1e-10))

    return end(-edge), end(edge)


def _score(difference: float, b: int, c: int, n: int) -> float:
    """Tango's statistic; q is the probability that only the second is right, given the difference.

    With b = c = 0 and no difference, nothing contradicts it: 0.
    """
    half = (2 * n - b + c) * difference - b - c
    root = math.sqrt(max(0.0, half**2 + 8 * n * c * difference * (1 - difference)))
    q = (root - half) / (4 * n)
    variance = n * (2 * q + difference * (1 - difference))
    gap = b - c - n * difference
    if variance <= 0:
        return 0.0 if gap == 0 else math.copysign(math.inf, gap)
    return gap / math.sqrt(variance)


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrected p values, in the order given (Holm, Scandinavian Journal of Statistics 1979).

    The smallest of m is multiplied by m, the next by m − 1, and so on; none falls below the one
    before it, and none exceeds 1.
    """
    m = len(p_values)
    order = np.argsort(p_values, kind="stable")
    scaled = np.asarray(p_values, dtype=np.float64)[order] * np.arange(m, 0, -1)
    corrected = np.empty(m)
    corrected[order] = np.minimum(1, np.maximum.accumulate(scaled))
    return corrected.tolist()
