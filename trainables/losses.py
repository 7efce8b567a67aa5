"""Cross-entropy from logits, in the forms that recipes name."""

from __future__ import annotations

import tensorflow as tf

from spaces.hyperparameters import Hyperparameters


def per_example_loss(logits: tf.Tensor, labels: tf.Tensor, point: Hyperparameters) -> tf.Tensor:
    """Loss of each example.

    With sigmoid outputs, categorical cross-entropy is that of the outputs divided by their sum,
    as Keras has it; binary cross-entropy is the mean over the classes.

    Args:
        logits: float32 (batch, classes).
        labels: int32 (batch,); converted to the form that the loss takes.
        point: Says output activation, loss and label smoothing.

    Returns:
        float32 (batch,).
    """
    classes = logits.shape[-1]
    smoothing = point.label_smoothing
    targets = tf.one_hot(labels, classes)
    if point.loss == "binary":
        targets = targets * (1 - smoothing) + smoothing / 2
        losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=logits)
        return tf.reduce_mean(losses, axis=-1)
    targets = targets * (1 - smoothing) + smoothing / classes
    if point.output_activation == "sigmoid":
        logits = tf.math.log_sigmoid(logits)
    return tf.nn.softmax_cross_entropy_with_logits(labels=targets, logits=logits)
