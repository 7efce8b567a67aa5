"""The metric by each searched hyperparameter on its own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from reports import formats
from reports.run_data import RunData
from search.records.events import FAIL
from search.records.history import value_of
from spaces.parameters import Categorical, Parameter


@dataclass(frozen=True)
class Slice:
    """Trials by one hyperparameter: those at whose point it exists, and that failed or reported.

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
    """One for each searched hyperparameter that any trial has; none while no trial has a result."""
    found = [_slice(data, name) for name in data.searched]
    return [one for one in found if any(value is not None for value in one.y)]


def _slice(data: RunData, name: str) -> Slice:
    parameters = [p for p in data.study.search_space.parameters if p.name == name]
    points = {
        number: value
        for number, trial in data.history.trials.items()
        if (trial.state == FAIL or trial.best(data.objective) is not None)
        and (value := getattr(trial.point, name)) is not None
    }
    categories = _categories(parameters, list(points.values()))
    x = [
        float(categories.index(formats.hyperparameter(v))) if categories else float(v)
        for v in points.values()
    ]
    trials = [data.history.trials[number] for number in points]
    best = [None if trial.state == FAIL else trial.best(data.objective) for trial in trials]
    is_log = all(getattr(parameter, "log", False) for parameter in parameters)
    return Slice(
        name,
        is_log and not categories and min(x, default=0) > 0,
        categories,
        tuple(points),
        tuple(trial.state for trial in trials),
        tuple(x),
        tuple(value_of(m, data.objective) if m else None for m in best),
    )


def _categories(parameters: list[Parameter], values: list[Any]) -> tuple[str, ...]:
    if not any(isinstance(parameter, Categorical) for parameter in parameters):
        return ()
    choices = [c for p in parameters if isinstance(p, Categorical) for c in p.choices]
    return tuple(dict.fromkeys(map(formats.hyperparameter, [*choices, *values])))
