"""Augmentation of training images by Keras's preprocessing layers."""

from __future__ import annotations

import math
from collections.abc import Sequence

import keras
import tensorflow as tf
from keras import layers

from spaces.hyperparameters import Hyperparameters


class Augmentation:
    """What is done to training images (batch, size, size, 3), RGB, 0..255.

    Args:
        steps: Applied in this order.
    """

    def __init__(self, steps: Sequence[keras.Layer]) -> None:
        self._steps = tuple(steps)

    def __call__(self, images: tf.Tensor) -> tf.Tensor:
        for step in self._steps:
            images = step(images, training=True)
        return images

    @property
    def variables(self) -> list[keras.Variable]:
        """States of the random number generators, which a checkpoint has to hold."""
        return [variable for step in self._steps for variable in step.variables]


def augmentation(point: Hyperparameters, seed: int) -> Augmentation | None:
    """What a configuration does to training images, or None."""
    steps: list[keras.Layer] = []
    if point.crop:
        # A crop at a random place is a shift, then the middle: what the shift fills is cut off.
        steps.append(layers.RandomTranslation(point.crop / 2, point.crop / 2, seed=seed))
        steps.append(layers.RandomZoom((-point.crop, -point.crop), seed=seed + 1))
    if point.flip != "none":
        steps.append(layers.RandomFlip("horizontal", seed=seed + 2))
    if point.flip == "both":  # one layer for both turns an image both ways or not at all
        steps.append(layers.RandomFlip("vertical", seed=seed + 3))
    if point.rotation:
        steps.append(layers.RandomRotation(point.rotation / 360, seed=seed + 4))
    if point.zoom:
        steps.append(layers.RandomZoom(point.zoom, seed=seed + 5))
    if point.shift:
        steps.append(layers.RandomTranslation(point.shift, point.shift, seed=seed + 6))
    if point.shear:
        slope = min(1.0, math.tan(math.radians(point.shear)))
        steps.append(layers.RandomShear(slope, slope, seed=seed + 7))
    return Augmentation(steps) if steps else None
