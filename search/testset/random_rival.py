"""A random search at equal cost, which the search also has to beat."""

from __future__ import annotations

from typing import Any

from search.records.history import History
from search.records.run import Run
from search.records.run_sets import sets_of
from search.records.trial import Trial
from spaces.errors import InputError
from spaces.studies.study import Study
from trainables.training.checkpoints import Checkpoints

_SAME = ("space", "base", "objective", "dataset")


def rival(run: Run, other: Run) -> tuple[Trial, Run]:
    """The best trial of a random search by the time it had cost as much as the search of `run`.

    The cost of the search is all that finding the winner took: the seconds of its trials, of the
    finalists' repeats, and of the precomputed features. That of the random search is its trials.

    Args:
        run: The run to compare.
        other: A run of the same study with `searcher: random`.

    Returns:
        The trial and its run.

    Raises:
        InputError: If `other` is not a random search of the same study, has not cost as much
            yet, or no longer has its trial's weights.
    """
    study, others = run.study(), other.study()
    _refuse_another(study, others, run, other)
    cost = _cost(run.history())
    history = other.history()
    spent = sum(trial.total_seconds for trial in history.searched)
    if spent < cost:
        raise InputError(
            f"The random search in {other.folder} took {spent:.0f} s of trial time, the search "
            f"{cost:.0f} s. Continue it until it has cost as much: "
            + other.command("resume", "--trials", str(2 * len(history.searched)))
        )
    best = history.incumbent(others.objective, _within(history, cost))
    if best is None or Checkpoints(other.trial_checkpoints(best.number)).newest()[0] is None:
        raise InputError(
            f"{other.folder} no longer has the weights of its best trial after {cost:.0f} s. "
            "Repeat it with finalists.count: 10 or more, which keeps the weights of as many trials."
        )
    return best, other


def _refuse_another(study: Study, others: Study, run: Run, other: Run) -> None:
    if others.searcher != "random":
        raise InputError(
            f"{other.folder} was searched with searcher: {others.searcher}, not with random."
        )
    ours, theirs = (_without_path(each.to_dict()) for each in (study, others))
    differing = [name for name in _SAME if ours[name] != theirs[name]]
    if _sets(run, study) != _sets(other, others):
        differing.insert(0, "the images of the three sets")
    if study.budget.max_epochs != others.budget.max_epochs:
        differing.append("budget.max_epochs")
    if differing:
        raise InputError(
            f"{other.folder} is not comparable with this run: {', '.join(differing)} differ. The "
            "test set was not opened."
        )


def _without_path(values: dict[str, Any]) -> dict[str, Any]:
    return values | {"dataset": values["dataset"] | {"path": None}}


def _sets(run: Run, study: Study) -> str:
    """The digest of a run's sets; the dataset of an older run without them is split again."""
    return sets_of(run, study.dataset).digest


def _cost(history: History) -> float:
    trials = sum(trial.total_seconds for trial in history.trials.values())
    return trials + sum(event["seconds"] * event["cores"] for event in history.features)


def _within(history: History, cost: float) -> list[Trial]:
    """Trials that ended before their total seconds exceeded the cost, without recipes."""
    found, spent = [], 0.0
    for trial in sorted(history.searched, key=lambda t: t.ended or float("inf")):
        spent += trial.total_seconds
        if spent > cost:
            break
        if trial.recipe is None:
            found.append(trial)
    return found
