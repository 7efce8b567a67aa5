"""Keras's optimizers on TensorFlow's fused kernels: one pass over a weight in place of ten."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from spaces.hyperparameters import Hyperparameters
from trainables.networks.keras_private import adam_slots, sgd_slot
from trainables.optimizers.adjustable import Adjustable
from trainables.optimizers.schedule_free import ScheduleFree


class Adam(Adjustable, keras.optimizers.Adam):
    """Adam, https://arxiv.org/abs/1412.6980, with Keras's ε and decoupled weight decay."""

    def __init__(self, point: Hyperparameters, blocks: Mapping[str, int] | None = None) -> None:
        super().__init__(point, blocks)

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Update weights; what is the same for all of them is computed once."""
        updates = tf.cast(self.iterations.value + 1, tf.float32)
        self._powers = tf.pow(self.beta_1, updates), tf.pow(self.beta_2, updates)
        super().apply(grads, trainable_variables)

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: Any) -> None:
        """Update a weight and its two moments in one pass."""
        rate = self._begun(variable, learning_rate)
        momentum, velocity = adam_slots(self, variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=momentum.value.handle,
            v=velocity.value.handle,
            beta1_power=self._powers[0],
            beta2_power=self._powers[1],
            lr=rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self._epsilon(),
            grad=gradient,
        )

    def _epsilon(self) -> Any:
        """What is added to the root of the second moment before its bias is corrected."""
        return self.epsilon


class AdamW(Adam):
    """AdamW, https://arxiv.org/abs/1711.05101, algorithm 2: ε is added after the correction."""

    def _epsilon(self) -> Any:
        return 1e-8 * tf.sqrt(1 - self._powers[1])


class Sgd(Adjustable, keras.optimizers.SGD):
    """Stochastic gradient descent, with momentum where the configuration has some."""

    def __init__(self, point: Hyperparameters, blocks: Mapping[str, int] | None = None) -> None:
        super().__init__(point, blocks, momentum=point.momentum or 0.0)
        self._momentum_now = tf.Variable(self.momentum, dtype=tf.float32, trainable=False)

    def adjust(self, point: Hyperparameters) -> None:
        """Take the values of another configuration of the same kind."""
        super().adjust(point)
        self._momentum_now.assign(point.momentum or 0.0)

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: Any) -> None:
        """Update a weight and its momentum in one pass."""
        rate = self._begun(variable, learning_rate)
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


class Lion(Adjustable, keras.optimizers.Lion):
    """Lion, https://arxiv.org/abs/2302.06675: steps of one size, by the sign of the momentum."""

    def __init__(self, point: Hyperparameters, blocks: Mapping[str, int] | None = None) -> None:
        super().__init__(point, blocks)

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: Any) -> None:
        """Update a weight and its momentum."""
        super().update_step(gradient, variable, self._begun(variable, learning_rate))


Optimizer = Adam | AdamW | Sgd | Lion | ScheduleFree

_KINDS: dict[str, type[Optimizer]] = {
    "adam": Adam,
    "adamw": AdamW,
    "sgd": Sgd,
    "lion": Lion,
    "schedule_free": ScheduleFree,
}


def optimizer_of(point: Hyperparameters, blocks: Mapping[str, int] | None = None) -> Optimizer:
    """The optimizer that a configuration names.

    Args:
        point: The configuration.
        blocks: As `Adjustable` takes them.
    """
    return _KINDS[point.optimizer](point, blocks)
