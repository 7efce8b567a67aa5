"""Dropout whose rate can change without retracing the graph."""

from __future__ import annotations

import keras
import tensorflow as tf


class AdjustableDropout(keras.layers.Dropout):
    """Keras's dropout with its rate in a variable.

    A saved model has Keras's own layer, `plain`, in its place, so that it loads without thawtune.

    Args:
        rate: Share of units to drop, above 0.
        name: Name of the layer.
    """

    def __init__(self, rate: float, name: str) -> None:
        super().__init__(rate, name=name)
        self._share = tf.Variable(rate, dtype=tf.float32, trainable=False)

    def adjust(self, rate: float) -> None:
        """Change the rate."""
        self.rate = rate
        self._share.assign(rate)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Drop units, in training only."""
        if not training or self.rate == 0:
            return inputs
        # int32, as in Keras, so that it drops the same units as keras.layers.Dropout.
        seed = tf.cast(self.seed_generator.next() % (tf.int32.max - 1), tf.int32)
        context = tf.distribute.get_replica_context()
        if context is not None and context.num_replicas_in_sync > 1:
            # Replicas have different examples and must drop different units.
            seed += tf.stack([0, context.replica_id_in_sync_group])
        return tf.nn.experimental.stateless_dropout(inputs, self._share, seed=seed)

    @property
    def plain(self) -> keras.layers.Dropout:
        """Keras's own layer with the same rate and name."""
        return keras.layers.Dropout(self.rate, name=self.name)
