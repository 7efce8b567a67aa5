"""The searcher: recipes first, then what Optuna proposes."""

from __future__ import annotations

import json
import warnings
from typing import Any

import numpy as np
import optuna
from optuna.trial import TrialState

from search.records.events import COMPLETE, PRUNED, Event
from search.records.history import value_of
from spaces.hyperparameters import Hyperparameters
from spaces.parameters import Categorical, Float, Parameter
from spaces.study import Study
from trainables.measurement import Measurement

optuna.logging.set_verbosity(optuna.logging.WARNING)


class OptunaSearcher:
    """Proposes points of a study's space and learns from the events of its ledger.

    States are told as they are: a pruned trial with its last intermediate value, a failed one
    without any.

    Args:
        study: Says space, recipes, objective and seed.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        self._space = study.search_space
        self._recipes = dict(study.recipe_points)
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        self._optuna = optuna.create_study(
            direction="maximize" if study.objective.mode == "max" else "minimize",
            sampler=_sampler(study),
        )
        self._running: dict[int, optuna.Trial] = {}
        self._values: dict[int, dict[int, float]] = {}

    def propose(self, number: int) -> tuple[str | None, Hyperparameters]:
        """The recipe and the point to try as trial `number`; the recipe is None beyond them."""
        names = list(self._recipes)
        recipe = names[number] if number < len(names) else None
        if recipe is not None:
            self._enqueue(self._recipes[recipe])
        trial = self._optuna.ask()
        point = self._space.sample(lambda parameter: _suggest(trial, parameter))
        self._running[number] = trial
        return recipe, point if recipe is None else self._recipes[recipe]

    def take(self, event: Event) -> None:
        """Learn from an event of the ledger."""
        if event["event"] == "trial_proposed" and event["trial"] not in self._running:
            self._enqueue(Hyperparameters.from_dict(event["hyperparameters"]))
            trial = self._optuna.ask()
            self._space.sample(lambda parameter: _suggest(trial, parameter))
            self._running[event["trial"]] = trial
        elif event["event"] == "trial_measured":
            self._measured(event["trial"], Measurement.from_dict(event["measurement"]))
        elif event["event"] == "trial_ended":
            self._ended(event["trial"], event["state"])

    def _enqueue(self, point: Hyperparameters) -> None:
        choices = self._space.choices_of(point)
        parameters = {p.key: p for p in self._space.parameters}
        self._optuna.enqueue_trial({k: _encoded(parameters[k], v) for k, v in choices.items()})

    def _measured(self, number: int, measurement: Measurement) -> None:
        value = value_of(measurement, self._study.objective)
        values = self._values.setdefault(number, {})
        if np.isfinite(value) and measurement.epoch not in values:
            self._running[number].report(value, measurement.epoch)
            values[measurement.epoch] = value

    def _ended(self, number: int, state: str) -> None:
        values = self._values.get(number, {}).values()
        best = max if self._study.objective.mode == "max" else min
        if state == COMPLETE and values:
            self._optuna.tell(self._running[number], best(values))
        else:
            told = TrialState.PRUNED if state == PRUNED else TrialState.FAIL
            self._optuna.tell(self._running[number], state=told)


def _sampler(study: Study) -> optuna.samplers.BaseSampler:
    if study.searcher == "random":
        return optuna.samplers.RandomSampler(seed=study.seed)
    if study.searcher == "grid":
        grid = {p.key: _grid_values(p) for p in study.search_space.parameters}
        return optuna.samplers.GridSampler(grid, seed=study.seed)
    return optuna.samplers.TPESampler(
        seed=study.seed, multivariate=True, group=True, constant_liar=True
    )


def _grid_values(parameter: Parameter) -> list[Any]:
    if isinstance(parameter, Categorical):
        return _labels(parameter)
    return list(range(int(parameter.low), int(parameter.high) + 1, getattr(parameter, "step", 1)))


def _suggest(trial: optuna.Trial, parameter: Parameter) -> Any:
    if isinstance(parameter, Categorical):
        label = trial.suggest_categorical(parameter.key, _labels(parameter))
        return parameter.choices[_labels(parameter).index(label)]
    if isinstance(parameter, Float):
        return trial.suggest_float(parameter.key, parameter.low, parameter.high, log=parameter.log)
    return trial.suggest_int(
        parameter.key, parameter.low, parameter.high, step=parameter.step, log=parameter.log
    )


def _encoded(parameter: Parameter, value: Any) -> Any:
    if isinstance(parameter, Categorical):
        return _labels(parameter)[parameter.choices.index(value)]
    return value


def _labels(parameter: Categorical) -> list[Any]:
    """Choices as Optuna stores them: lists as text."""
    return [json.dumps(c) if isinstance(c, tuple) else c for c in parameter.choices]
