"""The feature store: activations at a cut, computed once and shared by all trials."""

from __future__ import annotations

import hashlib
import json
from functools import lru_cache
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from trainables.cache import cache_folder, made_once
from trainables.cut import Cut
from trainables.datasets.images import Images
from trainables.loop import Examples, blocks
from trainables.tensor_file import read_rows, write_rows


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
    below = cut.below
    shape = (len(images.labels), *below.output.shape[1:])
    made_once(path, lambda new: write_rows(new, shape, blocks(below, images.pixels), np.float32))
    return Examples(_resident(path), labels)


def _key(below: keras.Model, name: str, images: Images) -> str:
    """Names the activations by all that decides them."""
    digest = hashlib.sha256()
    for weight in below.weights:
        digest.update(weight.numpy().tobytes())
    about = [images.fingerprint, name, below.output.shape, *map(_settings, below.operations)]
    versions = [keras.__version__, tf.__version__]
    digest.update(json.dumps([*about, *versions], default=str).encode())
    return digest.hexdigest()


def _settings(operation: keras.Operation) -> list[object]:
    """What an operation does beside its weights; its name may come from a counter."""
    config = operation.get_config() if isinstance(operation, keras.Layer) else {}
    return [type(operation).__name__, {k: v for k, v in config.items() if k != "name"}]


@lru_cache(maxsize=8)
def _resident(path: Path) -> tf.Tensor:
    return tf.constant(read_rows(path))


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
