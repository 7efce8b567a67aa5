"""Transforms of parts of a batch: each image passes through the transform of its group alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

Transform = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
"""From images and a number for each of them to images of the same shape."""


def by_group(
    images: tf.Tensor,
    groups: tf.Tensor,
    transforms: Sequence[Transform | None],
    amounts: tf.Tensor,
) -> tf.Tensor:
    """Transform each image as its group says; only those that need a transform pass through it.

    Args:
        images: (images, ...).
        groups: int32 (images,), positions in `transforms`.
        transforms: Of each group; None leaves it as it is.
        amounts: float32 (images,), the transforms' second argument.
    """
    count = len(transforms)
    parts = tf.dynamic_partition(images, groups, count)
    numbers = tf.dynamic_partition(amounts, groups, count)
    places = tf.dynamic_partition(tf.range(tf.shape(groups)[0]), groups, count)
    done = [
        part if transform is None else transform(part, number)
        for transform, part, number in zip(transforms, parts, numbers, strict=True)
    ]
    return tf.ensure_shape(tf.dynamic_stitch(places, done), images.shape)


def on_some(
    images: tf.Tensor, is_chosen: tf.Tensor, transform: Transform, amounts: tf.Tensor
) -> tf.Tensor:
    """Transform only the chosen images, bool (images,)."""
    return by_group(images, tf.cast(is_chosen, tf.int32), [None, transform], amounts)
