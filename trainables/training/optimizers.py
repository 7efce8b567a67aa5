"""Keras's optimizers on TensorFlow's fused kernels: one pass over a weight in place of ten.

What is a number in Keras's optimizers (weight decay, momentum) is a variable here, so that the next
trial, with another value, can use the traced graph. Weight decay leaves biases and the weights of
normalisation and of layer scales alone.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from spaces.hyperparameters import Hyperparameters
from trainables.networks.keras_private import adam_slots, sgd_slot

_NOT_DECAYED = ["bias", "beta", "gamma"]
"""Names of the weights that do not decay."""


class _Adjustable:
    """What both optimizers share; a mix-in of a Keras optimizer."""

    def _decay(self: Any, point: Hyperparameters) -> None:
        """Have weight decay in a variable, or None: without any, no update has to look."""
        self.exclude_from_weight_decay(var_names=_NOT_DECAYED)
        if point.weight_decay:
            self.weight_decay = tf.Variable(point.weight_decay, dtype=tf.float32, trainable=False)

    def adjust(self: Any, point: Hyperparameters) -> None:
        """Take the values of another configuration of the same kind."""
        if self.weight_decay is not None:
            self.weight_decay.assign(point.weight_decay)
        self.learning_rate.assign(point.learning_rate)

    def reset(self: Any) -> None:
        """Forget all updates: slots and their count are zero again."""
        for variable in self.variables:
            if variable is not self.learning_rate:
                variable.assign(tf.zeros(variable.shape, variable.dtype))


class Adam(_Adjustable, keras.optimizers.Adam):
    """Adam, https://arxiv.org/abs/1412.6980, with Keras's ε and decoupled weight decay."""

    def __init__(self, point: Hyperparameters) -> None:
        super().__init__(point.learning_rate)
        self._decay(point)

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Update weights; what is the same for all of them is computed once."""
        updates = tf.cast(self.iterations.value + 1, tf.float32)
        self._powers = tf.pow(self.beta_1, updates), tf.pow(self.beta_2, updates)
        super().apply(grads, trainable_variables)

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: Any) -> None:
        """Update a weight and its two moments in one pass."""
        momentum, velocity = adam_slots(self, variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=momentum.value.handle,
            v=velocity.value.handle,
            beta1_power=self._powers[0],
            beta2_power=self._powers[1],
            lr=tf.convert_to_tensor(learning_rate),
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


class Sgd(_Adjustable, keras.optimizers.SGD):
    """Stochastic gradient descent, with momentum where the configuration has some."""

    def __init__(self, point: Hyperparameters) -> None:
        super().__init__(point.learning_rate, momentum=point.momentum or 0.0)
        self._decay(point)
        self._momentum_now = tf.Variable(self.momentum, dtype=tf.float32, trainable=False)

    def adjust(self, point: Hyperparameters) -> None:
        """Take the values of another configuration of the same kind."""
        super().adjust(point)
        self._momentum_now.assign(point.momentum or 0.0)

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: Any) -> None:
        """Update a weight and its momentum in one pass."""
        rate = tf.convert_to_tensor(learning_rate)
        if not self.momentums:
            tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=rate, delta=gradient)
            return
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=sgd_slot(self, variable).value.handle,
            lr=rate,
            grad=gradient,
            momentum=tf.convert_to_tensor(self._momentum_now),
        )


def optimizer_of(point: Hyperparameters) -> Adam | Sgd:
    """The optimizer that a configuration names."""
    return Sgd(point) if point.optimizer == "sgd" else Adam(point)
