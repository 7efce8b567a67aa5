"""Winner against recipe: on which images, by how much, and whether that is more than chance."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from reports.analysis.rivals import Rivalry, rivalries
from reports.data.run_data import RunData
from reports.statistics.proportions import Interval, newcombe
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
        rivalry: McNemar's test of both on the same images; None without their predictions.
    """

    winner: Trial
    recipe: Trial
    on: Literal["test", "validation"]
    winner_value: float
    recipe_value: float
    images: int | None = None
    difference: Interval | None = None
    rivalry: Rivalry | None = None

    @property
    def paired(self) -> bool:
        """Whether it rests on the predictions for each image."""
        return self.rivalry is not None

    @property
    def is_of_one_trial(self) -> bool:
        """Whether the winner is the recipe itself."""
        return self.winner.number == self.recipe.number

    @property
    def outcome(self) -> Outcome:
        """What the search did to the recipe; a difference that may be chance is none.

        McNemar's test decides, corrected for several comparisons, or without predictions the
        interval.
        """
        if self.is_of_one_trial or self.winner_value == self.recipe_value:
            return "equalled"
        if self.rivalry is not None:
            return self.rivalry.outcome
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
    images = data.test.images
    found = [r for r in rivalries(data) if (r.first, r.second) == (first, second)]
    rivalry = found[0] if found else None
    difference = newcombe(first.accuracy, second.accuracy, images)
    return Comparison(
        winner,
        recipe,
        "test",
        first.accuracy,
        second.accuracy,
        images,
        rivalry.interval if rivalry else difference,
        rivalry,
    )


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
