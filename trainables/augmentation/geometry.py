"""Geometry of images: affine maps that are composed, and applied by a single resampling.

A map takes points of the result to points of the source. Points are (x, y) in shares of the side,
from the centre of the image: -0.5..0.5. Maps are float32 (images, 3, 3), homogeneous.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import tensorflow as tf


def affine(count: tf.Tensor, first: Sequence[Any], second: Sequence[Any]) -> tf.Tensor:
    """Maps from the entries of their first two rows, (images,) or the same for all."""
    rows = [*first, *second, 0.0, 0.0, 1.0]
    entries = [tf.broadcast_to(tf.cast(entry, tf.float32), [count]) for entry in rows]
    return tf.reshape(tf.stack(entries, axis=-1), [-1, 3, 3])


def after(outer: tf.Tensor, inner: tf.Tensor) -> tf.Tensor:
    """The map that applies `inner` first and `outer` to its result."""
    # Not a matrix product, which GPUs may compute with 10 bits of mantissa.
    return tf.reduce_sum(outer[:, :, :, None] * inner[:, None, :, :], axis=2)


def rotated(degrees: tf.Tensor) -> tf.Tensor:
    """Rotation about the centre, by (images,)."""
    angle = degrees * (math.pi / 180)
    sine, cosine = tf.sin(angle), tf.cos(angle)
    return affine(tf.shape(angle)[0], (cosine, -sine, 0.0), (sine, cosine, 0.0))


def window(width: tf.Tensor, height: tf.Tensor, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """A part of the source that fills the result.

    Args:
        width, height: Shares of the source's sides, (images,).
        x, y: Where it lies: 0..1 from one end of the source to the other, (images,).
    """
    count = tf.shape(width)[0]
    x, y = (x - 0.5) * (1 - width), (y - 0.5) * (1 - height)
    return affine(count, (width, 0.0, x), (0.0, height, y))


def resized_crop(
    drawn: tf.Tensor, scale: tf.Tensor, ratio: tf.Tensor, aspects: tf.Tensor
) -> tf.Tensor:
    """Windows of random area and shape, as in Szegedy et al., 2015, arXiv:1409.4842.

    A window of the drawn shape that does not fit into the picture is made smaller until it does,
    so that nothing is ever stretched.

    Args:
        drawn: Uniform in 0..1, (images, 4): area, shape, x, y.
        scale: Smallest share of the picture's area; the largest is 1.
        ratio: Largest ratio of a window's sides, in pixels of the picture; the smallest is its
            inverse.
        aspects: Width divided by height of each whole picture, (images,), whatever the shape of
            the array that holds it.
    """
    area = scale + (1 - scale) * drawn[:, 0]
    shape = tf.exp((2 * drawn[:, 1] - 1) * tf.math.log(ratio))
    width, height = tf.sqrt(area * shape / aspects), tf.sqrt(area * aspects / shape)
    fitting = tf.maximum(1.0, tf.maximum(width, height))
    return window(width / fitting, height / fitting, drawn[:, 2], drawn[:, 3])


def warp(images: tf.Tensor, maps: tf.Tensor, size: int) -> tf.Tensor:
    """Resample images once, bilinear; beyond its border, an image is mirrored.

    Args:
        images: float32 (images, side, side, 3).
        maps: From the result to the source.
        size: Side of the result, in pixels.

    Returns:
        float32 (images, size, size, 3).
    """
    side = images.shape[1]
    # The operation counts pixels: the centre of the first one is at 0.
    linear = maps[:, :2, :2] * (side / size)
    middle = tf.reduce_sum(linear, axis=2) * ((size - 1) / 2)
    origin = maps[:, :2, 2] * side + (side - 1) / 2 - middle
    rows = tf.reshape(tf.concat([linear, origin[:, :, None]], axis=2), [-1, 6])
    out = tf.raw_ops.ImageProjectiveTransformV3(
        images=images,
        transforms=tf.pad(rows, [[0, 0], [0, 2]]),
        output_shape=tf.constant([size, size]),
        fill_value=tf.constant(0.0),
        interpolation="BILINEAR",
        fill_mode="REFLECT",
    )
    return tf.ensure_shape(out, [None, size, size, 3])
