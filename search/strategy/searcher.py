"""The searcher: tries recipes first, then the points that Optuna proposes."""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy as np
import optuna
from optuna.trial import TrialState

from search.records.choice import NOT_ITS_FAULT
from search.records.events import COMPLETE, FAIL, PRUNED, Event
from search.records.trial import value_of
from search.strategy.distributions import encoded, labels
from spaces.hyperparameters import Hyperparameters
from spaces.parameters import Categorical, Float, Parameter
from spaces.studies.study import Study
from trainables.training.measurement import Measurement

_DRAWS = 20
"""Further draws before a point that has been tried already is proposed again."""

optuna.logging.set_verbosity(optuna.logging.WARNING)


class OptunaSearcher:
    """Proposes points of a study's space and learns from the events of its ledger.

    A pruned trial reaches Optuna as PRUNED with its intermediate values. One whose configuration
    failed (`non_finite`, `out_of_memory`, `error`) reaches it as PRUNED and infeasible: TPE ignores
    failed trials, so a region that diverges would look unexplored to it, and attractive. The ledger
    records FAIL.

    Args:
        study: Determines space, recipes, objective and seed.
    """

    def __init__(self, study: Study) -> None:
        self._study = study
        self._space = study.search_space
        self._recipes = dict(study.recipe_points)
        self._untried = list(self._recipes)
        self._grid = list(study.grid) if study.searcher == "grid" else []
        self._tried: Counter[Hyperparameters] = Counter()
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        self._optuna = optuna.create_study(
            direction="maximize" if study.objective.mode == "max" else "minimize"
        )
        self._running: dict[int, optuna.Trial] = {}
        self._values: dict[int, dict[int, float]] = {}
        self._reported: set[tuple[int, int]] = set()
        self._repeats: set[int] = set()

    @property
    def has_more(self) -> bool:
        """Whether there is a point left to propose; only a grid can run out of them."""
        return self._study.searcher != "grid" or bool(self._untried or self._grid)

    def has_tried(self, point: Hyperparameters) -> bool:
        """Whether a point has been proposed before."""
        return self._tried[point] > 0

    def propose(self, number: int) -> tuple[str | None, Hyperparameters]:
        """The recipe and the point to try as trial `number`; the recipe is None if it is not one.

        Recipes that have not been tried come first. Where every parameter is discrete, a point
        that was tried already is proposed again only if no other is found in a few draws.
        """
        recipe = next(iter(self._untried), None)
        if recipe is not None:
            self._enqueue(self._space.choices_of(self._recipes[recipe]))
        elif self._study.searcher == "grid":
            self._enqueue(self._grid[0])
        # A new sampler for each number: a proposal depends on the number and on the results so far,
        # but not on how often the search was stopped and resumed.
        self._optuna.sampler = _sampler(self._study, number)
        trial, point = self._ask()
        for _ in range(_DRAWS if recipe is None and self._study.searcher != "grid" else 0):
            if not self.has_tried(point):
                break
            self._optuna.tell(trial, state=TrialState.FAIL)
            trial, point = self._ask()
        self._running[number] = trial
        return recipe, point if recipe is None else self._recipes[recipe]

    def take(self, event: Event) -> None:
        """Learn from an event of the ledger."""
        if event.get("trial") in self._repeats:
            return  # Optuna would learn nothing from a second result at the same point
        if event["event"] == "trial_proposed" and event["finalist_of"] is not None:
            self._repeats.add(event["trial"])
        elif event["event"] == "trial_proposed":
            self._proposed(event)
        elif event["event"] == "trial_started":
            values = self._values.get(event["trial"], {})
            self._values[event["trial"]] = {
                epoch: value for epoch, value in values.items() if epoch <= event["resumed"]
            }
        elif event["event"] == "trial_measured":
            self._measured(event["trial"], Measurement.from_dict(event["measurement"]))
        elif event["event"] == "trial_ended":
            self._ended(event["trial"], event["state"], event["reason"])

    def _proposed(self, event: Event) -> None:
        point = Hyperparameters.from_dict(event["hyperparameters"])
        choices = self._space.choices_of(point)
        self._tried[point] += 1
        if event["recipe"] is not None:
            self._untried = [name for name in self._untried if name != event["recipe"]]
        elif choices in self._grid:
            self._grid.remove(choices)
        if event["trial"] not in self._running:
            self._enqueue(choices)
            self._running[event["trial"]], _ = self._ask()

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
        # After a resume an epoch may be measured again; Optuna keeps its first report.
        if (number, measurement.epoch) not in self._reported:
            self._reported.add((number, measurement.epoch))
            self._running[number].report(value, measurement.epoch)

    def _ended(self, number: int, state: str, reason: str | None) -> None:
        trial, values = self._running[number], self._values.get(number, {}).values()
        best = max if self._study.objective.mode == "max" else min
        if state == COMPLETE and values:
            self._optuna.tell(trial, best(values))
        elif state == FAIL and reason not in NOT_ITS_FAULT:
            trial.set_constraint("failed", 1.0)
            self._optuna.tell(trial, state=TrialState.PRUNED)
        else:
            told = TrialState.PRUNED if state == PRUNED else TrialState.FAIL
            self._optuna.tell(trial, state=told)


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
