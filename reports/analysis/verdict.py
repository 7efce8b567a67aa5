"""The answer of a search in plain words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from reports.analysis.comparison import Comparison, compare
from reports.data.run_data import RunData
from reports.text import formats
from search.records.events import FAIL, PRUNED, RUNNING

_DID = {"beat": "beat", "equalled": "equalled", "worse": "did worse than"}


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
        return "No trial has been started yet."
    if all(trial.state == FAIL for trial in trials):
        reasons = Counter(trial.reason or "no reason given" for trial in trials)
        listed = ", ".join(f"{reason}: {count}" for reason, count in reasons.most_common())
        what = "The only trial" if len(trials) == 1 else f"Every one of the {len(trials):,} trials"
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
    where = _where(data, comparison)
    recipe = comparison.recipe.recipe
    if comparison.is_of_one_trial:
        who = "best" if data.is_under_way else "winner"
        return f"{where} found nothing better than its recipes: the {who} is the recipe {recipe}."
    values = " against ".join(
        _value(data, comparison, v) for v in (comparison.winner_value, comparison.recipe_value)
    )
    if comparison.outcome == "unknown":
        return (
            f"{where} has a winner ahead of the recipe {recipe}, {values}; whether that is more "
            "than chance cannot be said."
        )
    return f"{where} {_DID[comparison.outcome]} the recipe {recipe}: {values}{_images(comparison)}."


def _where(data: RunData, comparison: Comparison) -> str:
    if comparison.on == "test":
        return "The search"
    return "So far, on validation, the search" if data.is_under_way else "On validation, the search"


def _value(data: RunData, comparison: Comparison, value: float) -> str:
    if comparison.on == "test":
        return formats.percent(value)
    return formats.metric(value, data.objective)


def _images(comparison: Comparison) -> str:
    if comparison.images is None:
        return ""
    same = f" on the same {comparison.images:,} {comparison.on} images"
    if comparison.outcome == "equalled" and comparison.winner_value != comparison.recipe_value:
        return f"{same}, a difference within the uncertainty"
    return same


def _basis(data: RunData, comparison: Comparison) -> list[str]:
    sentences = []
    if comparison.on == "test" and comparison.is_of_one_trial:
        sentences.append("No other trial had a better validation result than this recipe.")
    elif comparison.on == "test":
        sentences.append(
            "Like for like: both are trials as searched, trained on the training images alone. "
            "The recipe is the one with the best validation result; nothing was chosen on the test "
            "set."
        )
    else:
        state = "is still sealed" if data.test is None else "was opened, but not with both of them"
        sentences.append(
            f"The test set {state}. The winner was chosen on these validation images out of "
            f"{formats.plural(len(data.trials), 'trial')}, which flatters it."
        )
    if not comparison.is_of_one_trial:
        sentences.append(_uncertainty(data, comparison))
    sentences += _stopped_early(comparison)
    return sentences


def _uncertainty(data: RunData, comparison: Comparison) -> str:
    if comparison.difference is None:
        if data.objective.metric == "val_loss":
            return "A mean loss alone gives no interval, so the difference stands without one."
        return "The number of validation images is not on file, so no interval can be given."
    low, high = map(formats.points, (comparison.difference.low, comparison.difference.high))
    difference = formats.points(comparison.winner_value - comparison.recipe_value)
    text = f"The difference is {difference} percentage points, 95 % interval {low} to {high}"
    if comparison.rivalry is None:
        return f"{text} (taken as independent, Newcombe); one that includes zero is called equal."
    result, p = comparison.rivalry.result, comparison.rivalry.corrected
    return (
        f"{text} (paired, Agresti–Min). The winner alone is right on {result.only_first:,} images, "
        f"the recipe alone on {result.only_second:,}: McNemar's exact test, p "
        f"{formats.p_value(p, equals=True)} after Holm's correction for "
        f"{formats.plural(comparison.rivalry.of, 'comparison')}; above 0.05 is called equal."
    )


def _stopped_early(comparison: Comparison) -> list[str]:
    words = {PRUNED: "was stopped by the scheduler after", RUNNING: "is still running, at"}
    return [
        f"{who} {words[trial.state]} {trial.epochs} of {trial.point.epochs} epochs."
        for who, trial in (("The winner", comparison.winner), ("The recipe", comparison.recipe))
        if trial.state in words
    ][: 1 if comparison.is_of_one_trial else 2]
