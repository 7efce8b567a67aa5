"""R: Ray Tune with OptunaSearch and ASHA, on the trainable of P2."""

from __future__ import annotations

import time
from typing import Any

import ray
from ray import tune
from ray.tune.schedulers import ASHAScheduler
from ray.tune.search.optuna import OptunaSearch

from tests.benchmarks.opponents.data import save_features
from tests.benchmarks.opponents.ray_class import HeadTrainable, run_config
from tests.benchmarks.opponents.ray_function import refuse_errors, start_ray
from tests.benchmarks.opponents.task import Task
from tests.benchmarks.space import BATCH_SIZES, DROPOUTS, LEARNING_RATES, UNITS


def space() -> dict[str, Any]:
    """The space as Ray Tune writes it."""
    return {
        "learning_rate": tune.loguniform(*LEARNING_RATES),
        "dropout": tune.uniform(*DROPOUTS),
        "units": tune.choice(list(UNITS)),
        "batch_size": tune.choice(list(BATCH_SIZES)),
    }


def run(task: Task) -> None:
    """Search until all trials have ended, or the process is asked to end."""
    common = {"data": str(save_features(task)), "log": str(task.log)}
    start_ray()
    task.mark(began=time.time())
    tuner = tune.Tuner(
        HeadTrainable,
        param_space=space() | common,
        tune_config=tune.TuneConfig(
            metric="val_accuracy",
            mode="max",
            num_samples=task.trials,
            search_alg=OptunaSearch(seed=task.seed),
            scheduler=ASHAScheduler(max_t=task.epochs, grace_period=1, reduction_factor=3),
            reuse_actors=True,
        ),
        run_config=run_config(task),
    )
    refuse_errors(tuner.fit())
    ray.shutdown()
