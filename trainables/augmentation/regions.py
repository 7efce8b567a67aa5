"""Blur of whole images, and rectangles in them that are erased, each image by its own draw."""

from __future__ import annotations

import math

import tensorflow as tf

_MOST_BLUR = 2.0 / 224
_LEAST_BLUR = 0.1 / 224
"""Standard deviations of the blur, in shares of the side: those of SimCLR, arXiv:2002.05709."""

_ERASED_AREA = 0.02, 1 / 3
_ERASED_SHAPE = math.log(10 / 3)
"""Share of the area that is erased, and logarithm of the largest ratio of its sides."""


def blurred(images: tf.Tensor, drawn: tf.Tensor) -> tf.Tensor:
    """Blur each image by a Gaussian of random width; beyond its border, an image is mirrored.

    Args:
        images: float32 (images, side, side, 3).
        drawn: Uniform in 0..1, (images,).
    """
    side = images.shape[1]
    deviations = side * (_LEAST_BLUR + (_MOST_BLUR - _LEAST_BLUR) * drawn)
    reach = min(side - 1, math.ceil(4 * _MOST_BLUR * side))
    offsets = tf.range(-reach, reach + 1, dtype=tf.float32)
    weights = tf.exp(-0.5 * tf.square(offsets / deviations[:, None]))
    weights = (weights / tf.reduce_sum(weights, axis=1, keepdims=True))[:, :, None, None, None]
    for _ in range(2):  # along the columns, then along the rows, by turning the image over
        padded = tf.pad(images, [[0, 0], [reach, reach], [0, 0], [0, 0]], "SYMMETRIC")
        shifted = [padded[:, start : start + side] for start in range(2 * reach + 1)]
        summed = tf.add_n([weights[:, i] * part for i, part in enumerate(shifted)])
        images = tf.transpose(summed, [0, 2, 1, 3])
    return images


def erased(images: tf.Tensor, drawn: tf.Tensor) -> tf.Tensor:
    """Cover a random rectangle of each image with the image's mean colour.

    Zhong et al., 2017, arXiv:1708.04896, with the areas and shapes of timm.

    Args:
        images: float32 (images, side, side, 3).
        drawn: Uniform in 0..1, (images, 4): area, shape, x, y.
    """
    least, most = _ERASED_AREA
    area = least + (most - least) * drawn[:, 0]
    shape = tf.exp(_ERASED_SHAPE * (2 * drawn[:, 1] - 1))
    width = tf.minimum(1.0, tf.sqrt(area * shape))
    height = tf.minimum(1.0, tf.sqrt(area / shape))
    left, top = drawn[:, 2] * (1 - width), drawn[:, 3] * (1 - height)
    inside = rectangle(images.shape[1], left, top, left + width, top + height)
    mean = tf.reduce_mean(images, axis=(1, 2), keepdims=True)
    return tf.where(inside, mean, images)


def rectangle(
    side: int, left: tf.Tensor, top: tf.Tensor, right: tf.Tensor, bottom: tf.Tensor
) -> tf.Tensor:
    """Whether the centre of each pixel lies in a rectangle: bool (images, side, side, 1).

    Args:
        side: Of the image, in pixels.
        left, top, right, bottom: In shares of the side, (images,).
    """
    return (span(side, top, bottom)[:, :, None] & span(side, left, right)[:, None, :])[..., None]


def span(side: int, first: tf.Tensor, last: tf.Tensor) -> tf.Tensor:
    """Whether the centre of each pixel along a side lies between two places: (images, side)."""
    centres = (tf.range(side, dtype=tf.float32) + 0.5) / side
    return (centres >= first[:, None]) & (centres < last[:, None])
