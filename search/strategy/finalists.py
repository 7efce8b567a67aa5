"""Finalists: which of them is trained next, with which seed, and the content of finalists.json."""

from __future__ import annotations

import math
import statistics
from typing import Any

import numpy as np

from search.records.choice import (
    choose,
    complete_repeats,
    is_disqualified,
    mean_of,
    missing_repeats,
)
from search.records.events import COMPLETE, FAIL
from search.records.history import History
from search.records.trial import Trial
from spaces.studies.study import Objective, Study


def next_repeat(
    study: Study, history: History, recipes_alone: bool = False
) -> tuple[Trial, int] | None:
    """The finalist to train again next, and its seed; None if no repeat is due.

    All finalists are trained with the same seeds, so that their means can be compared in pairs.
    The one with the fewest repeats is next.

    Args:
        study: Says how often finalists are repeated.
        history: The trials so far.
        recipes_alone: Leave out those that trials that still run may displace.
    """
    missing = {
        number: count
        for number, count in missing_repeats(study, history).items()
        if not recipes_alone or history.trials[number].recipe is not None
    }
    if not missing:
        return None
    number = max(missing, key=lambda n: missing[n])
    taken = {t.seed for t in history.repeats_of(number) if t.state != FAIL}
    seeds = [repeat_seed(study.seed, i) for i in range(study.finalists.seeds)]
    free = [seed for seed in seeds if seed not in taken] or seeds
    return history.trials[number], free[0]


def repeat_seed(seed: int, index: int) -> int:
    """The seed of the repeats with this index, the same for all finalists of a study."""
    return int(np.random.SeedSequence([seed, index, 2]).generate_state(1)[0]) % 2**31


def seconds_of_repeats(study: Study, history: History) -> float:
    """Estimated seconds of all due repeats in a row, from their finalists' times."""
    seconds = 0.0
    for number, count in missing_repeats(study, history).items():
        trial = history.trials[number]
        each = trial.total_seconds / max(1, trial.epochs)
        seconds += count * each * max(trial.epochs, trial.point.epochs)
    return seconds


def seconds_of_another(study: Study, history: History) -> float:
    """Estimated seconds of one more trial and then its repeats, as long as the longest repeat."""
    repeats = [t for n in history.repeated for t in history.repeats_of(n)]
    return (1 + study.finalists.seeds) * max((t.total_seconds for t in repeats), default=0.0)


def summary(study: Study, history: History) -> dict[str, Any] | None:
    """The content of finalists.json: each finalist with its repeats, and which one is chosen.

    `chosen` is None until all due finalists have been trained. The selection bias is how much
    better the chosen one did in the search than on average with other seeds. It is None if the
    search pruned the trial, since then it was trained for fewer epochs than its repeats.

    Returns:
        None if no repeat has been trained.
    """
    repeated = [history.trials[number] for number in history.repeated]
    rows = [_row(finalist, history, study.objective) for finalist in repeated]
    if not any(row["mean"] is not None for row in rows):
        return None
    choice = choose(study, history)
    chosen = choice.trial if choice is not None and choice.repeats else None
    order = 1 if study.objective.mode == "min" else -1
    rows.sort(key=lambda row: math.inf if row["mean"] is None else order * row["mean"])
    return {
        "metric": study.objective.metric,
        "seeds": study.finalists.seeds,
        "finalists": rows,
        "chosen": None if chosen is None else chosen.number,
        "is_finished": choice is not None and choice.is_final,
        "selection_bias": None if chosen is None else _bias(chosen, history, study.objective),
        "seconds": math.fsum(
            t.total_seconds for f in repeated for t in history.repeats_of(f.number)
        ),
    }


def _row(finalist: Trial, history: History, objective: Objective) -> dict[str, Any]:
    complete = complete_repeats(history, finalist)
    known = [t.best_value(objective) for t in complete]
    return {
        "name": finalist.recipe or f"trial {finalist.number}",
        "trial": finalist.number,
        "recipe": finalist.recipe,
        "search": finalist.best_value(objective),
        "search_epochs": finalist.epochs,
        "values": [
            {
                "seed": t.seed,
                "trial": t.number,
                "metric": t.best_value(objective),
                "state": t.state,
                "reason": t.reason,
            }
            for t in history.repeats_of(finalist.number)
        ],
        "mean": mean_of(complete, objective) if complete else None,
        "std": statistics.stdev(x for x in known if x is not None) if len(known) > 1 else None,
        "is_disqualified": is_disqualified(history, finalist),
    }


def _bias(chosen: Trial, history: History, objective: Objective) -> float | None:
    searched = chosen.best_value(objective)
    if chosen.state != COMPLETE or searched is None:
        return None
    sign = 1 if objective.mode == "max" else -1
    return sign * (searched - mean_of(complete_repeats(history, chosen), objective))
