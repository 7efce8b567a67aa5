"""The trainable for Ray Tune: runs trials one after the other in a worker process."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import numpy as np
import ray
from ray import tune

from spaces.errors import remedy
from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import Study
from trainables.cache.folder import use_cache
from trainables.datasets.rows.loading import seal
from trainables.datasets.sets.recorded import RecordedSets
from trainables.features.plan.plan import Plan
from trainables.process.device_errors import is_device_lost
from trainables.process.gpu import limit_memory
from trainables.process.memory import is_swollen, split_evaluation
from trainables.process.messages import take_notes
from trainables.process.precision import set_precision
from trainables.process.tensorflow_setup import limit_threads
from trainables.training.checkpoints import Checkpoints
from trainables.worker.failures import failure_of, free_memory

REPORTS_A_SECOND = 50
"""What all workers report together at most: the driver takes some milliseconds for each."""

LONGEST_REPORT = 5.0
"""Seconds after which a worker reports whatever the others do: a search has to end when asked to.
"""

KEPT_CHECKPOINTS = 3
"""Checkpoints of a running trial: if the newest is damaged, the one before it is read. The third is
for one that a worker writes after its driver was killed, and which the ledger does not know."""

_KEPT_DATA = 3
"""Sets of images that a worker keeps: as many as there are values of `resize`."""

_SAVING_SHARE = 0.05
"""Largest share of a trial's time for checkpoints, not counting those at rungs."""


@dataclass(frozen=True)
class Job:
    """What all trials of a search have in common; it is sent to each worker once.

    Attributes:
        study: The study as plain values.
        sets: The sets of the run, without the test set.
        plan: The feature plan as plain values; None: store all features that can be stored.
        cache: For `use_cache`.
        threads: TensorFlow's threads in a worker.
        milestones: Epochs at which trials are judged, and have a checkpoint.
        concurrent: Number of workers.
    """

    study: dict[str, Any]
    sets: RecordedSets
    plan: dict[str, Any] | None
    cache: str | None
    threads: int
    milestones: tuple[int, ...]
    concurrent: int = 1

    @property
    def report_seconds(self) -> float:
        """Epochs that are shorter are reported together."""
        return min(max(1.0, self.concurrent / REPORTS_A_SECOND), LONGEST_REPORT)


