"""What all optimizers share: decay of weights and rates, clipping, and averages of the weights.

What is a number in Keras's optimizers (weight decay, the norm to clip to) is a variable here, so
that the next trial, with another value, can use the traced graph. What a configuration does without
is not in the graph.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from spaces.hyperparameters import Hyperparameters
from trainables.networks.keras_private import index_of, weights_of

_NOT_DECAYED = ("bias", "beta", "gamma")
"""Weight decay leaves these alone, and all weights with one axis, as timm does: Keras gives a layer
scale's no name."""


class Adjustable(keras.Optimizer):
    """What a Keras optimizer of ours has besides: a base to put before Keras's own.

    Its variables, which a checkpoint holds, are all that it knows of the updates made so far.

    Args:
        point: Says what it does; `adjust` changes the values.
        blocks: Of each weight, by its path: how many blocks it lies below the head; needed with
            `layer_decay`.
        arguments: For Keras's optimizer.
    """

    def __init__(
        self, point: Hyperparameters, blocks: Mapping[str, int] | None, **arguments: Any
    ) -> None:
        super().__init__(point.learning_rate, **arguments)
        self._blocks = blocks or {}
        self._weight_decay = _variable_unless(point.weight_decay, 0)
        self._clip_norm = _variable_unless(point.clip_norm, 0)
        self._momentum_of_average = _variable_unless(point.ema_momentum or 0, 0)
        self._layer_decay = _variable_unless(point.layer_decay or 1, 1)

    def adjust(self, point: Hyperparameters) -> None:
        """Take the values of another configuration of the same kind."""
        self.learning_rate.assign(point.learning_rate)
        for variable, value in (
            (self._weight_decay, point.weight_decay),
            (self._clip_norm, point.clip_norm),
            (self._momentum_of_average, point.ema_momentum),
            (self._layer_decay, point.layer_decay),
        ):
            if variable is not None:
                variable.assign(value)

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Make the optimizer's variables for these weights."""
        if self.built:
            return
        super().build(variables)
        self._decays = [
            len(v.shape) > 1 and not any(name in v.name for name in _NOT_DECAYED) for v in variables
        ]
        if self._momentum_of_average is not None:
            self._averages = self.add_optimizer_variables(variables, "average")

    def reset(self) -> None:
        """Forget all updates: slots and their count are zero, averages are the present weights."""
        for variable in self.variables:
            if variable is not self.learning_rate:
                variable.assign(tf.zeros(variable.shape, variable.dtype))
        if self._momentum_of_average is not None:
            for average, weight in zip(self._averages, weights_of(self), strict=True):
                average.assign(weight.value.read_value())

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Update the weights.

        Args:
            grads: A gradient of each; those of all replicas are added.
            trainable_variables: The weights.
        """
        if self._clip_norm is not None:
            grads = self._clipped(grads)
        super().apply(grads, trainable_variables)

    def update_average(self, strategy: tf.distribute.Strategy) -> None:
        """Take the weights after an update into their average; not in a replica's context.

        The average of few updates would be that of the initial weights: its momentum begins low.
        As `tf.train.ExponentialMovingAverage` with `num_updates`.
        """
        if self._momentum_of_average is None:
            return
        updates = tf.cast(self.iterations.value, tf.float32)
        momentum = tf.minimum(self._momentum_of_average, (1 + updates) / (10 + updates))

        def take(average: tf.Variable, weight: tf.Variable, momentum: tf.Tensor) -> None:
            average.assign_sub((1 - momentum) * (average - weight))

        for average, weight in zip(self._averages, weights_of(self), strict=True):
            strategy.extended.update(
                average.value, take, args=(weight.value, momentum), group=False
            )

    def averages(self) -> list[tf.Tensor] | None:
        """The weights to validate and keep, in order; None if they are those that are trained."""
        if self._momentum_of_average is None:
            return None
        return [average.value.read_value() for average in self._averages]

    def _begun(self, variable: tf.Variable, rate: Any) -> tf.Tensor:
        """The learning rate of a weight, which has decayed by it already."""
        rate = self._rate_of(variable, rate)
        if self._weight_decay is not None and self._decays[index_of(self, variable)]:
            variable.assign_sub(variable * self._weight_decay * rate)
        return rate

    def _rate_of(self, variable: tf.Variable, rate: Any) -> tf.Tensor:
        rate = tf.convert_to_tensor(rate)
        if self._layer_decay is None:
            return rate
        blocks = self._blocks[weights_of(self)[index_of(self, variable)].path]
        return rate * tf.pow(self._layer_decay, float(blocks))

    def _clipped(self, gradients: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Gradients scaled down together to the largest norm; of the sum over all replicas."""
        context = tf.distribute.get_replica_context()
        count = context.num_replicas_in_sync
        if count > 1:
            gradients = context.all_reduce("SUM", list(gradients))
        # Keras adds up what the replicas have, so each of them gives its share.
        clipped, _ = tf.clip_by_global_norm(gradients, self._clip_norm)
        return clipped if count == 1 else [gradient / count for gradient in clipped]


def _variable_unless(value: float, off: float) -> tf.Variable | None:
    return None if value == off else tf.Variable(value, dtype=tf.float32, trainable=False)
