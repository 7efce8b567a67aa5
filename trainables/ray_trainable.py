"""The adapter between Ray Tune and a `Training`: the only module here that imports Ray."""

from __future__ import annotations

import os
import time
import traceback
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray import tune

from spaces.errors import DataError, TrialFailedError
from spaces.hyperparameters import Hyperparameters
from spaces.study import Study
from trainables import cache
from trainables.checkpoint import load_state, save_state


@dataclass(frozen=True)
class Job:
    """What all trials of a search have in common, shipped to the workers once.

    Attributes:
        study: As plain values.
        cache: Folder of the feature store.
        threads: Threads of TensorFlow in a worker.
    """

    study: dict[str, Any]
    cache: str
    threads: int


class KerasTrainable(tune.Trainable):
    """One trial after the other in one process, so that TensorFlow is imported once.

    A step is an epoch. Its result holds the metric, `epoch` and `measurement`; the first one of
    a trial also `started`; the last one `end`: state, reason and error. What goes wrong in a
    trial is such a result too, so that the process lives on for the next one.
    """

    _training: Any = None
    _state: Any = None

    def setup(self, config: dict[str, Any], job: Job) -> None:
        """Begin the first trial of this process."""
        began = time.perf_counter()
        os.environ[cache.VARIABLE] = job.cache
        _limit_threads(job.threads)
        self._study = Study.model_validate(job.study)
        self._data: dict[int, Any] = {}
        self._begin(config, began)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Begin another trial in this process."""
        self._begin(new_config, time.perf_counter())
        return True

    def step(self) -> dict[str, Any]:
        """Train an epoch."""
        try:
            return self._next_epoch()
        except Exception as error:  # whatever it is, it ended this trial and not the search
            reason, text = _classified(error)
            return self._result(np.nan) | {"done": True, "end": ("FAIL", reason, text)}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Save what the trial needs to go on after its last whole epoch."""
        began = time.perf_counter()
        if self._training is not None:
            save_state(Path(checkpoint_dir), self._training.state())
            self._training.add_seconds("checkpoint", time.perf_counter() - began)

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Go on from a checkpoint, at the epoch after it."""
        self._training = None
        self._state = load_state(Path(checkpoint))

    def _begin(self, config: dict[str, Any], began: float) -> None:
        self._config = config
        self._training = None
        self._state = None
        if config["checkpoint"]:
            self._state = load_state(Path(config["checkpoint"]))
        self._began = began

    def _start(self) -> None:
        """Build the trial's network; not in setup, where an error would end the process."""
        from trainables.datasets.loading import load_trial_data
        from trainables.training import Training

        point = Hyperparameters.from_dict(self._config["hyperparameters"])
        idle = time.perf_counter() - self._began
        size = point.image_size
        if size not in self._data:
            self._data = {size: load_trial_data(self._study.dataset, size)}
        data = self._data[size]
        loaded = time.perf_counter() - self._began - idle
        self._training = Training(
            point,
            len(data.class_names),
            data.train,
            data.validation,
            self._config["seed"],
            self._study.objective,
        )
        self._training.add_seconds("start", idle)
        self._training.add_seconds("data", loaded)
        if self._state is not None:
            self._training.restore(self._state)
            self._state = None

    def _next_epoch(self) -> dict[str, Any]:
        started = {}
        if self._training is None:
            self._start()
            started = self._started()
        training = self._training
        if training.end is not None:  # a checkpoint of a trial that was at its end
            return (
                self._result(np.nan)
                | started
                | {"done": True, "end": ("COMPLETE", training.end, None)}
            )
        measurement = training.run_epoch()
        result = self._result(getattr(measurement, self._study.objective.metric)) | started
        result["measurement"] = measurement.to_dict()
        if training.end is not None:
            result |= {"done": True, "end": ("COMPLETE", training.end, None)}
        return result

    def _result(self, metric: float) -> dict[str, Any]:
        epoch = self._training.epoch if self._training is not None else 1
        return {self._study.objective.metric: metric, "epoch": max(epoch, 1)}

    def _started(self) -> dict[str, Any]:
        model = self._training.network.model
        return {
            "started": {
                "node": ray.util.get_node_ip_address(),
                "total_params": model.count_params(),
                "trainable_params": self._training.trained_params,
                "resumed": self._training.epoch,
            }
        }


def _limit_threads(threads: int) -> None:
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def _classified(error: Exception) -> tuple[str, str]:
    """Reason and text of an error, as the ledger has them."""
    import tensorflow as tf

    if isinstance(error, TrialFailedError):
        return error.reason, str(error)
    if isinstance(error, MemoryError | tf.errors.ResourceExhaustedError):
        return "out_of_memory", str(error)[:2000]
    if isinstance(error, DataError):
        return "data", str(error)
    return "error", "".join(traceback.format_exception(error))[-4000:]
