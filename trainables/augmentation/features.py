"""Augmentation of frozen features: what lies below the boundary is still computed once an image."""

from __future__ import annotations

import tensorflow as tf


def jittered(features: tf.Tensor, drawn: tf.Tensor, strength: tf.Tensor) -> tf.Tensor:
    """Brighten or darken each channel of each example by its own amount.

    The amounts are shares of the range of the example's values, and the result stays within that
    range: brightness with an amount a channel, one of those that helped most among the twenty that
    Bär et al. tried on frozen features (FroFA, 2024, arXiv:2403.10519).

    Args:
        features: float32 (examples, ..., channels).
        drawn: Uniform in 0..1, (examples, channels).
        strength: Largest amount, 0..1.
    """
    inner = list(range(1, len(features.shape)))
    low = tf.reduce_min(features, axis=inner, keepdims=True)
    high = tf.reduce_max(features, axis=inner, keepdims=True)
    between = [1] * (len(inner) - 1)
    amounts = tf.reshape(strength * (2 * drawn - 1), [-1, *between, features.shape[-1]])
    return tf.clip_by_value(features + amounts * (high - low), low, high)
