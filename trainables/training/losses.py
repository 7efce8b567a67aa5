"""Cross-entropy from logits: in the forms that recipes name, and in the one form of validation."""

from __future__ import annotations

import tensorflow as tf


def per_example_loss(
    logits: tf.Tensor,
    labels: tf.Tensor,
    loss: str,
    smoothing: float | tf.Tensor,
    gamma: float | tf.Tensor = 0.0,
) -> tf.Tensor:
    """Loss of each example.

    Categorical cross-entropy is that of the logits' softmax, with sigmoid outputs too: so it is in
    a Keras model that is compiled with both. Binary cross-entropy is the mean over the classes. The
    focal loss is Σ_k −y_k (1 − p_k)^γ log p_k with p the softmax and y the smoothed label, that of
    https://arxiv.org/abs/1708.02002 with α = 1.

    Args:
        logits: float32 (batch, classes).
        labels: int32 (batch,); converted to the form that the loss takes.
        loss: As in `Hyperparameters.loss`.
        smoothing: Share of the label that is spread over all classes, 0..1.
        gamma: Of the focal loss.

    Returns:
        float32 (batch,).
    """
    classes = logits.shape[-1]
    targets = tf.one_hot(labels, classes)
    if loss == "binary":
        targets = targets * (1 - smoothing) + smoothing / 2
        losses = tf.nn.sigmoid_cross_entropy_with_logits(labels=targets, logits=logits)
        return tf.reduce_mean(losses, axis=-1)
    targets = targets * (1 - smoothing) + smoothing / classes
    if loss == "focal":
        logs = tf.nn.log_softmax(logits)
        # Where p is 1, the derivative of its power would be infinite for γ below 1.
        others = tf.maximum(-tf.math.expm1(logs), 1e-7)
        return -tf.reduce_sum(targets * tf.pow(others, gamma) * logs, axis=-1)
    return tf.nn.softmax_cross_entropy_with_logits(labels=targets, logits=logits)


def validation_loss(
    logits: tf.Tensor, labels: tf.Tensor, is_sigmoid: bool | tf.Tensor
) -> tf.Tensor:
    """Loss of each example by which trials are compared, whatever loss they are trained with.

    It is -log of the probability that the network gives to the right class: of the softmax, or of
    the sigmoids divided by their sum. Label smoothing and class weights have no part in it.

    Args:
        logits: float32 (batch, classes).
        labels: int32 (batch,).
        is_sigmoid: Whether `output_activation` is sigmoid.

    Returns:
        float32 (batch,).
    """
    scores = tf.where(is_sigmoid, tf.math.log_sigmoid(logits), logits)
    return tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=scores)
