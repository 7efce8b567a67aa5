"""Which hyperparameters mattered, by Optuna's fANOVA on trials at equal fidelity."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import optuna

from search.records.history import History, Trial, value_of
from search.strategy.distributions import distribution, encoded
from spaces.space import SearchSpace
from spaces.study import Objective, Study

LEAST_TRIALS = 10
"""Below, the forest that fANOVA rests on has nothing to learn from."""

_FORESTS = 10

_SAMPLE = 200
"""Trials that a forest sees at the most, drawn at random: their cost grows faster than they do."""


def importance(study: Study, history: History) -> dict[str, Any] | None:
    """Shares of the metric's variance that the hyperparameters explain.

    All trials are compared by what they had come to at one epoch: the last rung, or the end, that
    at least `LEAST_TRIALS` of them reached. Those that exist in some configurations only are left
    out, and so are recipes, which may lie anywhere, and repeats of finalists.

    Returns:
        `epoch`, `trials`, `sample` (how many of them each random forest saw), and `parameters`:
        name, mean and standard deviation over forests of different seeds. None if too few trials
        came far enough, or all came to the same.
    """
    for epoch in reversed((*study.budget.rungs, study.budget.max_epochs)):
        trials = [t for t in history.searched if t.epochs >= epoch and t.recipe is None]
        values = [_best_until(trial, epoch, study.objective) for trial in trials]
        sound = [(t, v) for t, v in zip(trials, values, strict=True) if np.isfinite(v)]
        if len(sound) >= LEAST_TRIALS:
            return _at(study, epoch, sound)
    return None


def _best_until(trial: Trial, epoch: int, objective: Objective) -> float:
    values = [value_of(m, objective) for m in trial.measurements[:epoch]]
    finite = [value for value in values if np.isfinite(value)]
    best = max if objective.mode == "max" else min
    return best(finite, default=np.nan)


def _at(study: Study, epoch: int, found: Sequence[tuple[Trial, float]]) -> dict[str, Any] | None:
    if np.ptp([value for _, value in found]) == 0:
        return None
    sample = min(len(found), _SAMPLE)
    shares: dict[str, list[float]] = {}
    for seed in range(_FORESTS):
        drawn = np.random.default_rng(seed).choice(len(found), sample, replace=False)
        told = _told(study.search_space, study.objective, [found[i] for i in sorted(drawn)])
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=seed)
        for name, share in optuna.importance.get_param_importances(
            told, evaluator=evaluator
        ).items():
            shares.setdefault(name, []).append(share)
    parameters = [
        {"name": name, "mean": float(np.mean(of_name)), "std": float(np.std(of_name))}
        for name, of_name in sorted(shares.items(), key=lambda item: -np.mean(item[1]))
    ]
    if not parameters:
        return None
    return {"epoch": epoch, "trials": len(found), "sample": sample, "parameters": parameters}


def _told(
    space: SearchSpace, objective: Objective, found: Sequence[tuple[Trial, float]]
) -> optuna.Study:
    warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
    study = optuna.create_study(direction="maximize" if objective.mode == "max" else "minimize")
    by_key = {parameter.key: parameter for parameter in space.parameters}
    for trial, value in found:
        chosen = space.choices_of(trial.point)
        study.add_trial(
            optuna.trial.create_trial(
                value=value,
                params={key: encoded(by_key[key], chosen[key]) for key in chosen},
                distributions={key: distribution(by_key[key]) for key in chosen},
            )
        )
    return study
