"""Examples of a network above a cut: features from the store, kept in memory between trials."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from spaces.hyperparameters import Hyperparameters
from trainables.datasets.rows.images import Images
from trainables.features.key import feature_key
from trainables.features.plan.plan import PREFIX_NAMES
from trainables.features.store import FeatureStore
from trainables.networks.cut import Cut
from trainables.networks.forward import forward, rows_of
from trainables.process.lru import LruCache
from trainables.process.memory import share_of_memory


@dataclass(frozen=True)
class Examples:
    """Inputs of a network, or activations at a cut of it, with their labels.

    Attributes:
        inputs: (examples, ...), uint8 or float32.
        labels: int32 (examples,).
        about: What else is known of each example, as in `Images`.
    """

    inputs: tf.Tensor
    labels: tf.Tensor
    about: Mapping[str, tf.Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return int(self.labels.shape[0])


_tensors: LruCache[tf.Tensor] = LruCache(None, share_of_memory())


def examples_at(cut: Cut, images: Images, point: Hyperparameters | None = None) -> Examples:
    """The inputs of the part above a cut, for these images; read once a process.

    Args:
        cut: Where the network is cut. If nothing lies below it, the examples are the pixels.
        images: One set.
        point: For the description of the entry.
    """
    labels = tf.constant(images.labels)
    about = {name: tf.constant(values) for name, values in images.about.items()}
    below = cut.below
    if below is None:
        return Examples(_kept(images.fingerprint, lambda: images.pixels), labels, about)

    def features() -> np.ndarray:
        found = stored(below, cut.name, images, point)
        return forward(below, images.pixels) if found is None else found

    key = feature_key(below, cut.name, images.fingerprint)
    return Examples(_kept(key, features), labels, about)


def forget() -> None:
    """Release the memory that examples hold from trial to trial."""
    _tensors.clear()


def stored(
    below: keras.Model, name: str, images: Images, point: Hyperparameters | None = None
) -> np.ndarray | None:
    """The activations at a cut, from the store; computed if it does not hold them whole.

    Args:
        below: Pixels to activations.
        name: Of the cut.
        images: One set.
        point: For the description of the entry.

    Returns:
        float32 (images, ...), mapped into memory; None if the store has no room for them.

    Raises:
        DataError: If the store cannot be written.
    """
    return FeatureStore().get(
        feature_key(below, name, images.fingerprint),
        (len(images.labels), *below.output.shape[1:]),
        rows_of(below, images.pixels),
        description(name, images, point),
    )


def description(name: str, images: Images, point: Hyperparameters | None) -> dict[str, Any]:
    """The description of an entry, for people."""
    values = {} if point is None else point.to_dict()
    return {
        **{key: values.get(key) for key in PREFIX_NAMES},
        "boundary": name,
        "images": len(images.labels),
        "image_size": images.pixels.shape[1],
        "data": images.fingerprint,
        "dtype": "float32",
        "versions": {"keras": keras.__version__, "tensorflow": tf.__version__},
    }


def _kept(name: str, make: Callable[[], np.ndarray]) -> tf.Tensor:
    tensor = _tensors.get(name)
    if tensor is None:
        tensor = tf.constant(make())
        _tensors.put(name, tensor, tensor.dtype.size * tensor.shape.num_elements())
    return tensor
