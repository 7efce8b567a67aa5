"""The training of one configuration, epoch by epoch, in a trial, fine-tuning or a test."""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from spaces.errors import TrialFailedError
from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import FeatureDtype, Objective
from trainables.augmentation.stored_views import views
from trainables.datasets.rows.images import Images
from trainables.features.in_memory import Examples, NoRoomError
from trainables.process.device_errors import in_phase
from trainables.process.messages import note
from trainables.training.epoch.order import order_of_epoch
from trainables.training.measurement import VALIDATION, Measurement
from trainables.training.network_pool import build_pretrained as build_pretrained
from trainables.training.network_pool import prepare
from trainables.training.schedule import Schedule

State = dict[str, np.ndarray]
"""Arrays by name: all that resuming after an epoch needs."""


class Training:
    """A configuration, its network, and its progress.

    Attributes:
        network: Nothing else changes it while it is held.
        trained_params: Parameters that are trained in any phase.
        epoch: Epochs trained.
        best: Measurement of the best epoch so far.

    Args:
        point: What to train.
        classes: Number of classes.
        train: Training images.
        validation: Validation images; None where all images are trained on. Then decay and early
            stopping watch the training loss.
        seed: Of initial weights, dropout, augmentation and the order of examples.
        objective: Says which epoch is the best.
        accumulate: Parts in which a batch is computed, for less memory. Trained batch norms see
            one part at a time.
        kept: Names of boundaries whose features may be stored; None: all that are worth it, see
            `worth_storing`.
        dtype: What features are stored as.

    Raises:
        InputError: If the network cannot be built, or its weights cannot be had.
    """

    def __init__(
        self,
        point: Hyperparameters,
        classes: int,
        train: Images,
        validation: Images | None,
        seed: int,
        objective: Objective,
        *,
        accumulate: int = 1,
        kept: Collection[str] | None = None,
        dtype: FeatureDtype = "float32",
    ) -> None:
        self.point, self.seed, self.objective = point, seed, objective
        self.epoch = 0
        self.best: Measurement | None = None
        self._accumulate, self._kept_boundaries, self._dtype = accumulate, kept, dtype
        self._seconds: dict[str, float] = {}
        self._views, self._validation_images = views(train, point), validation
        with self._timed("start"):
            self._prepared, self.network = prepare(point, classes, seed)
            self._schedule = Schedule(point)
            self._labels = train.labels
            self._priors = _priors(train.labels, classes)
            self.trained_params = self._prepared.trained_params
            self._best_weights = self._weights()
        self._enter_phase(1)

    @property
    def end(self) -> str | None:
        """Why there is no further epoch, or None if there is one."""
        if self.epoch >= self.point.epochs:
            return "max_epochs"
        if self._schedule.stops_early(self.epoch):
            return "early_stopping"
        return None

    def run_epoch(self) -> Measurement:
        """Train one epoch and evaluate.

        Raises:
            TrialFailedError: If the loss is no longer finite.
        """
        self.epoch += 1
        if self._trains_head_alone != self._is_in_head_phase(self.epoch):
            self._enter_phase(self.epoch)
        train = self._examples(self._views[(self.epoch - 1) % len(self._views)])
        steps = math.ceil(len(train) / self.point.batch_size)
        rates = self._schedule.rates(self.epoch, steps)
        order = order_of_epoch(self.point, self._labels, self.seed, self.epoch)
        with self._timed("train"):
            key = self.seed, self.epoch
            train_loss, train_accuracy = self._loop.train_epoch(train, order, rates, key)
        with self._loop.averaged():
            measurement = self._measured(train_loss, train_accuracy, float(rates[-1]))
            watched = self._watched(measurement)
            is_finite = math.isfinite(train_loss) and math.isfinite(watched[0])
            if is_finite:
                self._keep_if_best(measurement)
        if not is_finite:
            raise TrialFailedError(
                "non_finite",
                f"the loss was {train_loss} in training and {measurement.val_loss} in validation "
                f"in epoch {self.epoch}",
            )
        self._schedule.observe(self.epoch, *watched)
        return measurement

    def _measured(self, train_loss: float, train_accuracy: float, rate: float) -> Measurement:
        """The epoch's measurement: on the validation images, if there are any."""
        scores = {"loss": math.nan, "accuracy": math.nan}
        if self._validation is not None:
            with self._timed("evaluate"):
                has_auc = self.objective.metric == "val_auc"
                scores = self._loop.evaluate(self._validation, has_auc)
        return Measurement(
            epoch=self.epoch,
            train_loss=train_loss,
            train_accuracy=train_accuracy,
            learning_rate=rate,
            seconds=self._take_seconds(),
            **{f"val_{name}": value for name, value in scores.items()},
        )

    def _watched(self, measurement: Measurement) -> tuple[float, float]:
        """What the plateau decay watches, and early stopping: both fall as the network learns.

        Accuracy moves in steps of an image, and the loss with it: early stopping watches the loss
        in its place. Of uneven classes the two part, so other scores are watched themselves.
        """
        if self._validation is None:
            return measurement.train_loss, measurement.train_loss
        if self.objective.metric in ("val_loss", "val_accuracy"):
            return measurement.val_loss, measurement.val_loss
        return measurement.val_loss, -getattr(measurement, self.objective.metric)

    def state(self) -> State:
        """All that `restore` needs to resume from here; at the end, only the best weights."""
        state = {
            "epoch": np.array(self.epoch),
            "seed": np.array(self.seed),
            "schedule": self._schedule.state(),
        }
        state |= {f"best/{i}": array for i, array in enumerate(self._best_weights)}
        if self.end is not None:
            return state
        state |= {f"weight/{i}": array for i, array in enumerate(self._weights())}
        optimizer = self._loop.optimizer
        state |= {f"optimizer/{i}": v.numpy() for i, v in enumerate(optimizer.variables)}
        if self.best is not None:
            scores = [getattr(self.best, name) for name in VALIDATION]
            state["best"] = np.array([self.best.epoch, *scores], np.float64)
        return state

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Resume after the epoch that this is the `state` of."""
        self.epoch = int(state["epoch"])
        self._schedule.restore(state["schedule"])
        count = len(self._prepared.kept)
        self._best_weights = [state[f"best/{i}"] for i in range(count)]
        if self.end is not None:
            self.restore_best()
            return
        self._set_weights([state[f"weight/{i}"] for i in range(count)])
        if "best" in state:
            epoch, *scores = state["best"].tolist()
            known = dict(zip(VALIDATION, scores, strict=False))  # older ones have fewer
            self.best = Measurement(
                int(epoch), math.nan, math.nan, learning_rate=0, seconds={}, **known
            )
        self._enter_phase(self.epoch + 1)
        if self.epoch == (self.point.head_epochs or 0):
            return  # the next epoch begins a phase, with a new optimizer
        for i, variable in enumerate(self._loop.optimizer.variables):
            if f"optimizer/{i}" in state:  # the scale of losses is in float16's alone
                variable.assign(state[f"optimizer/{i}"])

    def restore_best(self) -> None:
        """Set the network's weights to those of its best epoch."""
        self._set_weights(self._best_weights)

    def _is_in_head_phase(self, epoch: int) -> bool:
        return epoch <= (self.point.head_epochs or 0)

    def _enter_phase(self, epoch: int) -> None:
        """Thaw what an epoch trains, and load the data up to there."""
        self._trains_head_alone = self._is_in_head_phase(epoch)
        with self._timed("start"):
            phase = self._prepared.enter(
                self.point,
                self._trains_head_alone,
                self._priors,
                self._accumulate,
                self._kept_boundaries,
                self._dtype,
            )
            self._phase, self._loop = phase, phase.loop
        try:
            with self._timed("features"):
                for images in self._views:
                    self._examples(images)
                self._validation: Examples | None = None
                if self._validation_images is not None:
                    self._validation = self._examples(self._validation_images)
        except NoRoomError as error:
            note(f"Neither memory nor the feature store has room for {error}: computed live.")
            self._kept_boundaries = ()
            self._enter_phase(epoch)

    def _examples(self, images: Images) -> Examples:
        return self._prepared.examples_at(self._phase.split, images, self._dtype)

    def _keep_if_best(self, measurement: Measurement) -> None:
        metric, sign = self.objective.metric, 1 if self.objective.mode == "max" else -1
        if (
            self.best is None
            or self._validation is None
            or (sign * getattr(measurement, metric) > sign * getattr(self.best, metric))
        ):
            self.best = measurement
            self._best_weights = self._weights()

    def _weights(self) -> list[np.ndarray]:
        return [variable.numpy() for variable in self._prepared.kept]

    def _set_weights(self, arrays: list[np.ndarray]) -> None:
        for variable, array in zip(self._prepared.kept, arrays, strict=True):
            variable.assign(array)

    @contextmanager
    def _timed(self, kind: str) -> Iterator[None]:
        start = time.perf_counter()
        try:
            yield
        except Exception as error:
            in_phase(error, kind)
            raise
        self._seconds[kind] = self._seconds.get(kind, 0.0) + time.perf_counter() - start

    def add_seconds(self, kind: str, seconds: float) -> None:
        """Add time that was spent elsewhere for this training to its next measurement."""
        self._seconds[kind] = self._seconds.get(kind, 0.0) + seconds

    def _take_seconds(self) -> dict[str, float]:
        taken, self._seconds = self._seconds, {}
        return taken


def _priors(labels: np.ndarray, classes: int) -> np.ndarray:
    """Share of each class in the training set, float64 (classes,); of at least one image."""
    return np.maximum(np.bincount(labels, minlength=classes), 1) / len(labels)
