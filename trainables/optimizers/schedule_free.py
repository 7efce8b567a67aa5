"""Schedule-free AdamW: an average of the weights in place of a learning rate that decays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import keras
import tensorflow as tf

from spaces.hyperparameters import Hyperparameters
from trainables.networks.keras_private import index_of, weights_of
from trainables.optimizers.adjustable import Adjustable

_BETA_1, _BETA_2, _EPSILON = 0.9, 0.999, 1e-8


class ScheduleFree(Adjustable, keras.Optimizer):
    """Schedule-free AdamW, https://arxiv.org/abs/2405.15682, algorithm 1 with its authors' decay.

    z takes the steps, x is the average of z, in which each step weighs as the square of the largest
    learning rate so far, and gradients are those at y = (1 − β₁) z + β₁ x. The model's weights are
    y, and `averages` are x. Keras's own lets weight decay change y behind the back of x and z, and
    weighs all steps alike, those of a warm-up too.
    """

    def __init__(self, point: Hyperparameters, blocks: Mapping[str, int] | None = None) -> None:
        super().__init__(point, blocks)

    def build(self, variables: Sequence[keras.Variable]) -> None:
        """Make z and the second moment of each weight."""
        if self.built:
            return
        super().build(variables)
        self._z, self._velocities = self.add_optimizer_variables(variables, ["z", "velocity"])
        self._largest_rate, self._sum_of_weights = (
            self.add_variable((), name=name, aggregation="only_first_replica")
            for name in ("largest_rate", "sum_of_weights")
        )

    def reset(self) -> None:
        """Forget all updates: x, y and z are the present weights."""
        super().reset()
        for z, weight in zip(self._z, weights_of(self), strict=True):
            z.assign(weight.value.read_value())

    def apply(self, grads: Any, trainable_variables: Any = None) -> None:
        """Update weights; what is the same for all of them is computed once."""
        updates = tf.cast(self.iterations.value + 1, tf.float32)
        self._correction = 1 - tf.pow(_BETA_2, updates)
        largest = tf.maximum(self._largest_rate.value, self.learning_rate.value)
        total = self._sum_of_weights.value + largest**2
        self._share = tf.math.divide_no_nan(largest**2, total)
        self._largest_rate.assign(largest)
        self._sum_of_weights.assign(total)
        super().apply(grads, trainable_variables)

    def update_step(self, gradient: tf.Tensor, variable: tf.Variable, learning_rate: Any) -> None:
        """Update y, z and the second moment of a weight."""
        rate = self._rate_of(variable, learning_rate)
        index = index_of(self, variable)
        z, velocity = self._z[index].value, self._velocities[index].value
        velocity.assign_add((1 - _BETA_2) * (gradient**2 - velocity))
        step = gradient / (tf.sqrt(velocity / self._correction) + _EPSILON)
        if self._weight_decay is not None and self._decays[index]:
            step += self._weight_decay * variable
        moved = variable + self._share * (z - variable)
        variable.assign(moved + rate * (_BETA_1 * (1 - self._share) - 1) * step)
        z.assign_sub(rate * step)

    def averages(self) -> list[tf.Tensor]:
        """x of each weight, which is what the algorithm is about."""
        return [
            weight.value + (1 - 1 / _BETA_1) * (z.value - weight.value)
            for weight, z in zip(weights_of(self), self._z, strict=True)
        ]
