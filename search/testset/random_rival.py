"""A random search at equal cost, which the search has to beat as well."""

from __future__ import annotations

from typing import Any

from search.records.history import History, Trial
from search.records.ledger import read_ledger
from search.records.run import Run
from search.records.run_sets import sets_of
from spaces.errors import InputError
from spaces.study import Study
from trainables.training.checkpoints import Checkpoints

_SAME = ("space", "base", "objective", "dataset")


def rival(run: Run, other: Run) -> tuple[Trial, Run]:
    """The best trial that a random search had when it had cost what `run`'s search cost.

    The search's cost is all that its winner took: the seconds of its trials, of the finalists'
    repeats, and of the features computed in advance. The random search's is that of its trials.

    Args:
        run: The run that is to be compared.
        other: A run of the same study by `searcher: random`.

    Returns:
        The trial, and its run.

    Raises:
        InputError: If `other` is no random search of the same, or ended before it had cost as
            much, or its trial's weights are gone.
    """
    study, others = run.study(), other.study()
    _refuse_another(study, others, run, other)
    cost = _cost(_history(run))
    history = _history(other)
    spent = sum(trial.total_seconds for trial in history.searched)
    if spent < cost:
        raise InputError(
            f"The random search in {other.folder} took {spent:.0f} s of trial time, the search "
            f"{cost:.0f} s. Go on with it by --trials and --resume until it has cost as much."
        )
    best = history.incumbent(others.objective, _within(history, cost))
    if best is None or Checkpoints(other.trial_checkpoints(best.number)).newest()[0] is None:
        raise InputError(
            f"{other.folder} has no weights of the trial that was its best after {cost:.0f} s. "
            "Search with finalists.count of 10 or more there, which keeps as many."
        )
    return best, other


def _refuse_another(study: Study, others: Study, run: Run, other: Run) -> None:
    if others.searcher != "random":
        raise InputError(f"{other.folder} was searched by {others.searcher}, not by random.")
    ours, theirs = (_without_path(each.to_dict()) for each in (study, others))
    differing = [name for name in _SAME if ours[name] != theirs[name]]
    if _sets(run, study) != _sets(other, others):
        differing.insert(0, "the images of the three sets")
    if study.budget.max_epochs != others.budget.max_epochs:
        differing.append("budget.max_epochs")
    if differing:
        raise InputError(
            f"{other.folder} is no search of the same: {', '.join(differing)} differ. The test "
            "set stays closed."
        )


def _without_path(values: dict[str, Any]) -> dict[str, Any]:
    return values | {"dataset": values["dataset"] | {"path": None}}


def _sets(run: Run, study: Study) -> str:
    """The digest of its sets; older runs, which have not kept them, are split once more."""
    return sets_of(run, study.dataset).digest


def _history(run: Run) -> History:
    return History.of(read_ledger(run.ledger))


def _cost(history: History) -> float:
    trials = sum(trial.total_seconds for trial in history.trials.values())
    return trials + sum(event["seconds"] * event["cores"] for event in history.features)


def _within(history: History, cost: float) -> list[Trial]:
    """Trials that had ended before their seconds together exceeded the cost, recipes left out."""
    found, spent = [], 0.0
    for trial in sorted(history.searched, key=lambda t: t.ended or float("inf")):
        spent += trial.total_seconds
        if spent > cost:
            break
        if trial.recipe is None:
            found.append(trial)
    return found
