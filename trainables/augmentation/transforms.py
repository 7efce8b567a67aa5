"""Augmentation of images: every image of a batch draws its own geometry, colours and regions."""

from __future__ import annotations

import math
from collections.abc import Mapping

import tensorflow as tf

from spaces.hyperparameters import Hyperparameters
from trainables.augmentation import colours, trivial_augment
from trainables.augmentation.by_group import on_some
from trainables.augmentation.geometry import (
    affine,
    after,
    resized_crop,
    rotated,
    warp,
    window,
)
from trainables.augmentation.regions import blurred, erased

COLUMNS = {
    "crop": 2,
    "crop_scale": 4,
    "flip": 2,
    "rotation": 1,
    "zoom": 1,
    "shift": 2,
    "shear": 2,
    "trivial_augment": trivial_augment.COLUMNS,
    "color_jitter": 3,
    "grayscale": 1,
    "blur": 2,
    "erasing": 5,
}
"""Uniform numbers that each hyperparameter draws for an image, in the order of application."""

_GEOMETRY = ("crop", "crop_scale", "flip", "rotation", "zoom", "shift", "shear")

Values = Mapping[str, tf.Tensor | tf.Variable]
"""Numbers by the name of their hyperparameter."""


class Transforms:
    """Random transforms of images, RGB, 0..255. All that moves pixels is one resampling.

    Attributes:
        columns: Uniform numbers that it needs for an image.

    Args:
        point: Says which transforms there are.
        values: Their strengths, float32 scalars; a variable may change between calls.
    """

    def __init__(self, point: Hyperparameters, values: Values) -> None:
        self._size, self._flip, self._values = point.image_size, point.flip, values
        self._names = [name for name in COLUMNS if getattr(point, name) not in ("none", 0)]
        self.columns = sum(COLUMNS[name] for name in self._names)

    def __bool__(self) -> bool:
        return bool(self._names)

    def __call__(
        self, images: tf.Tensor, drawn: tf.Tensor, aspects: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Transform a batch.

        Args:
            images: float32 (images, side, side, 3).
            drawn: Uniform in 0..1, (images, columns).
            aspects: Width divided by height of each whole picture, (images,); needed for
                `crop_scale` alone.

        Returns:
            float32 (images, size, size, 3).
        """
        widths = [COLUMNS[name] for name in self._names]
        own = dict(zip(self._names, tf.split(drawn, widths, axis=1), strict=True))
        kinds, strengths = None, None
        maps = [self._map(name, own[name], aspects) for name in _GEOMETRY if name in own]
        if "trivial_augment" in own:
            kinds, strengths = trivial_augment.chosen(own["trivial_augment"])
            maps.append(trivial_augment.maps(kinds, strengths))
        if maps:
            whole = maps[0]
            for later in maps[1:]:
                whole = after(whole, later)
            images = warp(images, whole, self._size)
        if kinds is not None:
            images = trivial_augment.recoloured(images, kinds, strengths)
        for name in ("color_jitter", "grayscale", "blur", "erasing"):
            if name in own:
                images = self._changed(name, images, own[name])
        return images

    def _map(self, name: str, drawn: tf.Tensor, aspects: tf.Tensor | None) -> tf.Tensor:
        """One part of the geometry, from the result to the source."""
        if name == "crop_scale":
            scale, ratio = self._values["crop_scale"], self._values["crop_ratio"]
            return resized_crop(drawn, scale, ratio, aspects)
        count, either = tf.shape(drawn)[0], 2 * drawn - 1
        if name == "flip":
            mirrored = tf.where(drawn < 0.5, -1.0, 1.0)
            upright = mirrored[:, 1] if self._flip == "both" else 1.0
            return affine(count, (mirrored[:, 0], 0.0, 0.0), (0.0, upright, 0.0))
        value = self._values[name]
        if name == "crop":
            side = tf.repeat(1 - value, count)
            return window(side, side, drawn[:, 0], drawn[:, 1])
        if name == "rotation":
            return rotated(value * either[:, 0])
        if name == "zoom":
            side = 1 + value * either[:, 0]
            return affine(count, (side, 0.0, 0.0), (0.0, side, 0.0))
        if name == "shift":
            x, y = value * either[:, 0], value * either[:, 1]
            return affine(count, (1.0, 0.0, x), (0.0, 1.0, y))
        slopes = tf.tan(value * (math.pi / 180)) * either
        return affine(count, (1.0, slopes[:, 0], 0.0), (slopes[:, 1], 1.0, 0.0))

    def _changed(self, name: str, images: tf.Tensor, drawn: tf.Tensor) -> tf.Tensor:
        """Images after one change of colours or regions."""
        value = self._values[name]
        if name == "color_jitter":
            factors = 1 + value * (2 * drawn - 1)
            images = colours.brightness(images, factors[:, 0])
            images = colours.contrast(images, factors[:, 1])
            return colours.saturation(images, factors[:, 2])
        is_chosen = drawn[:, 0] < value
        if name == "grayscale":
            return tf.where(is_chosen[:, None, None, None], colours.grey(images), images)
        if name == "blur":
            return on_some(images, is_chosen, blurred, drawn[:, 1])
        return tf.where(is_chosen[:, None, None, None], erased(images, drawn[:, 1:]), images)
