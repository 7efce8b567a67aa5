"""Whether the test score is what validation had promised, by the study's metric."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from reports.analysis.comparisons.words import deciding
from reports.analysis.kinds import ACCURACY, Kind
from reports.data.result_files import EvaluatedModel
from reports.data.run_data import RunData
from reports.statistics.influence import Error, gain
from reports.statistics.two_sets import error_between_sets
from reports.text import formats
from search.records.choice import complete_repeats
from search.records.trial import value_of

LEVEL = 0.05


@dataclass(frozen=True)
class Agreement:
    """A score of one configuration on validation and on the test set.

    Attributes:
        promised: On the validation set: the mean of its new trainings, or its best epoch.
        validation_images: How many images that is of.
        tested: On the test set.
        test_images: How many images that is of.
        choices: Results that the promised one was the best of: the trials of the search, or twice
            the finalists, as they were chosen into these and among these.
        kind: Of the score.
        error: Standard error of the difference, if the score is not accuracy.
        accuracies: Promised and tested, if the score is another one.
    """

    promised: float
    validation_images: int
    tested: float
    test_images: int
    choices: int
    kind: Kind = ACCURACY
    error: Error | None = None
    accuracies: tuple[float, float] | None = None

    @property
    def p(self) -> float:
        """Two-sided p value of one comparison, multiplied by the number of choices (Bonferroni).

        Of accuracies it is that of a two-proportion z test, of other scores that of a t test. The
        best of m results is flattered by the choice; with the factor m, a run in which the two sets
        are alike is reported in at most 5 % of cases.
        """
        n, m = self.validation_images, self.test_images
        error = self.error
        if error is None:
            pooled = (n * self.promised + m * self.tested) / (n + m)
            error = Error(math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m)), math.inf)
        if error.value == 0:
            return 1.0
        ratio = abs(self.promised - self.tested) / error.value
        tail = norm.sf(ratio) if math.isinf(error.freedom) else student.sf(ratio, error.freedom)
        return min(1.0, self.choices * 2 * float(tail))

    @property
    def is_broken(self) -> bool:
        """Whether they differ by more than chance and the choice explain."""
        return self.p < LEVEL

    @property
    def is_worse(self) -> bool:
        """Whether the test score is the worse one."""
        return gain(self.kind.name, self.promised - self.tested) > 0


def agreement(data: RunData) -> Agreement | None:
    """Of the winner as searched, or of the final model if the winner was not tested.

    It is one of accuracies if the files do not tell the error of the study's metric. None before
    the test, or if the number of validation images is not on file.
    """
    tested = _tested(data)
    promised = _promised(data)
    images = sum(data.sets.validation) if data.sets else 0
    if data.test is None or tested is None or promised is None or not images:
        return None
    value, accuracy, choices = promised
    made = partial(Agreement, validation_images=images, test_images=data.test.images)
    kind = deciding(data)
    error = None if kind is ACCURACY else _error(data, tested, kind, value)
    if error is None:
        return made(accuracy, tested=tested.accuracy, choices=choices)
    return made(
        value,
        tested=kind.of(data.predictions[tested.name].scores),
        choices=choices,
        kind=kind,
        error=error,
        accuracies=(accuracy, tested.accuracy),
    )


def _tested(data: RunData) -> EvaluatedModel | None:
    return (data.test.in_role("winner") or data.test.in_role("final")) if data.test else None


def _promised(data: RunData) -> tuple[float, float, int] | None:
    """Metric and accuracy of the winner on validation, and of how many results it is the best."""
    winner, objective = data.winner, data.objective
    if winner is None:
        return None
    mean = data.mean_of(winner)
    trainings = [winner] if mean is None else complete_repeats(data.history, winner)
    best = [epoch for one in trainings if (epoch := one.best(objective)) is not None]
    if not best:
        return None
    accuracy = sum(epoch.val_accuracy for epoch in best) / len(best)
    if mean is not None and data.finalists is not None:
        value, choices = mean.mean, 2 * len(data.finalists.finalists)
    else:
        value = value_of(best[0], objective)
        choices = sum(trial.epochs > 0 for trial in data.trials)
    return value, accuracy, max(1, choices)


def _error(data: RunData, tested: EvaluatedModel, kind: Kind, promised: float) -> Error | None:
    """Of the difference between the two sets; None if they do not have the same classes."""
    scores = data.predictions[tested.name].scores
    sizes = np.array(data.sets.validation if data.sets else (), np.int64)
    if len(sizes) <= scores.label.max() or not sizes[scores.label].all():
        return None
    return error_between_sets(kind.name, scores, promised, sizes)


def disagreement_sentences(data: RunData) -> list[str]:
    """What the first screen says if validation and test disagree; empty if they do not."""
    found = agreement(data)
    if found is None or not found.is_broken:
        return []
    promised, tested = map(found.kind.shown, (found.promised, found.tested))
    name = "" if found.kind is ACCURACY else f"{found.kind.title} "
    values = (
        f"{name}{promised} on {found.validation_images:,} validation images, "
        f"{tested} on {found.test_images:,} test images"
    )
    if found.accuracies is not None:
        values += " (accuracy {} and {})".format(*map(formats.percent, found.accuracies))
    text = (
        f"Validation and test disagree: {values}. Chance, and that the validation figure is the "
        f"best of several, do not explain it (p {formats.p_value(found.p, equals=True)}). "
    )
    if found.is_worse:
        return [
            text + "Either the split was a lucky one for validation, or photos that belong "
            "together, such as several of one object, lie on both sides of a split: then there are "
            "fewer independent images than counted, and what was learned by heart passes for "
            "knowledge. Plan by the test figure, not by the validation figure. Check the data for "
            "photos of the same object, keep each object in one set, and search again with another "
            "dataset.seed to see whether the gap stays."
        ]
    return [
        text + "The test set is easier than the validation set: a lucky split, or photos that "
        "belong together on both sides of the split between training and test. Check the data for "
        "photos of the same object, and search again with another dataset.seed before you plan by "
        "the test figure."
    ]
