"""Operations on the colours of images, each image by its own amount, as Pillow has them.

Images are float32 (images, height, width, 3), RGB, 0..255, and amounts float32 (images,). Pillow
rounds after each operation and these do not; they differ from it by 2 of 255 at most.
"""

from __future__ import annotations

import tensorflow as tf

_LUMA = (0.299, 0.587, 0.114)
"""Shares of red, green and blue in grey (ITU-R BT.601)."""


def grey(images: tf.Tensor) -> tf.Tensor:
    """Grey of each pixel, (images, height, width, 1)."""
    return tf.reduce_sum(images * tf.constant(_LUMA), axis=-1, keepdims=True)


def brightness(images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """As `ImageEnhance.Brightness`: 0 is black, 1 the image."""
    return _blended(tf.zeros_like(images), images, factors)


def saturation(images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """As `ImageEnhance.Color`: 0 is grey, 1 the image."""
    return _blended(grey(images), images, factors)


def contrast(images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """As `ImageEnhance.Contrast`: 0 is the mean grey, 1 the image."""
    return _blended(tf.reduce_mean(grey(images), axis=(1, 2), keepdims=True), images, factors)


def sharpness(images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    """As `ImageEnhance.Sharpness`: 0 is smoothed, 1 the image; pixels at the border stay."""
    # Not a convolution: its kernel on CPUs gives wrong shapes for a batch of no image.
    height, width = images.shape[1:3]
    moved = [images[:, y : height - 2 + y, x : width - 2 + x] for y in range(3) for x in range(3)]
    inside = (tf.add_n(moved) + 4 * images[:, 1:-1, 1:-1]) / 13
    border = [[0, 0], [1, 1], [1, 1], [0, 0]]
    is_inside = tf.pad(tf.ones_like(inside, tf.bool), border)
    return _blended(tf.where(is_inside, tf.pad(inside, border), images), images, factors)


def posterize(images: tf.Tensor, bits: tf.Tensor) -> tf.Tensor:
    """As `ImageOps.posterize`: keep this many of the 8 bits of each value."""
    step = tf.pow(2.0, 8 - bits)[:, None, None, None]
    return tf.floor(tf.round(images) / step) * step


def solarize(images: tf.Tensor, thresholds: tf.Tensor) -> tf.Tensor:
    """As `ImageOps.solarize`: invert values from a threshold up."""
    return tf.where(images < thresholds[:, None, None, None], images, 255 - images)


def auto_contrast(images: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
    """As `ImageOps.autocontrast`: stretch each channel to 0..255, unless it has one value."""
    low = tf.reduce_min(images, axis=(1, 2), keepdims=True)
    high = tf.reduce_max(images, axis=(1, 2), keepdims=True)
    return tf.where(high > low, tf.math.divide_no_nan(images - low, high - low) * 255, images)


def equalize(images: tf.Tensor, _: tf.Tensor) -> tf.Tensor:
    """As `ImageOps.equalize`: each channel's values become equally frequent."""
    height, width = images.shape[1:3]
    levels = tf.cast(tf.round(tf.transpose(images, [0, 3, 1, 2])), tf.int32)
    levels = tf.reshape(levels, [-1, height * width])
    # One count for all channels: each has 256 bins of its own.
    channels = tf.shape(levels)[0]
    bins = tf.reshape(levels + 256 * tf.range(channels)[:, None], [-1])
    counts = tf.reshape(tf.math.bincount(bins, minlength=256 * channels), [-1, 256])
    highest = tf.reduce_max(levels, axis=1)
    step = (height * width - tf.gather(counts, highest, batch_dims=1)) // 255
    before = tf.cumsum(counts, axis=1, exclusive=True) + step[:, None] // 2
    table = tf.minimum(before // tf.maximum(step, 1)[:, None], 255)
    table = tf.where(step[:, None] == 0, tf.range(256), table)
    out = tf.reshape(tf.gather(table, levels, batch_dims=1), [-1, 3, height, width])
    return tf.cast(tf.transpose(out, [0, 2, 3, 1]), tf.float32)


def _blended(plain: tf.Tensor, images: tf.Tensor, factors: tf.Tensor) -> tf.Tensor:
    blended = plain + (images - plain) * factors[:, None, None, None]
    return tf.clip_by_value(blended, 0, 255)
