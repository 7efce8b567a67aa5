"""A TensorFlow SavedModel: `serve` gives probabilities, the signature `class_names` their names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

BATCH = 16


def write(model: keras.Model, names: Sequence[str], path: Path) -> None:
    """Write a model, pixels to probabilities, and its class names."""
    archive = keras.export.ExportArchive()
    archive.track(model)
    spec = keras.InputSpec(shape=(None, *model.input_shape[1:]), dtype="float32", name="pixels")
    archive.add_endpoint("serve", lambda pixels: model(pixels, training=False), [spec])
    archive.add_endpoint("class_names", lambda: tf.constant(list(names)), [])
    archive.write_out(str(path), verbose=False)


def outputs(path: Path, pixels: np.ndarray) -> np.ndarray:
    """Probabilities that the model gives for float32 pixels (images, size, size, 3)."""
    loaded = tf.saved_model.load(str(path))
    starts = range(0, len(pixels), BATCH)
    return np.concatenate([loaded.serve(pixels[s : s + BATCH]).numpy() for s in starts])


def class_names(path: Path) -> tuple[str, ...]:
    """The names that the folder's model holds, in the order of its outputs."""
    [names] = tf.saved_model.load(str(path)).signatures["class_names"]().values()
    return tuple(name.decode() for name in names.numpy())
