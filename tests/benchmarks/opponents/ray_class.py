"""P2, the honest opponent: Ray Tune used as well as it can be used without what we add.

A class trainable on features cached by hand, actors reused from trial to trial, one TensorFlow
thread a worker, a whole epoch in one execution of the graph, no checkpoints.
"""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

import ray
from ray import tune

from tests.benchmarks.opponents.data import load, save_features
from tests.benchmarks.opponents.ray_function import refuse_errors, start_ray
from tests.benchmarks.opponents.task import Task, log_epoch
from tests.benchmarks.space import Configuration


class HeadTrainable(tune.Trainable):
    """One head after the other in one process; a step is an epoch."""

    def setup(self, config: dict[str, Any]) -> None:
        """Begin the first trial of this process."""
        import tensorflow as tf

        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        self._arrays = load(config["data"])
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin another trial."""
        import keras

        from tests.benchmarks.opponents.models import head_model

        keras.backend.clear_session()
        self._configuration = Configuration.from_dict(new_config)
        self._log, self._trial = (
            Path(new_config["log"]),
            new_config.get("trial", str(self.trial_id)),
        )
        steps = math.ceil(len(self._arrays["x_train"]) / self._configuration.batch_size)
        self._model = head_model(self._configuration, steps_per_execution=steps)
        self._epoch = 0
        return True

    def step(self) -> dict[str, Any]:
        """Train an epoch."""
        self._epoch += 1
        history = self._model.fit(
            self._arrays["x_train"],
            self._arrays["y_train"],
            batch_size=self._configuration.batch_size,
            validation_data=(self._arrays["x_val"], self._arrays["y_val"]),
            verbose=0,
        )
        accuracy = history.history["val_accuracy"][-1]
        log_epoch(self._log, self._trial, self._epoch, accuracy, self._configuration)
        return {"val_accuracy": accuracy}


def run(task: Task) -> None:
    """All trials, as many at once as there are cores."""
    common = {"data": str(save_features(task)), "log": str(task.log)}
    configs = [
        c.to_dict() | common | {"trial": number} for number, c in enumerate(task.configurations)
    ]
    start_ray()
    task.mark(began=time.time())
    tuner = tune.Tuner(
        _FromList,
        param_space={"config": tune.grid_search(configs)},
        tune_config=tune.TuneConfig(metric="val_accuracy", mode="max", reuse_actors=True),
        run_config=run_config(task),
    )
    refuse_errors(tuner.fit())
    ray.shutdown()


class _FromList(HeadTrainable):
    def setup(self, config: dict[str, Any]) -> None:
        super().setup(config["config"])

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        return super().reset_config(new_config.get("config", new_config))


def run_config(task: Task) -> tune.RunConfig:
    """No checkpoints; a trial ends after so many epochs."""
    return tune.RunConfig(
        name="tuned",
        storage_path=str(task.folder),
        stop={"training_iteration": task.epochs},
        checkpoint_config=tune.CheckpointConfig(checkpoint_frequency=0, checkpoint_at_end=False),
        verbose=0,
    )
