"""The head: from a backbone's feature maps to a logit for each class."""

from __future__ import annotations

import keras
from keras import layers

from spaces.errors import InputError
from spaces.hyperparameters import Hyperparameters
from trainables.networks.dropout import AdjustableDropout

PREFIX = "classifier_"
"""Begins the name of every layer of the head."""

LOGITS = f"{PREFIX}logits"

_MOMENTUM = 0.9
"""Share of the old statistics that a batch norm keeps in an update. With Keras's 0.99 half of what
they began with would be left after 70 updates: a few epochs of a small dataset."""


def head(features: keras.KerasTensor, point: Hyperparameters, classes: int) -> keras.KerasTensor:
    """Append a head to a graph.

    Args:
        features: (batch, height, width, channels); (batch, tokens, channels) from a Vision
            Transformer that is cut off, whose tokens are pooled; or (batch, channels) from a
            backbone that ends in dense layers or a class token, which needs no pooling. Only the
            first get convolutions.
        point: Describes the head.
        classes: Number of outputs.

    Returns:
        Logits (batch, classes).

    Raises:
        InputError: If its poolings leave nothing of the feature maps.
    """
    if len(features.shape) == 4:
        features = _convolved(features, point)
    if len(features.shape) > 2:
        features = _pooled(features, point)
    if point.head_batch_norm == "pooling":
        features = _batch_norm(features, "batch_norm")
    if point.dropout_place == "first" or not point.dense_units:
        features = _dropped(features, point, "first")
    for number, units in enumerate(point.dense_units):
        features = layers.Dense(units, activation="relu", name=f"{PREFIX}dense_{number}")(features)
        if point.head_batch_norm == "dense":
            features = _batch_norm(features, f"batch_norm_{number}")
        is_last = number == len(point.dense_units) - 1
        if point.dropout_place == "each" or (point.dropout_place == "last" and is_last):
            features = _dropped(features, point, str(number))
    # Losses are computed from the logits: in float32, whatever the rest is computed in.
    return layers.Dense(classes, dtype="float32", name=LOGITS)(features)


def _convolved(features: keras.KerasTensor, point: Hyperparameters) -> keras.KerasTensor:
    for number, filters in enumerate(point.convolutions):
        features = layers.Conv2D(
            filters, 3, padding="same", activation="relu", name=f"{PREFIX}convolution_{number}"
        )(features)
        if point.convolution_batch_norm:
            features = _batch_norm(features, f"convolution_batch_norm_{number}")
        if point.convolution_pooling:
            _check_poolable(features, point, number)
            name = f"{PREFIX}convolution_pooling_{number}"
            features = layers.MaxPooling2D(2, name=name)(features)
    return features


def _check_poolable(features: keras.KerasTensor, point: Hyperparameters, number: int) -> None:
    height, width = features.shape[1:3]
    if min(height, width) > 1:
        return
    raise InputError(
        f"convolution_pooling halves the feature map after each of {len(point.convolutions)} "
        f"convolutions, but {height} x {width} places are left after {number} of them, with images "
        f"of {point.image_size} pixels. Give at most {number} convolutions, set "
        "convolution_pooling: false, or take larger images."
    )


def _pooled(features: keras.KerasTensor, point: Hyperparameters) -> keras.KerasTensor:
    are_maps = len(features.shape) == 4
    kind = {
        "average": layers.GlobalAveragePooling2D if are_maps else layers.GlobalAveragePooling1D,
        "max": layers.GlobalMaxPooling2D if are_maps else layers.GlobalMaxPooling1D,
        "flatten": layers.Flatten,
    }[point.pooling]
    return kind(name=f"{PREFIX}pooling_{point.pooling}")(features)


def _batch_norm(features: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return layers.BatchNormalization(momentum=_MOMENTUM, name=f"{PREFIX}{name}")(features)


def _dropped(features: keras.KerasTensor, point: Hyperparameters, place: str) -> keras.KerasTensor:
    if point.dropout == 0:
        return features
    return AdjustableDropout(point.dropout, name=f"{PREFIX}dropout_{place}")(features)
