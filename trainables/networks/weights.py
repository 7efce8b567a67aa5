"""All weights of a network at once: copied from a like one, and digested."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import keras
import numpy as np

from trainables.cache.digest import digest


def copy_weights(source: keras.Model, target: keras.Model) -> None:
    """Give a model the weights of another one, in their order.

    Args:
        source: Has the weights.
        target: Gets them.

    Raises:
        ValueError: If the two have not the same number of weights, or not of the same shapes.
    """
    shapes, given = ([tuple(w.shape) for w in model.weights] for model in (target, source))
    if shapes != given:
        raise ValueError(
            f"the weights are of another network, with {len(given)} arrays in place of "
            f"{len(shapes)} or of other shapes."
        )
    for weight, value in zip(target.weights, source.weights, strict=True):
        weight.assign(value.numpy())
    finalise(target.layers)


def finalise(layers: Iterable[keras.Layer]) -> None:
    """Let layers derive from their weights what they compute with.

    Keras's `Normalization` computes with constants that it takes from its weights when Keras loads
    these from a file, but not when they are assigned.
    """
    for layer in layers:
        if isinstance(layer, keras.layers.Normalization):
            layer.finalize_state()
        finalise(getattr(layer, "layers", ()))


_SOURCE = "source_digest"


def mark_source(layers: Iterable[keras.Layer], digest: str) -> None:
    """Remember the digest of the file that layers are from."""
    for layer in layers:
        setattr(layer, _SOURCE, digest)


def source_of(layer: keras.Layer) -> str | None:
    """The digest of the file that a layer is from, if it was marked with one."""
    return getattr(layer, _SOURCE, None)


def weights_digest(model: keras.Model) -> str:
    """A digest of all weights, in their order: 64 hexadecimal digits."""
    hashed = hashlib.sha256()
    for weight in model.weights:
        array = np.ascontiguousarray(weight.numpy())
        hashed.update(f"{array.dtype}{array.shape}{digest(array)}".encode())
    return hashed.hexdigest()
