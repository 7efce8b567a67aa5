"""The searcher: recipes first, then what Optuna proposes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
from optuna.trial import TrialState

from search.records.events import COMPLETE, PRUNED, Event
from search.records.history import value_of
from search.strategy.distributions import encoded, labels
from spaces.hyperparameters import Hyperparameters
from spaces.parameters import Categorical, Float, Parameter
from spaces.study import Study
from trainables.training.measurement import Measurement

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
            direction="maximize" if study.objective.mode == "max" else "minimize"
        )
        self._running: dict[int, optuna.Trial] = {}
        self._values: dict[int, dict[int, float]] = {}
        self._repeats: set[int] = set()

    def propose(self, number: int) -> tuple[str | None, Hyperparameters]:
        """The recipe and the point to try as trial `number`; the recipe is None beyond them."""
        names = list(self._recipes)
        recipe = names[number] if number < len(names) else None
        if recipe is not None:
            self._enqueue(self._space.choices_of(self._recipes[recipe]))
        elif self._study.searcher == "grid":
            self._enqueue(self._study.grid[number - len(names)])
        # A sampler for each number: proposals depend on it and on what is known, and not on how
        # often the search was stopped and taken up again.
        self._optuna.sampler = _sampler(self._study, number)
        self._running[number], point = self._ask()
        return recipe, point if recipe is None else self._recipes[recipe]

    def take(self, event: Event) -> None:
        """Learn from an event of the ledger."""
        if event.get("trial") in self._repeats:
            return  # the same point once more would tell Optuna that it lies where it lay
        if event["event"] == "trial_proposed" and event["finalist_of"] is not None:
            self._repeats.add(event["trial"])
        elif event["event"] == "trial_proposed" and event["trial"] not in self._running:
            point = Hyperparameters.from_dict(event["hyperparameters"])
            self._enqueue(self._space.choices_of(point))
            self._running[event["trial"]], _ = self._ask()
        elif event["event"] == "trial_started":
            values = self._values.get(event["trial"], {})
            self._values[event["trial"]] = {
                epoch: value for epoch, value in values.items() if epoch <= event["resumed"]
            }
        elif event["event"] == "trial_measured":
            self._measured(event["trial"], Measurement.from_dict(event["measurement"]))
        elif event["event"] == "trial_ended":
            self._ended(event["trial"], event["state"])

    def _enqueue(self, choices: Mapping[str, Any]) -> None:
        parameters = {p.key: p for p in self._space.parameters}
        self._optuna.enqueue_trial({k: encoded(parameters[k], v) for k, v in choices.items()})

    def _ask(self) -> tuple[optuna.Trial, Hyperparameters]:
        trial = self._optuna.ask()
        return trial, self._space.sample(lambda parameter: _suggest(trial, parameter))

    def _measured(self, number: int, measurement: Measurement) -> None:
        value = value_of(measurement, self._study.objective)
        if not np.isfinite(value):
            return
        self._values.setdefault(number, {})[measurement.epoch] = value
        trial = self._running[number]
        # An epoch that is trained again after a checkpoint: Optuna keeps the first report.
        if measurement.epoch not in trial.storage.get_trial(trial._trial_id).intermediate_values:
            trial.report(value, measurement.epoch)

    def _ended(self, number: int, state: str) -> None:
        values = self._values.get(number, {}).values()
        best = max if self._study.objective.mode == "max" else min
        if state == COMPLETE and values:
            self._optuna.tell(self._running[number], best(values))
        else:
            told = TrialState.PRUNED if state == PRUNED else TrialState.FAIL
            self._optuna.tell(self._running[number], state=told)


def _sampler(study: Study, number: int) -> optuna.samplers.BaseSampler:
    seed = int(np.random.SeedSequence([study.seed, number, 1]).generate_state(1)[0])
    if study.searcher == "tpe":
        return optuna.samplers.TPESampler(
            seed=seed, multivariate=True, group=True, constant_liar=True
        )
    return optuna.samplers.RandomSampler(seed=seed)


def _suggest(trial: optuna.Trial, parameter: Parameter) -> Any:
    if isinstance(parameter, Categorical):
        label = trial.suggest_categorical(parameter.key, labels(parameter))
        return parameter.choices[labels(parameter).index(label)]
    if isinstance(parameter, Float):
        return trial.suggest_float(parameter.key, parameter.low, parameter.high, log=parameter.log)
    return trial.suggest_int(
        parameter.key, parameter.low, parameter.high, step=parameter.step, log=parameter.log
    )
