"""O: Optuna in one process on features cached by hand, in the style of its Keras example.

With a list of configurations each is enqueued (A); without, TPE proposes and successive halving
prunes (B).
"""

from __future__ import annotations

import time
from typing import Any

import keras
import optuna

from tests.benchmarks.opponents.data import load, save_features
from tests.benchmarks.opponents.models import EpochLog, fit, head_model
from tests.benchmarks.opponents.task import Task
from tests.benchmarks.space import BATCH_SIZES, DROPOUTS, LEARNING_RATES, UNITS, Configuration


def suggest(trial: optuna.Trial) -> Configuration:
    """The space as Optuna writes it."""
    return Configuration(
        trial.suggest_float("learning_rate", *LEARNING_RATES, log=True),
        trial.suggest_float("dropout", *DROPOUTS),
        trial.suggest_categorical("units", UNITS),
        trial.suggest_categorical("batch_size", BATCH_SIZES),
    )


class _Pruning(keras.callbacks.Callback):
    """Reports each epoch, and ends the trial where the pruner says so."""

    def __init__(self, trial: optuna.Trial) -> None:
        super().__init__()
        self._trial = trial
        self.best = 0.0

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        accuracy = (logs or {})["val_accuracy"]
        self.best = max(self.best, accuracy)
        self._trial.report(accuracy, epoch)
        if self._trial.should_prune():
            raise optuna.TrialPruned


def run(task: Task) -> None:
    """Train what was enqueued, or search."""
    arrays = load(save_features(task))
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", **_search(task))
    for configuration in task.configurations:
        study.enqueue_trial(configuration.to_dict())

    def objective(trial: optuna.Trial) -> float:
        keras.backend.clear_session()
        configuration = suggest(trial)
        pruning = _Pruning(trial)
        log = EpochLog(task.log, trial.number, configuration)
        fit(head_model(configuration), arrays, configuration, task.epochs, [log, pruning])
        return pruning.best

    task.mark(began=time.time())
    study.optimize(objective, n_trials=len(task.configurations) or task.trials)


def _search(task: Task) -> dict[str, Any]:
    if task.configurations:
        return {"pruner": optuna.pruners.NopPruner()}
    return {
        "sampler": optuna.samplers.TPESampler(seed=task.seed),
        "pruner": optuna.pruners.SuccessiveHalvingPruner(min_resource=1, reduction_factor=3),
    }
