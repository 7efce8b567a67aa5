"""Slices: the metric by one searched hyperparameter at a time."""

from __future__ import annotations

from dataclasses import dataclass

from reports.analysis.hyperparameters.axes import choices
from reports.data.run_data import RunData
from reports.text import formats
from search.records.events import FAIL
from search.records.trial import value_of
from spaces.parameters import Categorical
from spaces.studies.study import Objective


@dataclass(frozen=True)
class Slice:
    """Trials by one hyperparameter: those that have it, and failed or reported.

    Attributes:
        name: Of the hyperparameter.
        is_log: Whether it is searched by its logarithm.
        categories: Texts of the choices in order; empty for a number.
        trials, states, x, y: Of each trial; x is a number or the index of a category, y is None
            where the trial failed.
    """

    name: str
    is_log: bool
    categories: tuple[str, ...]
    trials: tuple[int, ...]
    states: tuple[str, ...]
    x: tuple[float, ...]
    y: tuple[float | None, ...]


def slices(data: RunData) -> list[Slice]:
    """One for each searched hyperparameter that a trial has; empty without a result."""
    found = [_slice(data, name, data.objective) for name in data.searched]
    return [one for one in found if any(value is not None for value in one.y)]


def losses_by_learning_rate(data: RunData) -> list[Slice]:
    """The lowest validation loss of each trial by each searched learning rate."""
    loss = Objective(metric="val_loss", mode="min")
    names = [name for name in data.searched if name.endswith("learning_rate")]
    found = [_slice(data, name, loss) for name in names]
    return [one for one in found if any(value is not None for value in one.y)]


def _slice(data: RunData, name: str, objective: Objective) -> Slice:
    parameters = [p for p in data.study.search_space.parameters if p.name == name]
    points = {
        trial.number: value
        for trial in data.trials
        if (trial.state == FAIL or trial.best(objective) is not None)
        and (value := getattr(trial.point, name)) is not None
    }
    is_choice = any(isinstance(parameter, Categorical) for parameter in parameters)
    categories = choices(parameters, list(points.values())) if is_choice else ()
    x = [
        float(categories.index(formats.hyperparameter(v))) if categories else float(v)
        for v in points.values()
    ]
    trials = [data.history.trials[number] for number in points]
    best = [None if trial.state == FAIL else trial.best(objective) for trial in trials]
    is_log = all(getattr(parameter, "log", False) for parameter in parameters)
    return Slice(
        name,
        is_log and not categories and min(x, default=0) > 0,
        categories,
        tuple(points),
        tuple(trial.state for trial in trials),
        tuple(x),
        tuple(value_of(m, objective) if m else None for m in best),
    )
