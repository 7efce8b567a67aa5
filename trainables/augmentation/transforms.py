"""Augmentation of training images by Keras's preprocessing layers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import tensorflow as tf
from keras import layers

from spaces.hyperparameters import Hyperparameters


class Augmentation:
    """Random transforms of training images (batch, size, size, 3), RGB, 0..255.

    Args:
        steps: Layers in the order of application, each with an offset that is added to the seed.
        seed: Of the random numbers.
    """

    def __init__(self, steps: Sequence[tuple[int, keras.Layer]], seed: int) -> None:
        self._steps = tuple(steps)
        self.reset(seed)

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        for _, step in self._steps:
            images = step(images, training=True)
        return images

    def reset(self, seed: int) -> None:
        """Restart the random numbers from a seed."""
        for offset, step in self._steps:
            for variable in step.variables:
                variable.assign([seed + offset, 0])

    @property
    def variables(self) -> list[keras.Variable]:
        """States of the random number generators, which a checkpoint must contain."""
        return [variable for _, step in self._steps for variable in step.variables]


def augmentation(point: Hyperparameters, seed: int) -> Augmentation | None:
    """The augmentation of a configuration, or None if it has none."""
    steps: list[tuple[int, keras.Layer]] = []
    if point.crop:
        # A random crop is a shift and then a centre crop, which cuts off what the shift filled.
        steps.append((0, layers.RandomTranslation(point.crop / 2, point.crop / 2)))
        steps.append((1, layers.RandomZoom((-point.crop, -point.crop))))
    if point.flip != "none":
        steps.append((2, layers.RandomFlip("horizontal")))
    if point.flip == "both":  # one layer for both would flip an image both ways or not at all
        steps.append((3, layers.RandomFlip("vertical")))
    if point.rotation:
        steps.append((4, layers.RandomRotation(point.rotation / 360)))
    if point.zoom:
        steps.append((5, layers.RandomZoom(point.zoom)))
    if point.shift:
        steps.append((6, layers.RandomTranslation(point.shift, point.shift)))
    if point.shear:
        slope = math.tan(math.radians(point.shear))
        steps.append((7, layers.RandomShear(slope, slope)))
    return Augmentation(steps, seed) if steps else None
