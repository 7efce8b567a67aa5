"""Figures of the first screen: how good the models are, and what the search cost."""

from __future__ import annotations

from dataclasses import dataclass

from reports.analysis.comparisons.comparison import compare
from reports.analysis.comparisons.words import IN_A_WORD
from reports.analysis.costs import stages, total_cost
from reports.analysis.kinds import ACCURACY
from reports.analysis.scoring import result_in_words
from reports.data.result_files import Evaluation
from reports.data.run_data import RunData
from reports.text import formats
from search.records.events import STATES
from search.records.trial import Trial, value_of

_ENDINGS = {"done": "all trials were done", "seconds": "its time was over"}
"""What ended a search that ended by itself, by the reason on record."""

_STATE_WORDS = {"COMPLETE": "complete", "PRUNED": "pruned", "FAIL": "failed"}


@dataclass(frozen=True)
class Fact:
    """One figure of the first screen, with what it means."""

    label: str
    value: str
    note: str


def results(data: RunData) -> list[Fact]:
    """How good the winner and the best recipe are, on the test set if it was opened."""
    return _test_results(data, data.test) if data.test else _validation_results(data)


def costs(data: RunData) -> list[Fact]:
    """What the search took."""
    trials = data.trials
    epochs = sum(trial.epochs for trial in trials)
    return [
        Fact("Trials", f"{len(trials):,}", trial_states(data)),
        Fact("Epochs trained", f"{epochs:,}", f"at most {data.study.budget.max_epochs} a trial"),
        Fact("Cost", formats.duration(total_cost(data)), _what_is_in_it(data)),
        Fact(
            "Search time",
            formats.duration(data.working_time.total),
            "wall time, without pauses",
        ),
    ]


def winning_settings(data: RunData) -> list[tuple[str, str]]:
    """The winner's searched hyperparameters, without those that do not exist at its point."""
    winner = data.winner
    if winner is None:
        return []
    values = {name: getattr(winner.point, name) for name in data.searched}
    return [(n, formats.hyperparameter(v)) for n, v in values.items() if v is not None]


def trial_states(data: RunData) -> str:
    """How many trials are in each state, in words."""
    unended = "running" if data.is_under_way else "interrupted"
    names = _STATE_WORDS | {"RUNNING": unended}
    counts = {state: sum(trial.state == state for trial in data.trials) for state in STATES}
    words = [f"{count:,} {names[state]}" for state, count in counts.items() if count]
    return ", ".join(words) or "none yet"


def status(data: RunData) -> str:
    """Whether the search has ended, and when the ledger was last written."""
    as_of = formats.moment(data.history.last_time)
    if data.is_under_way:
        return f"The search is running, or was cut off; its last event is from {as_of}."
    reason = str((data.history.stopped or {}).get("reason"))
    said = _ENDINGS.get(reason, data.without_folders(reason))
    return f"The search ended on {as_of} ({said})."


def _test_results(data: RunData, test: Evaluation) -> list[Fact]:
    recipe = data.best_recipe(among={model.trial for model in test.models})
    winner = test.in_role("winner")
    if winner is not None and recipe is not None and winner.trial == recipe.number:
        recipe = None
    found = [
        (
            "the final model",
            test.in_role("final"),
            "the winner, fine-tuned on training and validation images",
        ),
        (
            "the winner as searched",
            winner,
            "trained on the training images alone",
        ),
        (
            f"the recipe {recipe.recipe if recipe else ''}",
            test.of_trial(recipe.number) if recipe else None,
            "the best on validation; trained on the training images alone",
        ),
    ]
    facts = []
    for who, model, note in found:
        if model is not None:
            kind, value, interval = result_in_words(data, model)
            facts.append(Fact(f"Test {kind.title} of {who}", value, f"{note}; {interval}"))
    return facts + _against_the_recipe(data)


def _against_the_recipe(data: RunData) -> list[Fact]:
    comparison = compare(data)
    if comparison is None or comparison.difference is None or comparison.is_of_one_trial:
        return []
    kind = comparison.kind
    low, high = map(kind.points, (comparison.difference.low, comparison.difference.high))
    interval = f"{f'in{kind.unit}' if kind.is_share else kind.title}; 95 % interval {low} to {high}"
    if kind is not ACCURACY and kind.is_share:
        interval = f"{kind.title} {interval}"
    if comparison.configurations is not None:
        p, what = comparison.configurations.p, f"means of {comparison.seeds} trainings"
        test = f"over seeds and images: p {formats.p_value(p, equals=True)}"
    elif comparison.rivalry is not None:
        p, what = comparison.rivalry.p, "winner as searched − recipe"
        test = "(Tango); McNemar's mid-p test:" if kind is ACCURACY else "(paired); t test:"
        test += f" p {formats.p_value(p, equals=True)}"
    else:
        return []
    difference = comparison.winner_value - comparison.recipe_value
    value = f"{kind.points(difference)} ({IN_A_WORD[comparison.outcome]})"
    label = f"Against the recipe {comparison.recipe.recipe}"
    return [Fact(label, value, f"{what}, {interval} {test}")]


def _validation_results(data: RunData) -> list[Fact]:
    name = formats.sentence(formats.metric_name(data.objective))
    winner, recipe = data.winner, data.best_recipe()
    if winner is None:
        return [Fact(name, formats.MISSING, "no trial has a result; the test set is sealed")]
    who = "the best trial so far" if data.is_under_way else "the winner"
    facts = [_validation_fact(data, winner, f"{name} of {who}", "the test set is sealed")]
    if recipe is not None and recipe.number != winner.number:
        label = f"{name} of the recipe {recipe.recipe}"
        facts.append(_validation_fact(data, recipe, label, "the best recipe on validation"))
    return facts


def _validation_fact(data: RunData, trial: Trial, label: str, note: str) -> Fact:
    """A value that was chosen on the validation set is a maximum, so it gets no interval."""
    mean = data.mean_of(trial)
    if mean is not None:
        seeds = formats.plural(mean.seeds, "new seed")
        note = f"mean of {seeds}, judged on the images that chose it; {note}"
        return Fact(label, formats.metric(mean.mean, data.objective), note)
    best = trial.best(data.objective)
    value = value_of(best, data.objective) if best else None
    note = f"best epoch of one training, flattered by the choice; {note}"
    return Fact(label, formats.metric(value, data.objective), note)


def _what_is_in_it(data: RunData) -> str:
    parts = ", ".join(stage.name for stage in stages(data))
    return f"device time of {parts or 'nothing yet'}; a trial has {_device(data)}"


def _device(data: RunData) -> str:
    resources = data.study.resources
    gpu = f" and {resources.gpu:g} GPU" if resources.gpu else ""
    return f"{resources.cpu:g} CPU{gpu}"
