"""Scaling of losses for float16, whose smallest gradients would otherwise become zero."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf

_FIRST_POWER = 15
_GROWS_AFTER = 2000
"""Updates in a row without an overflow after which the scale doubles, as in Keras."""


class LossScaling:
    """A power of two that losses are multiplied by, and gradients divided by.

    If a gradient overflows, the update is left out and the power halved. Source: Micikevicius et
    al. 2017, https://arxiv.org/abs/1710.03740; `keras.optimizers.LossScaleOptimizer`.

    Its two variables belong to the optimizer, so checkpoints have them, and both start from zero,
    to which an optimizer's reset brings them back.

    Args:
        optimizer: Built, with no further variables to come.
    """

    def __init__(self, optimizer: keras.Optimizer) -> None:
        self._optimizer = optimizer
        self._halvings, self._sound = (
            optimizer.add_variable((), name=name, aggregation="only_first_replica")
            for name in ("halvings_of_the_scale", "sound_updates")
        )

    @property
    def scale(self) -> tf.Tensor:
        """What losses are multiplied by, a float32 scalar."""
        return tf.pow(2.0, _FIRST_POWER - self._halvings.value)

    def apply(self, gradients: Sequence[tf.Tensor], weights: Sequence[Any]) -> None:
        """Update the weights, unless a gradient has overflowed.

        Args:
            gradients: Of the scaled loss.
            weights: The weights.
        """
        gradients = [gradient / self.scale for gradient in gradients]
        are_finite = tf.reduce_all([tf.reduce_all(tf.math.is_finite(g)) for g in gradients])
        if are_finite:
            self._optimizer.apply(gradients, weights)
            self._sound.assign_add(1.0)
        else:
            self._halvings.assign_add(1.0)
            self._sound.assign(0.0)
        if self._sound.value >= _GROWS_AFTER:
            self._halvings.assign_sub(1.0)
            self._sound.assign(0.0)
