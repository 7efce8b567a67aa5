"""K: KerasTuner on features cached by hand, in the style of its guide.

With a list of configurations (A), a tuner whose oracle hands them out in order, where
RandomSearch's would draw them: all else is KerasTuner's own, its checkpoint of each trial's best
epoch included. Without (B), Hyperband or BayesianOptimization, as the option says.
"""

from __future__ import annotations

import time
from typing import Any

import keras_tuner  # type: ignore[import-untyped]

from tests.benchmarks.opponents.data import load, save_features
from tests.benchmarks.opponents.models import EpochLog, head_model
from tests.benchmarks.opponents.task import Task
from tests.benchmarks.space import BATCH_SIZES, DROPOUTS, LEARNING_RATES, UNITS, Configuration


class FrozenList(keras_tuner.Oracle):
    """Hands out a list of configurations, one a trial."""

    def __init__(self, configurations: tuple[Configuration, ...], **options: Any) -> None:
        super().__init__(max_trials=len(configurations), **options)
        self._configurations = configurations

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        """The values of a trial; KerasTuner's ids are numbers."""
        values = self._configurations[int(trial_id)].to_dict()
        return {"status": keras_tuner.engine.trial.TrialStatus.RUNNING, "values": values}


class HeadHyperModel(keras_tuner.HyperModel):
    """Heads on cached features; the batch size is chosen in `fit`."""

    def __init__(self, task: Task) -> None:
        super().__init__()
        self._task = task
        self._trial = -1

    def build(self, hp: Any) -> Any:
        """A compiled head."""
        return head_model(choose(hp))

    def fit(self, hp: Any, model: Any, *args: Any, **kwargs: Any) -> Any:
        """Train it."""
        configuration = choose(hp)
        self._trial += 1
        log = EpochLog(self._task.log, self._trial, configuration)
        callbacks = [log, *kwargs.pop("callbacks", [])]
        return model.fit(*args, batch_size=configuration.batch_size, callbacks=callbacks, **kwargs)


def choose(hp: Any) -> Configuration:
    """The space as KerasTuner writes it."""
    low, high = LEARNING_RATES
    return Configuration(
        hp.Float("learning_rate", low, high, sampling="log"),
        hp.Float("dropout", *DROPOUTS),
        hp.Choice("units", list(UNITS)),
        hp.Choice("batch_size", list(BATCH_SIZES)),
    )


def run(task: Task) -> None:
    """Train the list, or search."""
    arrays = load(save_features(task))
    tuner = _tuner(task, HeadHyperModel(task))
    task.mark(began=time.time())
    tuner.search(
        arrays["x_train"],
        arrays["y_train"],
        epochs=task.epochs,
        validation_data=(arrays["x_val"], arrays["y_val"]),
        verbose=0,
    )


def _tuner(task: Task, model: HeadHyperModel) -> Any:
    objective = keras_tuner.Objective("val_accuracy", "max")
    where = {"directory": str(task.folder), "project_name": "kerastuner"}
    if task.configurations:
        oracle = FrozenList(task.configurations, objective=objective)
        return keras_tuner.Tuner(oracle=oracle, hypermodel=model, **where)
    common = {"objective": objective, "seed": task.seed, **where}
    if "hyperband" in task.options:
        # Again and again, as the others go on too: once may not reach a target.
        return keras_tuner.Hyperband(
            model, max_epochs=task.epochs, factor=3, hyperband_iterations=20, **common
        )
    return keras_tuner.BayesianOptimization(model, max_trials=task.trials, **common)
