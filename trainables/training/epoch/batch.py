"""A training batch where the network is cut: augmented, with the labels of what was mixed."""

from __future__ import annotations

from collections.abc import Mapping

import keras
import tensorflow as tf

from trainables.augmentation.batch import BatchAugmentation, Draws, partners

Labels = list[tuple[tf.Tensor, float | tf.Tensor]]
"""Labels of the examples, int32 (examples,), each time with the shares that they count by: one
pair, or two where examples are mixed."""


def at_the_cut(
    examples: Mapping[str, tf.Tensor],
    drawn: Draws,
    augment: BatchAugmentation | None,
    below: keras.Model | None,
) -> tuple[tf.Tensor, Labels]:
    """Augment examples in pixels, pass them on to the cut, and augment them there.

    Args:
        examples: "inputs" and "labels", and what is in `Examples.about`.
        drawn: What `augment` drew for them.
        augment: None changes nothing.
        below: From the inputs to the cut; None: the inputs are there.

    Returns:
        float32 (examples, ...), and their labels.
    """
    batch, labels = tf.cast(examples["inputs"], tf.float32), examples["labels"]
    others, shares = examples.get("partners"), examples.get("shares")  # of stored views
    if augment is not None:
        batch = augment.images(batch, drawn, examples.get("aspects"))
        batch = augment.mixed_images(batch, partners(batch), drawn)
        mixed = augment.shares(drawn, batch.shape[1])
        if mixed is not None:
            others, shares = partners(labels), mixed
    if below is not None:
        batch = tf.cast(below(batch, training=False), tf.float32)  # as stored features are
    if augment is not None:
        batch, mixed = augment.features(batch, drawn)
        if mixed is not None:
            others, shares = partners(labels), mixed
    if shares is None:
        return batch, [(labels, 1.0)]
    return batch, [(labels, 1 - shares), (others, shares)]
