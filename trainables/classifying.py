"""Classifying many images, batch after batch, without tracing the model anew."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf


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
