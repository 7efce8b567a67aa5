"""Winner against recipe: on which images, by how much, and whether that is more than chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from reports.intervals import Interval, agresti_min, newcombe
from reports.result_files import EvaluatedModel
from reports.run_data import RunData
from search.records.history import Trial, value_of

Outcome = Literal["beat", "equalled", "worse", "unknown"]


@dataclass(frozen=True)
class Comparison:
    """The winner and the best recipe, both trained on the training images alone.

    Attributes:
        winner, recipe: The two trials.
        on: The set they are compared on.
        winner_value, recipe_value: Accuracy on the test set, or the metric on the validation set.
        images: How many images the set has; None if it is not known.
        difference: 95 % interval of winner − recipe; None where none can be given.
        paired: Whether the interval rests on the predictions for each image.
    """

    winner: Trial
    recipe: Trial
    on: Literal["test", "validation"]
    winner_value: float
    recipe_value: float
    images: int | None = None
    difference: Interval | None = None
    paired: bool = False

    @property
    def is_of_one_trial(self) -> bool:
        """Whether the winner is the recipe itself."""
        return self.winner.number == self.recipe.number

    @property
    def outcome(self) -> Outcome:
        """What the search did to the recipe; a difference within the interval is none."""
        if self.is_of_one_trial or self.winner_value == self.recipe_value:
            return "equalled"
        if self.difference is None:
            return "unknown"
        if self.difference.low > 0:
            return "beat"
        return "worse" if self.difference.high < 0 else "equalled"


def compare(data: RunData) -> Comparison | None:
    """The winner against the best recipe, chosen on validation; on the test set if it was opened.

    None where there is no winner, or no recipe with a result.
    """
    winner = data.winner
    if winner is None:
        return None
    return _compare_on_test(data, winner) or _compare_on_validation(data, winner)


def _compare_on_test(data: RunData, winner: Trial) -> Comparison | None:
    if data.test is None:
        return None
    recipe = data.best_recipe(among={model.trial for model in data.test.models})
    first = data.test.of_trial(winner.number)
    second = data.test.of_trial(recipe.number) if recipe else None
    if recipe is None or first is None or second is None:
        return None
    difference = _paired_difference(data, first, second)
    images = data.test.images
    return Comparison(
        winner,
        recipe,
        "test",
        first.accuracy,
        second.accuracy,
        images,
        difference or newcombe(first.accuracy, second.accuracy, images),
        paired=difference is not None,
    )


def _paired_difference(
    data: RunData, first: EvaluatedModel, second: EvaluatedModel
) -> Interval | None:
    """From the predictions of both, if they are there and of the same images."""
    a, b = data.predictions.get(first.name), data.predictions.get(second.name)
    if a is None or b is None or a.images != b.images:
        return None
    only_first = int(np.sum(a.is_right & ~b.is_right))
    only_second = int(np.sum(b.is_right & ~a.is_right))
    return agresti_min(only_first, only_second, len(a.images))


def _compare_on_validation(data: RunData, winner: Trial) -> Comparison | None:
    recipe = data.best_recipe()
    first = winner.best(data.objective)
    second = recipe.best(data.objective) if recipe else None
    if recipe is None or first is None or second is None:
        return None
    images = sum(data.sets.validation) if data.sets else None
    values = value_of(first, data.objective), value_of(second, data.objective)
    is_share = data.objective.metric == "val_accuracy"
    difference = newcombe(*values, images) if images and is_share else None
    return Comparison(winner, recipe, "validation", *values, images, difference)
