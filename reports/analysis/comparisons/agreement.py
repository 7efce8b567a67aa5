"""Whether the test accuracy is what validation had promised."""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy.stats import norm

from reports.data.result_files import EvaluatedModel
from reports.data.run_data import RunData
from reports.text import formats

LEVEL = 0.05


@dataclass(frozen=True)
class Agreement:
    """The accuracy of one configuration on validation and on the test set.

    Attributes:
        promised: On the validation set: the mean of its new trainings, or its best epoch.
        validation_images: How many images that is of.
        tested: On the test set.
        test_images: How many images that is of.
        choices: Results that the promised one was the best of: the trials of the search, or twice
            the finalists, as they were chosen into these and among these.
    """

    promised: float
    validation_images: int
    tested: float
    test_images: int
    choices: int

    @property
    def p(self) -> float:
        """Two-proportion z test, multiplied by the number of choices (Bonferroni).

        The best of m results is flattered by the choice; with the factor m, a run in which the two
        sets are alike is reported in at most 5 % of cases.
        """
        n, m = self.validation_images, self.test_images
        pooled = (n * self.promised + m * self.tested) / (n + m)
        error = math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m))
        if error == 0:
            return 1.0
        return min(1.0, self.choices * 2 * float(norm.sf(abs(self.promised - self.tested) / error)))

    @property
    def is_broken(self) -> bool:
        """Whether they differ by more than chance and the choice explain."""
        return self.p < LEVEL


def agreement(data: RunData) -> Agreement | None:
    """Of the winner as searched, or of the final model if the winner was not tested.

    None before the test, or if the number of validation images is not on file.
    """
    winner = data.winner
    tested = _tested(data)
    images = sum(data.sets.validation) if data.sets else 0
    best = winner.best(data.objective) if winner else None
    if data.test is None or winner is None or tested is None or best is None or not images:
        return None
    mean = data.mean_of(winner) if data.objective.metric == "val_accuracy" else None
    if mean is not None and data.finalists is not None:
        promised, choices = mean.mean, 2 * len(data.finalists.finalists)
    else:
        promised, choices = best.val_accuracy, sum(trial.epochs > 0 for trial in data.trials)
    return Agreement(promised, images, tested.accuracy, data.test.images, max(1, choices))


def _tested(data: RunData) -> EvaluatedModel | None:
    return (data.test.in_role("winner") or data.test.in_role("final")) if data.test else None


def disagreement_sentences(data: RunData) -> list[str]:
    """What the first screen says if validation and test disagree; empty if they do not."""
    found = agreement(data)
    if found is None or not found.is_broken:
        return []
    values = (
        f"{formats.percent(found.promised)} on {found.validation_images:,} validation images, "
        f"{formats.percent(found.tested)} on {found.test_images:,} test images"
    )
    text = (
        f"Validation and test disagree: {values}. Chance, and that the validation figure is the "
        f"best of several, do not explain it (p {formats.p_value(found.p, equals=True)}). "
    )
    if found.promised > found.tested:
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
