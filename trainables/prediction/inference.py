"""Trained networks from a trial's checkpoint or a saved model, and their predictions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from spaces.errors import RunStateError
from spaces.hyperparameters import Hyperparameters
from trainables.cache.lazy_rows import Rows
from trainables.networks.forward import forward
from trainables.networks.network import kept_weights
from trainables.training.network_pool import build_pretrained


def best_model(
    point: Hyperparameters, classes: int, state: Mapping[str, np.ndarray]
) -> keras.Model:
    """The network of a trial at its best epoch: pixels to probabilities.

    Args:
        point: What the trial trained.
        classes: Number of classes.
        state: From its last checkpoint.

    Raises:
        RunStateError: If the checkpoint belongs to another configuration.
    """
    network = build_pretrained(point, classes, int(state.get("seed", np.array(0))))
    variables = kept_weights(network)
    expected = {f"best/{i}": tuple(v.shape) for i, v in enumerate(variables)}
    found = {name: array.shape for name, array in state.items() if name.startswith("best/")}
    if found != expected:
        name = next(n for n in expected | found if found.get(n) != expected.get(n))
        raise RunStateError(
            "The checkpoint does not fit the trial's configuration: array "
            f"{name} has shape {found.get(name)}, and the network's has {expected.get(name)}."
        )
    for i, variable in enumerate(variables):
        variable.assign(state[f"best/{i}"])
    return network.with_probabilities()


def load_model(path: Path) -> keras.Model:
    """A model that fine-tuning saved: pixels to probabilities.

    Raises:
        RunStateError: If it is missing, damaged, or holds code.
    """
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise RunStateError(
            f"The model {path} cannot be loaded: {error}. Fine-tuning again writes it again."
        ) from error


def probabilities(model: keras.Model, pixels: Rows) -> np.ndarray:
    """Share of each class, summing to 1: float32 (images, classes).

    Sigmoid outputs are divided by their sum, so that models are comparable; where all are zero,
    every class has the same share.

    Args:
        model: Pixels to probabilities.
        pixels: uint8 (images, size, size, 3).
    """
    outputs = forward(model, pixels)
    sums = outputs.sum(axis=-1, keepdims=True)
    none = sums == 0
    return np.where(none, 1 / outputs.shape[-1], outputs / np.where(none, 1, sums))


class Classifier:
    """A model as a function of images.

    Args:
        model: Pixels (batch, size, size, 3), 0..255, to probabilities (batch, classes).
    """

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        pixels = tf.TensorSpec((None, *model.input_shape[1:]), tf.uint8)
        self._step = tf.function(self._shares, input_signature=[pixels])

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        """Share of each class, summing to 1: float32 (images, classes).

        Sigmoid outputs are divided by their sum; where all are zero, every class has the same
        share.

        Args:
            pixels: uint8 (images, size, size, 3), RGB.
        """
        return self._step(tf.constant(pixels)).numpy()

    def _shares(self, pixels: tf.Tensor) -> tf.Tensor:
        outputs = self._model(tf.cast(pixels, tf.float32), training=False)
        sums = tf.reduce_sum(outputs, axis=-1, keepdims=True)
        equal = tf.ones_like(outputs) / tf.cast(tf.shape(outputs)[-1], tf.float32)
        return tf.where(sums == 0, equal, tf.math.divide_no_nan(outputs, sums))
