"""Finalists: the best trials and the recipes, trained again with other seeds."""

from __future__ import annotations

import math
import statistics
from typing import Any

from search.records import events
from search.records.history import History, Trial, value_of
from spaces.study import Objective, Study


def finalists(study: Study, history: History) -> list[Trial]:
    """The best trials by validation, best first, and every recipe that reached its end."""
    if study.finalists.count == 0:
        return []
    ended = [t for t in history.searched if t.state in (events.COMPLETE, events.PRUNED)]
    scored = [t for t in ended if t.best(study.objective) is not None]
    ranked = sorted(scored, key=lambda t: _rank(_metric(t, study.objective), study.objective))
    best = [t for t in ranked if t.recipe is None][: study.finalists.count]
    return best + [t for t in ranked if t.recipe is not None and t.state == events.COMPLETE]


def next_repeat(study: Study, history: History) -> Trial | None:
    """The finalist that is to be trained once more, or None if all have had all their seeds."""
    made = repeats(history)
    short = [
        finalist
        for finalist in finalists(study, history)
        if len(made.get(finalist.number, [])) < study.finalists.seeds
    ]
    return min(short, key=lambda t: len(made.get(t.number, [])), default=None)


def winner(study: Study, history: History) -> Trial | None:
    """The finalist that is best on average; without repeats, or before all are made, the incumbent.

    None if no trial has been measured.
    """
    found = summary(study, history)
    if found is None or history.in_state(events.RUNNING) or next_repeat(study, history):
        return history.incumbent(study.objective)
    return history.trials[found["chosen"]]


def repeats(history: History) -> dict[int, list[Trial]]:
    """The repeats of each finalist, by its number."""
    found: dict[int, list[Trial]] = {}
    for trial in history.trials.values():
        if trial.finalist_of is not None:
            found.setdefault(trial.finalist_of, []).append(trial)
    return found


def summary(study: Study, history: History) -> dict[str, Any] | None:
    """What finalists.json holds: each finalist with its repeats, and which one is chosen.

    The choice is by the mean over the repeats; those that failed do not count, but are shown. The
    selection bias is how much better the chosen one did in the search than it does on average.
    """
    made = repeats(history)
    rows = [_row(history.trials[n], made[n], study.objective) for n in made]
    measured = [row for row in rows if row["mean"] is not None]
    if not measured:
        return None
    measured.sort(key=lambda row: _rank(row["mean"], study.objective))
    chosen = measured[0]
    sign = 1 if study.objective.mode == "max" else -1
    return {
        "metric": study.objective.metric,
        "seeds": study.finalists.seeds,
        "finalists": rows,
        "chosen": chosen["trial"],
        "selection_bias": sign * (chosen["search"] - chosen["mean"]),
        "seconds": math.fsum(t.total_seconds for trials in made.values() for t in trials),
    }


def _row(finalist: Trial, made: list[Trial], objective: Objective) -> dict[str, Any]:
    values = [
        {
            "seed": t.seed,
            "trial": t.number,
            "metric": _metric(t, objective) if t.best(objective) else None,
            "state": t.state,
        }
        for t in made
    ]
    known = [_metric(t, objective) for t in made if t.state == events.COMPLETE]
    return {
        "name": finalist.recipe or f"trial {finalist.number}",
        "trial": finalist.number,
        "recipe": finalist.recipe,
        "search": _metric(finalist, objective),
        "values": values,
        "mean": statistics.fmean(known) if known else None,
        "std": statistics.stdev(known) if len(known) > 1 else None,
    }


def _metric(trial: Trial, objective: Objective) -> float:
    best = trial.best(objective)
    return value_of(best, objective) if best else math.nan


def _rank(value: float, objective: Objective) -> float:
    return -value if objective.mode == "max" else value
