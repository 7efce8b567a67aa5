"""The feature store: activations at a cut, computed once and shared by all trials."""

from __future__ import annotations

import hashlib
import json
import os
from functools import lru_cache
from pathlib import Path

import keras
import numpy as np
import pyarrow as pa
import tensorflow as tf
from filelock import FileLock

from trainables.cache import cache_folder
from trainables.cut import Cut
from trainables.datasets.images import Images
from trainables.loop import Examples, forward


def examples_at(cut: Cut, images: Images) -> Examples:
    """What the part above a cut takes for these images, read once a process.

    Args:
        cut: Where the network is cut; without anything below, the examples are the pixels.
        images: One set.
    """
    labels = tf.constant(images.labels)
    if cut.below is None:
        return Examples(_resident_pixels(images.fingerprint, _Held(images.pixels)), labels)
    path = cache_folder() / "features" / f"{_key(cut.below, cut.name, images)}.arrow"
    if not path.exists():
        _compute(cut.below, images, path)
    return Examples(_resident(path), labels)


def _key(below: keras.Model, name: str, images: Images) -> str:
    """Names the activations by all that decides them."""
    digest = hashlib.sha256()
    for weight in below.weights:
        digest.update(weight.numpy().tobytes())
    about = [images.fingerprint, name, below.count_params(), _rescaling(below)]
    versions = [keras.__version__, tf.__version__]
    digest.update(json.dumps([*about, *versions]).encode())
    return digest.hexdigest()


def _rescaling(below: keras.Model) -> list[str]:
    """Preprocessing has no weights: it enters the key by its settings."""
    layers = [layer for layer in below.layers if isinstance(layer, keras.layers.Rescaling)]
    flips = [op.__class__.__name__ for op in below.operations if not isinstance(op, keras.Layer)]
    return [*(f"{layer.scale} {layer.offset}" for layer in layers), *flips]


def _compute(below: keras.Model, images: Images, path: Path) -> None:
    """Compute and store, unless another process does so or has done so meanwhile."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(path.with_suffix(".lock")):
        if path.exists():
            return
        activations = forward(below, images.pixels)
        temporary = path.with_suffix(f".{os.getpid()}")
        with pa.OSFile(str(temporary), "wb") as sink:
            pa.ipc.write_tensor(pa.Tensor.from_numpy(activations), sink)
        temporary.replace(path)


def read_features(path: Path) -> np.ndarray:
    """Stored activations as a read-only view of the file."""
    with pa.memory_map(str(path)) as source:
        features: np.ndarray = pa.ipc.read_tensor(source).to_numpy()
    return features


@lru_cache(maxsize=8)
def _resident(path: Path) -> tf.Tensor:
    return tf.constant(read_features(path))


class _Held:
    """Carries an array past a cache that goes by another argument."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Held)

    def __hash__(self) -> int:
        return 0


@lru_cache(maxsize=4)
def _resident_pixels(fingerprint: str, held: _Held) -> tf.Tensor:  # noqa: ARG001 - the key
    return tf.constant(held.array)
