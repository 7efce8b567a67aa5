"""The choice of the configuration that is fine-tuned, tested and reported, and its epochs.

The search, `finetune`, `evaluate` and the report all ask `choose`, so that they agree.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from search.records.events import COMPLETE, FAIL
from search.records.history import History
from search.records.trial import Trial
from spaces.studies.study import Objective, Study

NOT_ITS_FAULT = frozenset({"worker_lost", "data"})
"""Reasons for a failed repeat that say nothing about its configuration."""

MOST_LOST = 3
"""Lost repeats after which a finalist is given up."""


@dataclass(frozen=True)
class Choice:
    """The chosen configuration.

    Attributes:
        trial: The trial in which the search tried it.
        repeats: Its full-length trainings with other seeds, by whose mean it was chosen; empty if
            it was chosen by its single result in the search.
        is_final: False until all due finalists have been trained.
        epochs: Number of epochs to train the final model for.
    """

    trial: Trial
    repeats: tuple[Trial, ...]
    is_final: bool
    epochs: int


def choose(study: Study, history: History) -> Choice | None:
    """The best finalist by the mean of its repeats, or else the incumbent of the search.

    A finalist counts once it has been trained with all seeds, and never if its configuration failed
    with one of them (`non_finite`, `out_of_memory`, `error`). Until every due finalist is trained,
    the choice is the incumbent, and is not final.

    Returns:
        None if no trial has a finite metric.
    """
    is_final = not is_unfinished(study, history)
    best = _best_finalist(study, history) if is_final else None
    trial = best or history.incumbent(study.objective, _not_disqualified(history))
    if trial is None:
        return None
    repeats = tuple(complete_repeats(history, trial)) if best else ()
    return Choice(trial, repeats, is_final, _epochs(trial, repeats, study.objective))


def best_recipe(objective: Objective, history: History, recipes: Sequence[Trial]) -> Trial | None:
    """The best of these trials by validation: the recipe that the winner has to beat.

    If any of them have repeats with other seeds, only these count, compared by their means;
    otherwise they are compared by their best epoch in the search.
    """
    means = [
        (mean_of(made, objective), t) for t in recipes if (made := complete_repeats(history, t))
    ]
    if not means:
        return history.incumbent(objective, list(recipes))
    return min(means, key=lambda pair: _rank(pair[0], objective))[1]


def finalists(study: Study, history: History) -> list[Trial]:
    """The best trials by validation, best first, and every recipe that ran to its end."""
    if study.finalists.count == 0:
        return []
    ranked = history.ranked(study.objective, is_over=True)
    best = list(islice((t for t in ranked if t.recipe is None), study.finalists.count))
    values = {
        t.number: value
        for t in history.recipes
        if t.state == COMPLETE and (value := t.best_value(study.objective)) is not None
    }
    numbers = sorted(values, key=lambda number: _rank(values[number], study.objective))
    return best + [history.trials[number] for number in numbers]


def is_unfinished(study: Study, history: History) -> bool:
    """Whether due finalists have not all been trained yet."""
    if study.finalists.count == 0:
        return False
    return bool(history.active or history.paused or missing_repeats(study, history))


def missing_repeats(study: Study, history: History) -> dict[int, int]:
    """How many repeats each finalist still needs, by trial number, without those that need none.

    A repeat that lost its worker is retried, a limited number of times. A finalist whose
    configuration failed is not repeated any more.
    """
    missing = {}
    for finalist in finalists(study, history):
        made = history.repeats_of(finalist.number)
        lost = [t for t in made if t.state == FAIL and t.reason in NOT_ITS_FAULT]
        lacks = study.finalists.seeds - (len(made) - len(lost))
        if lacks > 0 and len(lost) < MOST_LOST and not is_disqualified(history, finalist):
            missing[finalist.number] = lacks
    return missing


def is_disqualified(history: History, finalist: Trial) -> bool:
    """Whether one of the repeats failed because of its configuration."""
    return any(
        t.state == FAIL and t.reason not in NOT_ITS_FAULT
        for t in history.repeats_of(finalist.number)
    )


def complete_repeats(history: History, finalist: Trial) -> list[Trial]:
    """The completed repeats of a finalist, in the order in which they were proposed."""
    return [t for t in history.repeats_of(finalist.number) if t.state == COMPLETE]


def mean_of(trials: list[Trial], objective: Objective) -> float:
    """The mean of the trials' best metrics; NaN if one of them has none."""
    values = (t.best_value(objective) for t in trials)
    return statistics.fmean(math.nan if value is None else value for value in values)


def _best_finalist(study: Study, history: History) -> Trial | None:
    """The best of all configurations with every seed, including those no longer among the best."""
    means = {
        number: mean
        for number in history.repeated
        if not is_disqualified(history, history.trials[number])
        and len(made := complete_repeats(history, history.trials[number])) >= study.finalists.seeds
        and math.isfinite(mean := mean_of(made, study.objective))
    }
    if not means:
        return None
    return history.trials[min(means, key=lambda n: (_rank(means[n], study.objective), n))]


def _not_disqualified(history: History) -> list[Trial]:
    return [t for t in history.searched if not is_disqualified(history, t)]


def _epochs(trial: Trial, repeats: tuple[Trial, ...], objective: Objective) -> int:
    """As many epochs as in the trainings the choice is based on; a pruned trial does not count.

    With early stopping this is the median best epoch of the repeats; without, their last epoch, so
    that the learning rate decays just as far.
    """
    made = repeats or ((trial,) if trial.state == COMPLETE else ())
    if not made:
        return trial.point.epochs
    if not trial.point.early_stopping:
        return max(t.epochs for t in made)
    best = [m.epoch for t in made if (m := t.best(objective)) is not None]
    return statistics.median_high(best)


def _rank(value: float, objective: Objective) -> float:
    return -value if objective.mode == "max" else value
