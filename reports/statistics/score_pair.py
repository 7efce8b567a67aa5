"""One score of two models on the same images: a t test on the difference of their pseudo-values.

Accuracy has McNemar's test instead (`reports.statistics.paired`). docs/statistics.md has the error
rates and the coverage.
"""

from __future__ import annotations

from dataclasses import dataclass

from scipy.stats import t as student

from reports.statistics.influence import ScoreName, error_of_mean, gain, pseudo_values
from reports.statistics.paired import LEVEL, POWER, Outcome, outcome_of
from reports.statistics.proportions import Interval
from reports.statistics.scores import Scores


@dataclass(frozen=True)
class ScorePair:
    """A score of two models on the same images.

    Attributes:
        name: Of the score.
        first, second: The score of each model.
        p: Two-sided p value of a t test.
        interval: 95 % interval of first − second, which leaves out zero if and only if p is below
            5 %.
        error: Standard error of the difference.
        images: All images.
    """

    name: ScoreName
    first: float
    second: float
    p: float
    interval: Interval
    error: float
    images: int

    @classmethod
    def of(cls, name: ScoreName, first: Scores, second: Scores) -> ScorePair:
        """Compare two models.

        Args:
            name: Of the score.
            first, second: The models, on the same images in the same order.

        Raises:
            ValueError: If they are of different images, or the score needs probabilities that are
                not known.
        """
        if not (first.label.shape == second.label.shape and (first.label == second.label).all()):
            raise ValueError("the true classes differ: must be of the same images")
        a, b = pseudo_values(name, first), pseudo_values(name, second)
        error = error_of_mean(a - b, first.label, name)
        difference = float(a.mean() - b.mean())
        reach = float(student.ppf(1 - LEVEL / 2, error.freedom)) * error.value
        p = 2 * float(student.sf(abs(difference) / error.value, error.freedom)) if reach else 1.0
        interval = Interval(difference - reach, difference + reach)
        return cls(name, float(a.mean()), float(b.mean()), p, interval, error.value, len(a))

    @property
    def difference(self) -> float:
        """Score of the first − score of the second."""
        return self.first - self.second

    @property
    def detectable(self) -> float:
        """The difference that a test with this standard error would show in 4 of 5 cases."""
        return POWER * self.error

    def outcome(self, p: float | None = None) -> Outcome:
        """What can be said of the first model; of two losses the smaller one is better.

        Args:
            p: The p value after a correction for several comparisons; None is `self.p`.
        """
        p = self.p if p is None else p
        return outcome_of(p, gain(self.name, self.difference), self.interval)
