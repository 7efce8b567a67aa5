"""Keras's optimizers on TensorFlow's fused kernels: one pass over a weight in place of ten.

What is a number in Keras's (weight decay, momentum) is a variable here, so that a traced graph goes
on serving when a trial has another value.
"""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from spaces.hyperparameters import Hyperparameters


class _Adjustable:
    """What both optimizers have in common; a mix-in of a Keras optimizer."""

    def adjust(self: Any, point: Hyperparameters) -> None:
        """Take the numbers of another configuration of the same kind."""
        if self.weight_decay is not None:
            self.weight_decay.assign(point.weight_decay)
        self.learning_rate.assign(point.learning_rate)

    def reset(self: Any) -> None:
        """Begin anew: no update made, nothing remembered."""
        for variable in self.variables:
            if variable is not self.learning_rate:
                variable.assign(tf.zeros(variable.shape, variable.dtype))


class Adam(_Adjustable, keras.optimizers.Adam):
    """Adam, https://arxiv.org/abs/1412.6980, with Keras's ε and decoupled weight decay."""

    def __init__(self, point: Hyperparameters) -> None:
        super().__init__(point.learning_rate)
        self.weight_decay = _decay(point)

    def _backend_update_step(
        self, grads: Any, trainable_variables: Any, learning_rate: Any
    ) -> None:
        updates = tf.cast(self.iterations.value + 1, tf.float32)  # once, not for each weight
        self._powers = tf.pow(self.beta_1, updates), tf.pow(self.beta_2, updates)
        super()._backend_update_step(grads, trainable_variables, learning_rate)

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: Any) -> None:
        """Update a weight and its two moments in one pass."""
        index = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
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
        self.weight_decay = _decay(point)
        self._momentum_now = tf.Variable(self.momentum, dtype=tf.float32, trainable=False)

    def adjust(self, point: Hyperparameters) -> None:
        """Take the numbers of another configuration of the same kind."""
        super().adjust(point)
        self._momentum_now.assign(point.momentum or 0.0)

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: Any) -> None:
        """Update a weight and its momentum in one pass."""
        rate = tf.convert_to_tensor(learning_rate)
        if not self.momentums:
            tf.raw_ops.ResourceApplyGradientDescent(var=variable.handle, alpha=rate, delta=gradient)
            return
        slot = self.momentums[self._get_variable_index(variable)].value
        tf.raw_ops.ResourceApplyKerasMomentum(
            var=variable.handle,
            accum=slot.handle,
            lr=rate,
            grad=gradient,
            momentum=tf.convert_to_tensor(self._momentum_now),
        )


def optimizer_of(point: Hyperparameters) -> Adam | Sgd:
    """The optimizer that a configuration names."""
    return Sgd(point) if point.optimizer == "sgd" else Adam(point)


def _decay(point: Hyperparameters) -> tf.Variable | None:
    """Weight decay in a variable, or None: without any, no update has to look."""
    return (
        tf.Variable(point.weight_decay, dtype=tf.float32, trainable=False)
        if (point.weight_decay)
        else None
    )
