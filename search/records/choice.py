"""Who is chosen: the configuration that is fine-tuned, tested and reported, and for how long.

The search, `finetune`, `evaluate` and the report all ask `choose`, so that they name the same one.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass

from search.records.events import COMPLETE, FAIL, PRUNED, RUNNING
from search.records.history import History, Trial, value_of
from spaces.study import Objective, Study

NOT_ITS_FAULT = frozenset({"worker_lost", "data"})
"""Reasons for which a repeat fails that say nothing about its configuration."""

MOST_LOST = 3
"""Repeats of one finalist that may be lost before it is given up."""


@dataclass(frozen=True)
class Choice:
    """The chosen configuration.

    Attributes:
        trial: In which the search tried it.
        repeats: Its full-length trainings with other seeds, by whose mean it was chosen; empty if
            it was chosen by its one result in the search.
        is_final: False while finalists that are due have not all been trained.
        epochs: For how many the final model is trained.
    """

    trial: Trial
    repeats: tuple[Trial, ...]
    is_final: bool
    epochs: int

    @property
    def tested(self) -> Trial:
        """The training whose weights stand for the configuration as searched.

        That is its repeat with the first of the seeds, which all finalists share.
        """
        return self.repeats[0] if self.repeats else self.trial


def choose(study: Study, history: History) -> Choice | None:
    """The best finalist by the mean of its repeats, or else the incumbent of the search.

    A finalist counts when it has all its seeds, and never if its configuration failed with one of
    them (`non_finite`, `out_of_memory`, `error`). Until every due finalist is trained the choice
    is the incumbent, and not final.

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


def finalists(study: Study, history: History) -> list[Trial]:
    """The best trials by validation, best first, and every recipe that reached its end."""
    if study.finalists.count == 0:
        return []
    ended = [t for t in history.searched if t.state in (COMPLETE, PRUNED)]
    scored = [t for t in ended if t.best(study.objective) is not None]
    ranked = sorted(scored, key=lambda t: _rank(_value(t, study.objective), study.objective))
    best = [t for t in ranked if t.recipe is None][: study.finalists.count]
    return best + [t for t in ranked if t.recipe is not None and t.state == COMPLETE]


def is_unfinished(study: Study, history: History) -> bool:
    """Whether finalists are due that have not all been trained yet."""
    if study.finalists.count == 0:
        return False
    return bool(history.in_state(RUNNING)) or bool(missing_repeats(study, history))


def missing_repeats(study: Study, history: History) -> dict[int, int]:
    """How many repeats each finalist still lacks, by its number; those that lack none left out.

    A repeat that lost its worker is made again, a limited number of times. A finalist whose
    configuration failed is not repeated any further.
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
    """Whether a configuration failed, by its own fault, with one of its seeds."""
    return any(
        t.state == FAIL and t.reason not in NOT_ITS_FAULT
        for t in history.repeats_of(finalist.number)
    )


def complete_repeats(history: History, finalist: Trial) -> list[Trial]:
    """The repeats of a finalist that reached their end, in the order in which they were begun."""
    return [t for t in history.repeats_of(finalist.number) if t.state == COMPLETE]


def mean_of(trials: list[Trial], objective: Objective) -> float:
    """The mean of the trials' best metrics."""
    return statistics.fmean(_value(t, objective) for t in trials)


def _best_finalist(study: Study, history: History) -> Trial | None:
    """Among all that have every seed, those included that later trials have displaced."""
    means = {
        number: mean_of(made, study.objective)
        for number in history.repeated
        if not is_disqualified(history, history.trials[number])
        and len(made := complete_repeats(history, history.trials[number])) >= study.finalists.seeds
    }
    if not means:
        return None
    return history.trials[min(means, key=lambda n: (_rank(means[n], study.objective), n))]


def _not_disqualified(history: History) -> list[Trial]:
    return [t for t in history.searched if not is_disqualified(history, t)]


def _epochs(trial: Trial, repeats: tuple[Trial, ...], objective: Objective) -> int:
    """As long as what the choice was made on, and never as short as a pruned trial.

    With early stopping that is the best epoch, in the middle of the repeats; without, the end, so
    that the learning rate decays as far as it did.
    """
    made = repeats or ((trial,) if trial.state == COMPLETE else ())
    if not made:
        return trial.point.epochs
    if not trial.point.early_stopping:
        return max(t.epochs for t in made)
    best = [m.epoch for t in made if (m := t.best(objective)) is not None]
    return statistics.median_high(best)


def _value(trial: Trial, objective: Objective) -> float:
    best = trial.best(objective)
    return float("nan") if best is None else value_of(best, objective)


def _rank(value: float, objective: Objective) -> float:
    return -value if objective.mode == "max" else value
