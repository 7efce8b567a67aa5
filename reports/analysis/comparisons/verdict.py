"""The answer of a search in plain words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from reports.analysis.comparisons.comparison import Comparison, compare
from reports.analysis.comparisons.configurations import sentence as configurations_sentence
from reports.analysis.comparisons.words import against, did
from reports.analysis.kinds import ACCURACY, Kind
from reports.data.run_data import RunData
from reports.statistics.repeated import Repeated
from reports.statistics.score_pair import ScorePair
from reports.text import formats
from search.records.events import FAIL, PRUNED, RUNNING


@dataclass(frozen=True)
class Verdict:
    """What a reader takes away: one sentence, and what it rests on."""

    headline: str
    basis: tuple[str, ...]


def verdict(data: RunData) -> Verdict:
    """The sentence at the head of the page."""
    comparison = compare(data)
    if comparison is None:
        return Verdict(_without_comparison(data), _why_no_comparison(data))
    return Verdict(_headline(data, comparison), tuple(_basis(data, comparison)))


def _without_comparison(data: RunData) -> str:
    trials = data.trials
    if not trials:
        return "No trial has started yet."
    if all(trial.state == FAIL for trial in trials):
        reasons = Counter(trial.reason or "no reason given" for trial in trials)
        listed = ", ".join(f"{reason}: {count}" for reason, count in reasons.most_common())
        what = "The only trial" if len(trials) == 1 else f"All {len(trials):,} trials"
        return f"{what} failed, so there is no winner ({listed})."
    winner = data.winner
    best = winner.best(data.objective) if winner else None
    if winner is None or best is None:
        return "No trial has reported a usable epoch yet."
    value = formats.metric(getattr(best, data.objective.metric), data.objective)
    soon = " so far" if data.is_under_way else ""
    name = formats.metric_name(data.objective)
    return f"Trial {winner.number} is the best{soon}, with a {name} of {value}."


def _why_no_comparison(data: RunData) -> tuple[str, ...]:
    if data.winner is None:
        return ()
    if not data.study.recipes:
        return ("The study has no recipe to compare it with.",)
    return ("No recipe has a result yet, so there is nothing to compare it with.",)


def _headline(data: RunData, comparison: Comparison) -> str:
    recipe = f"the recipe {comparison.recipe.recipe}"
    if comparison.is_of_one_trial:
        who = "best" if data.is_under_way else "winner"
        search = "The search" if comparison.on == "test" else _so_far(data, "the search")
        return f"{search} found nothing better than its recipes: the {who} is {recipe}."
    if comparison.on == "validation" or comparison.outcome == "untested":
        return _standing(data, comparison, recipe)
    if comparison.configurations is not None:
        text = configurations_sentence(comparison.recipe.recipe, comparison.configurations)
        return f"{text}{_accuracies(comparison)}."
    kind = comparison.kind
    shown = against(kind, comparison.winner_value, comparison.recipe_value)
    return (
        f"{did('This model', recipe, comparison.outcome, kind)}: {shown} on the same "
        f"{comparison.images:,} test images{_accuracies(comparison)}."
    )


def _accuracies(comparison: Comparison) -> str:
    """The accuracies, where the study goes by another metric."""
    if comparison.accuracies is None:
        return ""
    return f" (accuracy {against(ACCURACY, *comparison.accuracies)})"


def _standing(data: RunData, comparison: Comparison, recipe: str) -> str:
    """Where the winner stands on validation, which is no verdict."""
    first, second = comparison.winner_value, comparison.recipe_value
    sign = 1 if data.objective.mode == "max" else -1
    where = "level with" if first == second else "ahead of" if sign * (first - second) > 0 else None
    shown = " against ".join(formats.metric(v, data.objective) for v in (first, second))
    name = f"trial {comparison.winner.number}"
    seeds = ""
    if comparison.seeds is not None:
        seeds = f", means of {formats.plural(comparison.seeds, 'new seed')} each"
    return (
        f"{_so_far(data, name)} is {where or 'behind'} {recipe}: {shown}{seeds}. Whether it is "
        "better, only the test set can say."
    )


def _so_far(data: RunData, who: str) -> str:
    return f"So far, on validation, {who}" if data.is_under_way else f"On validation, {who}"


def _basis(data: RunData, comparison: Comparison) -> list[str]:
    if comparison.on == "validation":
        sentences = [_no_verdict(data, comparison)]
    elif comparison.is_of_one_trial:
        sentences = ["No other trial had a better validation result than this recipe."]
    elif comparison.configurations is not None:
        sentences = [
            "Like for like: the same seeds, training images alone, full length. The recipe is the "
            "one with the best validation result; nothing was chosen on the test set.",
            _uncertainty_of_configurations(comparison.configurations, comparison.kind),
        ]
    else:
        sentences = [
            "Like for like: both are trials as searched, trained on the training images alone. The "
            "recipe is the one with the best validation result; nothing was chosen on the test "
            "set. One training of each was tested, so this is said of these two models; with other "
            "seeds the same configurations may compare differently.",
            _uncertainty(comparison),
        ]
    return sentences + _stopped_early(comparison)


def _no_verdict(data: RunData, comparison: Comparison) -> str:
    state = "is still sealed" if data.test is None else "was opened, but not with both of them"
    images = f"{comparison.images:,} " if comparison.images else ""
    text = f"The test set {state}. "
    if comparison.is_of_one_trial:
        who = "best so far" if data.is_under_way else "winner"
        return text + f"The {who} was chosen on these {images}validation images."
    if comparison.seeds is not None:
        return text + (
            f"The winner was chosen on these {images}validation images, and new seeds are judged "
            "on them too, so its value flatters and has no interval."
        )
    return text + (
        f"Each value is the best epoch of a single training, and the winner's the best of "
        f"{formats.plural(len(data.trials), 'trial')} on these {images}validation images. Such a "
        "maximum flatters, so it has no interval."
    )


def _uncertainty(comparison: Comparison) -> str:
    interval, kind = comparison.difference, comparison.kind
    low, high = map(kind.points, (interval.low, interval.high)) if interval else ("", "")
    difference = kind.points(comparison.winner_value - comparison.recipe_value)
    text = f"The difference is {difference}{kind.unit}, 95 % interval {low} to {high}"
    if comparison.rivalry is None:
        return (
            f"{text} or more (Newcombe, as if the two were of different images, since there are no "
            f"predictions of both for each image). {_words(kind)}"
        )
    result = comparison.rivalry.result
    p = f"p {formats.p_value(result.p, equals=True)}"
    planned = "the one comparison planned before the test set was opened"
    if isinstance(result, ScorePair):
        test, as_many = (
            f"{text} (paired, t test of what each image contributes to the {kind.title}): {p}",
            "models that differ as much",
        )
    else:
        test, as_many = (
            f"{text} (paired, Tango). This model alone is right on {result.only_first:,} images, "
            f"the recipe alone on {result.only_second:,}: McNemar's mid-p test, {p}",
            "as many disagreements",
        )
    shown = f"{100 * result.detectable:.1f} points" if kind.is_share else f"{result.detectable:.3f}"
    return (
        f"{test}, {planned}. {_words(kind)} With {comparison.images:,} images and {as_many}, a "
        f"difference of {shown} would show in 4 of 5 cases."
    )


def _uncertainty_of_configurations(result: Repeated, kind: Kind) -> str:
    low, high = map(kind.points, (result.interval.low, result.interval.high))
    return (
        f"The difference is {kind.points(result.difference)}{kind.unit}, 95 % interval "
        f"{low} to {high}, p {formats.p_value(result.p, equals=True)}: for other seeds and other "
        f"images, as far as {result.seeds} trainings of each and {result.images:,} images tell. "
        f"This one comparison was planned before the test set was opened. {_words(kind)}"
    )


def _words(kind: Kind) -> str:
    return (
        "The verdict is beat, or did worse, only if this interval leaves out zero, and equal only "
        f"if it lies within {kind.margin}."
    )


def _stopped_early(comparison: Comparison) -> list[str]:
    words = {PRUNED: "was stopped by the scheduler after", RUNNING: "has not ended, at"}
    return [
        f"{who} {words[trial.state]} {trial.epochs} of {trial.point.epochs} epochs."
        for who, trial in (("The winner", comparison.winner), ("The recipe", comparison.recipe))
        if trial.state in words
    ][: 1 if comparison.is_of_one_trial else 2]
