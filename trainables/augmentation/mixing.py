"""MixUp and CutMix: an example mixed with another one, in pixels or in features.

A mixed example has two labels: its own, and the other's, which counts by the share that the other
has in it. Every loss is then the mean of the losses for both labels by their shares, which for
cross-entropy is its value for the mixed label, with label smoothing too.
"""

from __future__ import annotations

import tensorflow as tf

from trainables.augmentation.regions import rectangle, span


def beta(count: tf.Tensor, alpha: tf.Tensor, key: tf.Tensor) -> tf.Tensor:
    """Draws from Beta(α, α), float32 (count,); reproducible by its key, int (2,)."""
    # In 32 bits, both gammas of a small α may be zero.
    gammas = tf.random.stateless_gamma(
        [2, count], key, tf.cast(alpha, tf.float64), dtype=tf.float64
    )
    return tf.cast(tf.math.divide_no_nan(gammas[0], gammas[0] + gammas[1]), tf.float32)


def mixup(own: tf.Tensor, other: tf.Tensor, shares: tf.Tensor) -> tf.Tensor:
    """Mix examples linearly (Zhang et al., 2017, arXiv:1710.09412).

    Args:
        own, other: float32 (examples, ...).
        shares: Of the other, 0..1, (examples,).
    """
    shape = tf.concat([tf.shape(shares), tf.ones(len(own.shape) - 1, tf.int32)], 0)
    return own + (other - own) * tf.reshape(shares, shape)


def cutmix(own: tf.Tensor, other: tf.Tensor, wanted: tf.Tensor, drawn: tf.Tensor) -> tf.Tensor:
    """Paste a rectangle of the other image (Yun et al., 2019, arXiv:1905.04899).

    Args:
        own, other: float32 (images, side, side, 3).
        wanted: Share of the image's area, 0..1, (images,).
        drawn: Centre of the rectangle, uniform in 0..1, (images, 2): x, y.
    """
    return tf.where(rectangle(own.shape[1], *_edges(wanted, drawn)), other, own)


def pasted(side: int, wanted: tf.Tensor, drawn: tf.Tensor) -> tf.Tensor:
    """Share of the pixels that `cutmix` replaces: less where the rectangle crosses the border."""
    left, top, right, bottom = _edges(wanted, drawn)
    across, down = span(side, left, right), span(side, top, bottom)
    counts = [tf.reduce_mean(tf.cast(inside, tf.float32), axis=1) for inside in (across, down)]
    return counts[0] * counts[1]


def _edges(wanted: tf.Tensor, drawn: tf.Tensor) -> tuple[tf.Tensor, ...]:
    half = tf.sqrt(wanted) / 2
    x, y = drawn[:, 0], drawn[:, 1]
    return x - half, y - half, x + half, y + half
