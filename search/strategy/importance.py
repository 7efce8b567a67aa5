"""Relative importance of the hyperparameters: PED-ANOVA over all trials at the first rung."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial

from search.records.events import FAIL
from search.records.history import History
from search.records.trial import Trial, value_of
from search.strategy.distributions import distribution, encoded
from spaces.space import SearchSpace
from spaces.studies.study import Objective, Study

LEAST_TRIALS = 10
"""With fewer trials, nothing is computed."""

RESAMPLES = 200

_TOP = 0.25
"""PED-ANOVA compares the best trials with all of them; this share of them counts as the best."""

_LEAST_TOP = 5
"""The smallest number of best trials that Optuna recommends."""


def importance(study: Study, history: History) -> dict[str, Any] | None:
    """Relative importance of the searched hyperparameters; the values add up to 1.

    Trials are compared by their best value up to the first rung, so every trial that got there
    counts. Later rungs hold only trials that did well: what made them do well hardly varies among
    them, and would seem unimportant. Trials that failed or ended before the first rung are left out
    but counted. Recipes, which may lie anywhere, and repeats of finalists are left out.

    The method is PED-ANOVA (Watanabe et al., IJCAI 2023), which compares how a hyperparameter is
    distributed among the best trials and among all. It covers hyperparameters that only some
    configurations have. The interval is the middle 95 % of the values in bootstrap resamples of
    the trials.

    Returns:
        `method`, `epoch`, `trials`, `failed`, `short` (ended before the first rung), `top` (share
        of the trials that count as the best), `resamples`, and `parameters`: name, mean, low, high,
        and `first`, the share of resamples in which it ranks first. None if fewer than
        `LEAST_TRIALS` trials got to the first rung, or all have the same value there.
    """
    epoch = next(iter(study.budget.rungs), study.budget.max_epochs)
    tried = [trial for trial in history.searched if trial.recipe is None]
    failed = [trial for trial in tried if trial.state == FAIL]
    sound = [trial for trial in tried if trial.state != FAIL]
    values = [(t, _best_until(t, epoch, study.objective)) for t in sound if t.epochs >= epoch]
    found = [(trial, value) for trial, value in values if np.isfinite(value)]
    if len(found) < LEAST_TRIALS or np.ptp([value for _, value in found]) == 0:
        return None
    frozen = [_frozen(study.search_space, trial, value) for trial, value in found]
    parameters = resampled(frozen, study.objective.mode, study.seed)
    if not parameters:
        return None
    return {
        "method": "PED-ANOVA",
        "epoch": epoch,
        "trials": len(found),
        "failed": len(failed),
        "short": len(sound) - len(found),
        "top": _top(len(found)),
        "resamples": RESAMPLES,
        "parameters": parameters,
    }


def _best_until(trial: Trial, epoch: int, objective: Objective) -> float:
    values = [value_of(m, objective) for m in trial.measurements[:epoch]]
    finite = [value for value in values if np.isfinite(value)]
    best = max if objective.mode == "max" else min
    return best(finite, default=np.nan)


def resampled(
    trials: Sequence[FrozenTrial], mode: str, seed: int, resamples: int = RESAMPLES
) -> list[dict[str, Any]]:
    """Relative importance with bootstrap intervals over trials, the most important first.

    Args:
        trials: Trials with a value.
        mode: "max" or "min".
        seed: Seed of the resamples.
        resamples: Number of resamples.

    Returns:
        `parameters`, as in `importance`.
    """
    values = relative_importance(trials, mode)
    places = np.random.default_rng(seed).integers(0, len(trials), (resamples, len(trials)))
    drawn = [relative_importance([trials[i] for i in row], mode) for row in places]
    parameters = []
    for name in sorted(values, key=lambda name: -values[name]):
        again = [one.get(name, 0.0) for one in drawn]
        low, high = np.quantile(again, (0.025, 0.975))
        firsts = sum(max(one, key=one.__getitem__, default="") == name for one in drawn)
        parameters.append(
            {"name": name, "mean": values[name], "low": float(low), "high": float(high)}
            | {"first": firsts / resamples}
        )
    return parameters


def relative_importance(trials: Sequence[FrozenTrial], mode: str) -> dict[str, float]:
    """Importance of each parameter of these trials, normalised to add up to 1.

    Args:
        trials: Trials with a value.
        mode: "max" or "min".
    """
    study = optuna.create_study(direction="maximize" if mode == "max" else "minimize")
    study.add_trials(trials)
    evaluator = PedAnovaImportanceEvaluator(target_quantile=_top(len(trials)))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of parameters that few trials have: see their intervals
        found = get_param_importances(study, evaluator=evaluator)
    return {name: float(value) for name, value in found.items()}


def _top(trials: int) -> float:
    return max(_TOP, min(0.5, _LEAST_TOP / trials))


def _frozen(space: SearchSpace, trial: Trial, value: float) -> FrozenTrial:
    chosen = space.choices_of(trial.point)
    parameters = {parameter.key: parameter for parameter in space.parameters}
    return optuna.trial.create_trial(
        value=value,
        params={key: encoded(parameters[key], chosen[key]) for key in chosen},
        distributions={key: distribution(parameters[key]) for key in chosen},
    )
