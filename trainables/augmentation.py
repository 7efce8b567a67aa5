"""Augmentation of training images by Keras's preprocessing layers."""

from __future__ import annotations

from collections.abc import Callable

import keras
import tensorflow as tf
from keras import layers

from spaces.hyperparameters import Hyperparameters


def augmentation(point: Hyperparameters, seed: int) -> Callable[[tf.Tensor], tf.Tensor] | None:
    """What a configuration does to training images (batch, size, size, 3), or None."""
    steps: list[keras.Layer] = []
    if point.crop:
        # A crop at a random place is a shift, then the middle: what the shift fills is cut off.
        steps.append(layers.RandomTranslation(point.crop / 2, point.crop / 2, seed=seed))
        steps.append(layers.RandomZoom((-point.crop, -point.crop), seed=seed + 1))
    if point.flip != "none":
        mode = "horizontal_and_vertical" if point.flip == "both" else "horizontal"
        steps.append(layers.RandomFlip(mode, seed=seed + 2))
    if point.rotation:
        steps.append(layers.RandomRotation(point.rotation / 360, seed=seed + 3))
    if point.zoom:
        steps.append(layers.RandomZoom(point.zoom, seed=seed + 4))
    if point.shift:
        steps.append(layers.RandomTranslation(point.shift, point.shift, seed=seed + 5))
    if point.shear:
        share = point.shear / 90
        steps.append(layers.RandomShear(share, share, seed=seed + 6))
    if not steps:
        return None

    def augment(images: tf.Tensor) -> tf.Tensor:
        for step in steps:
            images = step(images, training=True)
        return images

    return augment
