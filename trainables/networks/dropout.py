"""Dropout whose share can change without tracing the graph anew."""

from __future__ import annotations

import keras
import tensorflow as tf


class AdjustableDropout(keras.layers.Dropout):
    """Keras's dropout, its share in a variable.

    A saved model must not need it: `plain` is what is saved.

    Args:
        rate: Share of units dropped, above 0.
        name: Of the layer.
    """

    def __init__(self, rate: float, name: str) -> None:
        super().__init__(rate, name=name)
        self._share = tf.Variable(rate, dtype=tf.float32, trainable=False)

    def adjust(self, rate: float) -> None:
        """Drop another share from now on."""
        self.rate = rate
        self._share.assign(rate)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Drop units, in training alone."""
        if not training or self.rate == 0:
            return inputs
        # int32, as Keras has it: the drawn units are those of keras.layers.Dropout.
        seed = tf.cast(self.seed_generator.next() % (tf.int32.max - 1), tf.int32)
        context = tf.distribute.get_replica_context()
        if context is not None and context.num_replicas_in_sync > 1:
            # Each has other examples, and must not lose the same units of them.
            seed += tf.stack([0, context.replica_id_in_sync_group])
        return tf.nn.experimental.stateless_dropout(inputs, self._share, seed=seed)

    @property
    def plain(self) -> keras.layers.Dropout:
        """The same layer as Keras has it."""
        return keras.layers.Dropout(self.rate, name=self.name)
