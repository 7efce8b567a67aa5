"""P0 and P1: Ray Tune with a function trainable, in the style of its Keras example.

A fresh process for each trial, which imports TensorFlow, is Ray's default. P0 has the backbone in
the model; P1 (option "features") trains on features cached by hand.
"""

from __future__ import annotations

import time
from typing import Any

import ray
from ray import tune

from tests.benchmarks.opponents.data import load, save_features, save_images
from tests.benchmarks.opponents.task import Task
from tests.benchmarks.space import Configuration


def train_digits(config: dict[str, Any]) -> None:
    """One trial."""
    from ray.tune.integration.keras import TuneReportCheckpointCallback

    from tests.benchmarks.opponents.models import EpochLog, fit, head_model, whole_model

    configuration = Configuration.from_dict(config)
    arrays = load(config["data"])
    if config["live"]:
        model = whole_model(configuration, config["depth"])
    else:
        model = head_model(configuration)
    report = TuneReportCheckpointCallback(
        checkpoint_on=[], metrics={"val_accuracy": "val_accuracy"}
    )
    log = EpochLog(config["log"], config["trial"], configuration)
    fit(model, arrays, configuration, config["epochs"], [log, report])


def run(task: Task) -> None:
    """All trials, as many at once as there are cores."""
    live = "features" not in task.options
    common = {
        "live": live,
        "data": str(save_images(task) if live else save_features(task)),
        "log": str(task.log),
        "depth": task.depth,
        "epochs": task.epochs,
    }
    configs = [
        c.to_dict() | common | {"trial": number} for number, c in enumerate(task.configurations)
    ]
    start_ray()
    task.mark(began=time.time(), at_once=int(ray.cluster_resources()["CPU"]))
    tuner = tune.Tuner(
        _from_list,
        param_space={"config": tune.grid_search(configs)},
        tune_config=tune.TuneConfig(metric="val_accuracy", mode="max"),
        run_config=tune.RunConfig(name="plain", storage_path=str(task.folder), verbose=0),
    )
    refuse_errors(tuner.fit())
    ray.shutdown()


def _from_list(config: dict[str, Any]) -> None:
    train_digits(config["config"])


def start_ray() -> None:
    """A Ray of this process alone."""
    ray.init(address="local", include_dashboard=False, log_to_driver=False, logging_level="ERROR")


def refuse_errors(results: Any) -> None:
    """Raise the first error of any trial."""
    if results.errors:
        raise results.errors[0]
