"""Winner against recipe: the planned comparison on the test set, or where they stand before it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Literal

from reports.analysis.comparisons.configurations import compare_configurations
from reports.analysis.comparisons.rivals import Rivalry, rivalries
from reports.analysis.comparisons.words import deciding
from reports.analysis.kinds import ACCURACY, Kind
from reports.data.result_files import EvaluatedModel
from reports.data.run_data import RunData
from reports.statistics.paired import MARGIN
from reports.statistics.proportions import Interval, newcombe
from reports.statistics.repeated import Repeated
from search.records.trial import Trial, value_of

Outcome = Literal["better", "worse", "equal", "open", "untested"]


@dataclass(frozen=True)
class Comparison:
    """The winner and the best recipe, both trained on the training images alone.

    Attributes:
        winner, recipe: The two trials.
        on: The set they are compared on.
        winner_value, recipe_value: The score on the test set, or the metric on the validation set.
        images: How many images the set has; None if that is unknown.
        seeds: New trainings that each value is the mean of; None if it is that of one training.
        kind: The score that they are compared by on the test set.
        accuracies: The accuracy of each on the test set, if the score is another one.
        difference: 95 % interval of winner − recipe on the test set; None on validation.
        rivalry: The test of one training of each on the same images; None without the predictions
            of both, or if several of each were tested.
        configurations: The test over several trainings of each; None if only one was tested.
    """

    winner: Trial
    recipe: Trial
    on: Literal["test", "validation"]
    winner_value: float
    recipe_value: float
    images: int | None = None
    seeds: int | None = None
    kind: Kind = ACCURACY
    accuracies: tuple[float, float] | None = None
    difference: Interval | None = None
    rivalry: Rivalry | None = None
    configurations: Repeated | None = None

    @property
    def is_of_one_trial(self) -> bool:
        """Whether the winner is the recipe itself."""
        return self.winner.number == self.recipe.number

    @property
    def outcome(self) -> Outcome:
        """What can be said of the winner.

        On validation nothing can: the winner was chosen on these images. On the test set the
        paired test decides, or without predictions the interval of independent samples.
        """
        if self.is_of_one_trial:
            return "equal"
        if self.configurations is not None:
            return self.configurations.outcome()
        if self.rivalry is not None:
            return self.rivalry.outcome
        if self.difference is None:
            return "untested"
        low, high = self.difference.low, self.difference.high
        if low > 0 or high < 0:
            return "better" if low > 0 else "worse"
        return "equal" if low >= -MARGIN and high <= MARGIN else "open"


def compare(data: RunData) -> Comparison | None:
    """The winner against the best recipe, chosen on validation; on the test set if it was opened.

    None if there is no winner, or no recipe with a result.
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
    n, kind = data.test.images, deciding(data)
    test = partial(Comparison, winner, recipe, "test", images=n)
    repeated = compare_configurations(data, first, second)
    if repeated is not None:
        means = [_mean_accuracy(data, model) for model in (first, second)]
        return test(
            repeated.first,
            repeated.second,
            seeds=repeated.seeds,
            kind=kind,
            accuracies=None if kind is ACCURACY else (means[0], means[1]),
            difference=repeated.interval,
            configurations=repeated,
        )
    values = first.accuracy, second.accuracy
    found = [r for r in rivalries(data) if r.is_planned]
    if not found:
        return test(*values, difference=newcombe(values[0], n, values[1], n))
    rivalry = found[0]
    return test(
        *rivalry.values,
        kind=kind,
        accuracies=None if kind is ACCURACY else values,
        difference=rivalry.result.interval,
        rivalry=rivalry,
    )


def _mean_accuracy(data: RunData, model: EvaluatedModel) -> float:
    accuracies = [data.predictions[name].scores.accuracy for name in model.repeats]
    return sum(accuracies) / len(accuracies)


def _compare_on_validation(data: RunData, winner: Trial) -> Comparison | None:
    recipe = data.best_recipe()
    if recipe is None:
        return None
    images = sum(data.sets.validation) if data.sets else None
    means = data.mean_of(winner), data.mean_of(recipe)
    if means[0] is not None and means[1] is not None:
        values, seeds = (means[0].mean, means[1].mean), min(means[0].seeds, means[1].seeds)
        return Comparison(winner, recipe, "validation", *values, images, seeds)
    best = winner.best(data.objective), recipe.best(data.objective)
    if best[0] is None or best[1] is None:
        return None
    values = value_of(best[0], data.objective), value_of(best[1], data.objective)
    return Comparison(winner, recipe, "validation", *values, images)