class KerasTrainable(tune.Trainable):
    """Runs trials one after the other in one process, so that TensorFlow is imported once.

    A step is one epoch, or as many as fit into `Job.report_seconds`; it ends at a rung. Its result
    holds the metric and `epoch` of the last epoch, `measurements` of all, and the newest
    `checkpoint` (epoch, bytes) if one was written. The first result of a trial also holds
    `started`, and the last one `end`: state, reason and error. A trial's error is such a result
    too, so that the process survives for the next trial. If a checkpoint cannot be written,
    `storage` says why: that is not the trial's fault. If memory ran out, `too_large` says what is
    to be made smaller.
    """

    _training: Any = None
    _is_device_lost = False

    def setup(self, config: dict[str, Any], job: Job) -> None:
        """Start the first trial of this process."""
        began = time.perf_counter()
        use_cache(job.cache)
        limit_threads(job.threads)
        self._job = job
        self._plan = None if job.plan is None else Plan.from_dict(job.plan)
        self._study = Study.model_validate(job.study)
        limit_memory(self._study.resources.gpu or 0)
        self._precision = set_precision(self._study.resources.precision)
        seal()
        self._data: dict[Any, Any] = {}
        self._begin(config, began)

    def __repr__(self) -> str:
        """The worker's name in Ray's dashboard and logs; Ray asks once, in the first trial."""
        config = getattr(self, "config", {})  # of the first trial, and missing before `setup`
        return f"{config.get('study')}: worker since trial_{config.get('trial', -1):05d}"

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Start another trial in this process, or end the process if it is no longer fit for one.

        It has grown too large, or its device is lost.
        """
        if self._is_device_lost or is_swollen():
            ray.actor.exit_actor()
        self._begin(new_config, time.perf_counter())
        return True

    def step(self) -> dict[str, Any]:
        """Train until there is something to report."""
        self._report: dict[str, Any] = {"measurements": []}
        try:
            self._train()
        except Exception as error:  # any error ends this trial, but not the search
            self._report |= {"done": True} | self._failure(error)
            self._training = None
        if "too_large" in self._report:
            free_memory()  # now that no traceback holds any of it
        return self._result()

    def _failure(self, error: Exception) -> dict[str, Any]:
        if is_device_lost(error):
            self._is_device_lost = True
            return {"end": ("FAIL", "worker_lost", f"The GPU is lost to this process: {error}")}
        batch = self._config["hyperparameters"]["batch_size"]
        return failure_of(error, batch, self._config["accumulate"])

    def cleanup(self) -> None:
        """Save a trial that is interrupted; one that has ended is saved already."""
        if self._training is not None and self._training.epoch != self._saved_epoch:
            self._save()

    def _begin(self, config: dict[str, Any], began: float) -> None:
        self._config, self._began = config, began
        self._training = None
        self._checkpoints = Checkpoints(config["checkpoints"])
        self._saved, self._saving_seconds = time.perf_counter(), 0.0
        self._saved_epoch = 0
        split_evaluation(config["evaluation_parts"])

    def _train(self) -> None:
        began = time.perf_counter()
        if self._training is None:
            self._start()
        training = self._training
        while training.end is None:
            self._report["measurements"].append(training.run_epoch().to_dict())
            at_rung = training.epoch in self._job.milestones
            if at_rung or time.perf_counter() - began > self._job.report_seconds:
                break
        if training.end is not None:
            self._report |= {"done": True, "end": ("COMPLETE", training.end, None)}
        if self._is_checkpoint_due:
            self._save()

    def _start(self) -> None:
        """Build the trial's network; an error in `setup` would end the process."""
        from trainables.datasets.rows.loading import load_trial_data
        from trainables.datasets.rows.resizing import Square
        from trainables.training.training import Training

        point = Hyperparameters.from_dict(self._config["hyperparameters"])
        idle = time.perf_counter() - self._began
        squares = Square.of(point), Square.for_training(point)
        if squares not in self._data:
            square, train = squares
            loaded_data = load_trial_data(self._study.dataset, square, self._job.sets, train)
            kept = list(self._data.items())[-_KEPT_DATA + 1 :]
            self._data = dict(kept) | {squares: loaded_data}
        data = self._data[squares]
        loaded = time.perf_counter() - self._began - idle
        training = Training(
            point,
            len(data.class_names),
            data.train,
            data.validation,
            self._config["seed"],
            self._study.objective,
            accumulate=self._config["accumulate"],
            kept=self._kept(point),
            dtype=self._study.resources.feature_dtype,
        )
        training.add_seconds("start", idle)
        training.add_seconds("data", loaded)
        state, damaged = self._checkpoints.newest(until=self._config["epochs"])
        if state is not None:
            training.restore(state)
        self._saved_epoch = training.epoch
        self._checkpoints.remove_after(training.epoch)
        self._training = training
        self._report["started"] = self._started(damaged)

    def _kept(self, point: Hyperparameters) -> tuple[str, ...] | None:
        return None if self._plan is None or point.views else self._plan.kept_for(point)

    @property
    def _is_checkpoint_due(self) -> bool:
        since = time.perf_counter() - self._saved
        wait = max(self._study.resources.checkpoint_seconds, self._saving_seconds / _SAVING_SHARE)
        at_rung = self._training.epoch in self._job.milestones
        return at_rung or self._training.end is not None or since >= wait

    def _save(self) -> None:
        began = time.perf_counter()
        epoch = self._training.epoch
        try:
            size = self._checkpoints.save(epoch, self._training.state())
            self._checkpoints.keep_newest(KEPT_CHECKPOINTS)
        except OSError as error:
            text = (
                f"A checkpoint of trial {self._config['trial']} cannot be written: {error}. "
                f"{remedy(error)}"
            )
            self._report |= {"storage": text}
            return
        self._report["checkpoint"] = (epoch, size)
        self._saved, self._saved_epoch = time.perf_counter(), epoch
        self._saving_seconds = self._saved - began
        self._training.add_seconds("checkpoint", self._saving_seconds)

    def _result(self) -> dict[str, Any]:
        metric = self._study.objective.metric
        last = self._report["measurements"][-1] if self._report["measurements"] else {}
        is_sound = last and self._report.get("end", ("", "", None))[0] != "FAIL"
        notes = take_notes()
        return self._report | {
            **({"notes": notes} if notes else {}),
            metric: last[metric] if is_sound else np.nan,
            "epoch": last["epoch"] if last else 0,
        }

    def _started(self, damaged: list[str]) -> dict[str, Any]:
        from trainables.cache.rows.row_store import take_counts

        return {
            "node": ray.util.get_node_ip_address(),
            "total_params": self._training.network.model.count_params(),
            "trainable_params": self._training.trained_params,
            "resumed": self._training.epoch,
            "attempt": self._config["attempt"],
            "accumulate": self._config["accumulate"],
            "precision": self._precision,
            "damaged": damaged,
            **take_counts(),
        }
