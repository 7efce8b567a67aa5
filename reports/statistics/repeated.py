"""Two configurations, each trained with several seeds, compared on the same images.

Both the seeds and the images are samples. Leaving out either would claim more than is known: three
trainings say little of all seeds, and a few hundred images little of all images. Hence a two-way
analysis of variance of right and wrong, with seeds and images as random effects, as in studies of
many readers and many cases (Dorfman, Berbaum and Metz, Investigative Radiology 1992). The trainings
of the two configurations are independent, so the variances of their seeds add up. A score that is
not a mean over images enters by its pseudo-values, as it does there.
docs/statistics.md has the error rates and the coverage.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from reports.statistics.influence import (
    Labels,
    ScoreName,
    error_of_mean,
    gain,
    pseudo_values,
)
from reports.statistics.paired import LEVEL, Outcome, outcome_of
from reports.statistics.proportions import Interval
from reports.statistics.scores import Scores

FEWEST_SEEDS = 3
"""With two seeds a configuration, the variance between seeds is so uncertain that more than 5 % of
true null hypotheses would be rejected."""


@dataclass(frozen=True)
class Repeated:
    """The difference between the mean accuracies, or other scores, of two configurations.

    Attributes:
        first, second: Mean score of each, over its trainings and all images.
        p: Two-sided p value of a t test.
        interval: Its 95 % interval, which leaves out zero if and only if p is below 5 %.
        seeds: Trainings of each configuration.
        images: All images.
        name: Of the score.
    """

    first: float
    second: float
    p: float
    interval: Interval
    seeds: int
    images: int
    name: ScoreName = "accuracy"

    @classmethod
    def of(cls, first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Repeated:
        """Compare trainings of two configurations.

        The variance is at least that of one image which only the first has right and one which
        only the second has: otherwise the interval would shrink to nothing where the models happen
        to agree.

        Args:
            first, second: Whether each training classified each image correctly, shape (seeds,
                images); the same images in the same order, `FEWEST_SEEDS` seeds or more.

        Raises:
            ValueError: If the shapes differ, or there are too few seeds or images.
        """
        return cls._of(first, second, "accuracy")

    @classmethod
    def of_scores(
        cls, name: ScoreName, first: Sequence[Scores], second: Sequence[Scores]
    ) -> Repeated:
        """Compare trainings of two configurations by a score.

        Args:
            name: Of the score.
            first, second: The trainings of each, on the same images in the same order.

        Raises:
            ValueError: If the shapes differ, there are too few seeds or images, or probabilities
                are needed and not known.
        """
        if name == "accuracy":
            return cls.of(*(np.stack([s.label == s.predicted for s in m]) for m in (first, second)))
        values = [np.stack([pseudo_values(name, one) for one in many]) for many in (first, second)]
        return cls._of(values[0], values[1], name, first[0].label)

    @classmethod
    def _of(
        cls, first: NDArray[Any], second: NDArray[Any], name: ScoreName, label: Labels | None = None
    ) -> Repeated:
        """Of the values of each image by each training; with `label` the set is stratified."""
        seeds, images = first.shape
        if first.shape != second.shape or seeds < FEWEST_SEEDS or images < 2:
            raise ValueError(
                f"{first.shape} and {second.shape}: must be the same, with {FEWEST_SEEDS} seeds "
                "and 2 images or more"
            )
        a, b = first.astype(np.float64), second.astype(np.float64)
        (seeds_a, rest_a), (seeds_b, rest_b) = _variances(a), _variances(b)
        of_seeds = seeds_a + seeds_b
        apart = (a - b).mean(axis=0)
        if label is None:
            of_images, least = float(apart.var(ddof=1)) / images, 2 / images**2
        else:
            of_images, least = (
                error_of_mean(values, label, name).value ** 2 for values in (apart, 0 * apart)
            )
        # The variance of image means has a share of the rest in it, as that of seed means has.
        variance = max(of_seeds + max(0.0, of_images - rest_a - rest_b), least)
        freedom = math.inf
        if of_seeds > 0:
            # Welch's for the seeds. Satterthwaite would square the second ratio; with three seeds
            # that rejects 6 % of true null hypotheses.
            welch = of_seeds**2 / (seeds_a**2 + seeds_b**2) * (seeds - 1)
            freedom = welch * variance / of_seeds
        means, error = (float(a.mean()), float(b.mean())), math.sqrt(variance)
        difference = means[0] - means[1]
        reach = float(student.ppf(1 - LEVEL / 2, freedom)) * error
        p = 2 * float(student.sf(abs(difference) / error, freedom)) if error else 1.0
        interval = Interval(difference - reach, difference + reach)
        return cls(*means, p, interval, seeds, images, name)

    @property
    def difference(self) -> float:
        """Mean score of the first − mean score of the second."""
        return self.first - self.second

    def outcome(self) -> Outcome:
        """What can be said of the first configuration."""
        return outcome_of(self.p, gain(self.name, self.difference), self.interval)


def _variances(right: NDArray[np.float64]) -> tuple[float, float]:
    """Of the mean over all: the variance between seeds, and the part that is seed × image.

    Args:
        right: Shape (seeds, images).
    """
    seeds, images = right.shape
    by_seed, by_image = right.mean(axis=1, keepdims=True), right.mean(axis=0, keepdims=True)
    rest = right - by_seed - by_image + right.mean()
    of_rest = (rest**2).sum() / ((seeds - 1) * (images - 1))
    return float(by_seed.var(ddof=1)) / seeds, float(of_rest) / (images * seeds)
