"""The networks of all opponents: plain Keras, compiled, with the backbone that ours has."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras

from spaces.hyperparameters import Hyperparameters
from tests.benchmarks.opponents.data import Arrays
from tests.benchmarks.opponents.task import CLASSES, IMAGE_SIZE, log_epoch
from tests.benchmarks.space import Configuration
from trainables.networks.network import Network

FEATURES = 1280


def backbone(depth: int = 0, size: int = IMAGE_SIZE) -> Network:
    """EfficientNet-Lite0 with ImageNet's weights, from pixels to a linear head."""
    from trainables.training.training import build_pretrained

    point = Hyperparameters(backbone="EfficientNetLite0", image_size=size, unfrozen_depth=depth)
    return build_pretrained(point, CLASSES)


def pooled_backbone() -> keras.Model:
    """Pixels to pooled features (batch, 1280)."""
    model = backbone().model
    return keras.Model(model.input, model.layers[-1].input)


def head(
    configuration: Configuration, features: keras.KerasTensor, classes: int = CLASSES
) -> keras.KerasTensor:
    """Pooled features to logits: dropout stands before the last layer."""
    if configuration.units:
        features = keras.layers.Dense(configuration.units, activation="relu")(features)
    if configuration.dropout:
        features = keras.layers.Dropout(configuration.dropout)(features)
    return keras.layers.Dense(classes)(features)


def head_model(configuration: Configuration, **compiling: Any) -> keras.Model:
    """A head on cached features, compiled."""
    inputs = keras.Input((FEATURES,))
    model = keras.Model(inputs, head(configuration, inputs))
    return _compiled(model, configuration, **compiling)


def whole_model(
    configuration: Configuration, depth: int, size: int = IMAGE_SIZE, classes: int = CLASSES
) -> keras.Model:
    """Backbone and head in one model, compiled; the backbone frozen below `depth` weight layers.

    Batch norm is frozen everywhere, which in Keras is inference mode too.
    """
    base = backbone(depth, size).model
    pooled = base.layers[-1].input
    model = keras.Model(base.input, head(configuration, pooled, classes))
    return _compiled(model, configuration)


def _compiled(model: keras.Model, configuration: Configuration, **compiling: Any) -> keras.Model:
    model.compile(
        optimizer=keras.optimizers.Adam(configuration.learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
        **compiling,
    )
    return model


class EpochLog(keras.callbacks.Callback):
    """Logs each epoch's validation accuracy with the time.

    Args:
        path: `Task.log`.
        trial: Number of the trial.
        configuration: What is trained.
    """

    def __init__(self, path: Path | str, trial: int, configuration: Configuration) -> None:
        super().__init__()
        self._path, self._trial, self._configuration = Path(path), trial, configuration

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        """Write a line; Keras counts epochs from 0."""
        accuracy = (logs or {})["val_accuracy"]
        log_epoch(self._path, self._trial, epoch + 1, accuracy, self._configuration)


def fit(
    model: keras.Model,
    arrays: Arrays,
    configuration: Configuration,
    epochs: int,
    callbacks: list[keras.callbacks.Callback],
    **options: Any,
) -> None:
    """Train as Keras's examples do."""
    model.fit(
        arrays["x_train"],
        arrays["y_train"],
        batch_size=configuration.batch_size,
        epochs=epochs,
        validation_data=(arrays["x_val"], arrays["y_val"]),
        callbacks=callbacks,
        verbose=0,
        **options,
    )
