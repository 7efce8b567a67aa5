"""One configuration being trained, epoch by epoch: what a trial, a fine-tuning and a test share."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import keras
import numpy as np

from spaces.errors import TrialFailedError
from spaces.hyperparameters import Hyperparameters
from spaces.study import Objective
from trainables.augmentation import augmentation
from trainables.backbones.pretrained import load_pretrained
from trainables.cut import Cut, cut
from trainables.datasets.images import Images
from trainables.features import examples_at
from trainables.head import PREFIX
from trainables.loop import Examples, Loop
from trainables.measurement import Measurement
from trainables.network import Network, build_network
from trainables.schedule import Schedule

State = dict[str, np.ndarray]
"""All that going on from an epoch needs, by name."""


class Training:
    """A configuration, its network, and how far it has come.

    Attributes:
        trained_params: Parameters that are trained in any phase.

    Args:
        point: What is trained.
        classes: Number of classes.
        train: Training images.
        validation: Validation images; None where all there is is trained on. Then the training
            loss stands for the validation loss in decay and early stopping.
        seed: Of initial weights, dropout, augmentation and the order of examples.
        objective: Says which epoch is the best.

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
    ) -> None:
        self.point, self.seed, self.objective = point, seed, objective
        self.epoch = 0
        self.best: Measurement | None = None
        self._seconds: dict[str, float] = {}
        self._train_images, self._validation_images = train, validation
        with self._timed("start"):
            keras.utils.set_random_seed(seed)
            self.network = build_pretrained(point, classes)
            self._schedule = Schedule(point)
            self._class_weights = _class_weights(point, train.labels, classes)
            self._kept = kept_weights(self.network)
            self.trained_params = sum(
                math.prod(v.shape) for v in self.network.model.trainable_variables
            )
            self._best_weights = self._weights()
            self._augment = augmentation(point, seed)
        self._enter_phase()

    @property
    def end(self) -> str | None:
        """Why there is no further epoch, or None if there is one."""
        if self.epoch >= self.point.epochs:
            return "max_epochs"
        if self._schedule.stops_early:
            return "early_stopping"
        return None

    def run_epoch(self) -> Measurement:
        """Train one epoch and evaluate.

        Raises:
            TrialFailedError: If the loss is no longer finite.
        """
        self.epoch += 1
        if self.epoch == (self.point.head_epochs or 0) + 1 and self.epoch > 1:
            self._enter_phase()
        steps = math.ceil(len(self._train) / self.point.batch_size)
        rates = self._schedule.rates(self.epoch, steps)
        order = np.random.default_rng((self.seed, self.epoch)).permutation(len(self._train))
        with self._timed("train"):
            train_loss, train_accuracy = self._loop.train_epoch(
                self._train, order.astype(np.int32), rates
            )
        val_loss = val_accuracy = math.nan
        if self._validation is not None:
            with self._timed("evaluate"):
                val_loss, val_accuracy = self._loop.evaluate(self._validation)
        watched = train_loss if self._validation is None else val_loss
        measurement = Measurement(
            self.epoch,
            train_loss,
            train_accuracy,
            val_loss,
            val_accuracy,
            float(rates[-1]),
            self._take_seconds(),
        )
        if not (math.isfinite(train_loss) and math.isfinite(watched)):
            raise TrialFailedError(
                "non_finite",
                f"the loss was {train_loss} in training and {val_loss} in validation "
                f"in epoch {self.epoch}",
            )
        self._schedule.observe(watched)
        self._keep_if_best(measurement)
        return measurement

    def state(self) -> State:
        """All that `restore` needs to go on from here; at the end, the best weights alone."""
        state = {"epoch": np.array(self.epoch), "schedule": self._schedule.state()}
        state |= {f"best/{i}": array for i, array in enumerate(self._best_weights)}
        if self.end is not None:
            return state
        state |= {f"weight/{i}": array for i, array in enumerate(self._weights())}
        state |= {f"optimizer/{i}": v.numpy() for i, v in enumerate(self._loop.optimizer.variables)}
        generators = self._augment.variables if self._augment else []
        state |= {f"augmentation/{i}": v.numpy() for i, v in enumerate(generators)}
        if self.best is not None:
            state["best"] = np.array(
                [self.best.epoch, self.best.val_loss, self.best.val_accuracy], np.float64
            )
        return state

    def restore(self, state: Mapping[str, np.ndarray]) -> None:
        """Go on after the epoch whose `state` this is."""
        self.epoch = int(state["epoch"])
        self._schedule.restore(state["schedule"])
        self._best_weights = [state[f"best/{i}"] for i in range(len(self._kept))]
        if self.end is not None:
            self.restore_best()
            return
        self._set_weights([state[f"weight/{i}"] for i in range(len(self._kept))])
        if "best" in state:
            epoch, loss, accuracy = state["best"]
            self.best = Measurement(
                int(epoch), math.nan, math.nan, float(loss), float(accuracy), 0, {}
            )
        self._enter_phase()
        for i, variable in enumerate(self._augment.variables if self._augment else []):
            variable.assign(state[f"augmentation/{i}"])
        if self.epoch == (self.point.head_epochs or 0):
            return  # the next epoch begins the second phase, with an optimizer of its own
        for i, variable in enumerate(self._loop.optimizer.variables):
            variable.assign(state[f"optimizer/{i}"])

    def restore_best(self) -> None:
        """Give the network the weights of its best epoch."""
        self._set_weights(self._best_weights)

    def _enter_phase(self) -> None:
        """Thaw what this phase trains, and take the data up to there."""
        head_only = self.epoch < (self.point.head_epochs or 0)
        with self._timed("start"):
            if head_only:
                self.network.freeze_backbone()
            else:
                self.network.thaw()
            model, augment = self.network.model, self._augment
            split = Cut("pixels", None, model) if augment else cut(model)
            self._loop = Loop(
                split.above, _optimizer(self.point), self.point, self._class_weights, augment
            )
        with self._timed("features"):
            self._train = examples_at(split, self._train_images)
            self._validation: Examples | None = None
            if self._validation_images is not None:
                self._validation = examples_at(split, self._validation_images)

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
        return [variable.numpy() for variable in self._kept]

    def _set_weights(self, arrays: list[np.ndarray]) -> None:
        for variable, array in zip(self._kept, arrays, strict=True):
            variable.assign(array)

    @contextmanager
    def _timed(self, kind: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self._seconds[kind] = self._seconds.get(kind, 0.0) + time.perf_counter() - start

    def add_seconds(self, kind: str, seconds: float) -> None:
        """Count time that was spent for this training elsewhere into its next measurement."""
        self._seconds[kind] = self._seconds.get(kind, 0.0) + seconds

    def _take_seconds(self) -> dict[str, float]:
        taken, self._seconds = self._seconds, {}
        return taken


def build_pretrained(point: Hyperparameters, classes: int) -> Network:
    """Build a configuration with its pretrained weights, the head random.

    Raises:
        InputError: If the network cannot be built, or its weights cannot be had.
    """
    network = build_network(point, classes)
    if network.backbone_layers:
        features = network.backbone_layers[-1].output
        load_pretrained(keras.Model(network.model.inputs, features), point)
    return network


def kept_weights(network: Network) -> list[keras.Variable]:
    """Variables that training changes in any phase: the rest is as it was loaded.

    Leaves the network thawed.
    """
    network.thaw()
    changing = {id(v) for v in network.model.trainable_variables}
    statistics = [
        layer
        for layer in network.model.layers
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
    ]
    changing |= {id(v) for layer in statistics for v in layer.variables}
    seeds = [v for v in network.model.variables if "seed" in v.path]
    changing |= {id(v) for v in seeds}
    head = [
        v
        for layer in network.model.layers
        if layer.name.startswith(PREFIX)
        for v in layer.variables
    ]
    changing |= {id(v) for v in head}
    return [v for v in network.model.variables if id(v) in changing]


def _optimizer(point: Hyperparameters) -> keras.Optimizer:
    decay = point.weight_decay or None
    if point.optimizer == "sgd":
        return keras.optimizers.SGD(
            point.learning_rate, momentum=point.momentum or 0.0, weight_decay=decay
        )
    return keras.optimizers.Adam(point.learning_rate, weight_decay=decay)


def _class_weights(point: Hyperparameters, labels: np.ndarray, classes: int) -> np.ndarray:
    """What an example of each class counts: float32 (classes,), rare classes more."""
    if point.class_weights == "none":
        return np.ones(classes, np.float32)
    counts = np.bincount(labels, minlength=classes)
    return (len(labels) / (classes * np.maximum(counts, 1))).astype(np.float32)
