"""Examples of a network above a cut: in memory between trials, or on the disk if they are many."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from spaces.errors import DataError
from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import FeatureDtype
from trainables.cache.lazy_rows import Rows
from trainables.datasets.rows.images import Images
from trainables.features.key import feature_key
from trainables.features.plan.plan import PREFIX_NAMES
from trainables.features.store import as_stored, computed_by, feature_store
from trainables.networks.cut import Cut
from trainables.networks.forward import forward
from trainables.process.gpu import usable_memory
from trainables.process.lru import LruCache
from trainables.process.memory import data_memory
from trainables.process.messages import note


@dataclass(frozen=True)
class Examples:
    """Inputs of a network, or activations at a cut of it, with their labels.

    Attributes:
        inputs: (examples, ...): a tensor if they are held in memory, otherwise rows that are
            mapped from the disk, or images that are decoded when they are read.
        labels: int32 (examples,).
        about: What else is known of each example, as in `Images`.
    """

    inputs: tf.Tensor | Rows
    labels: tf.Tensor
    about: Mapping[str, tf.Tensor] = field(default_factory=dict)

    def __len__(self) -> int:
        return int(self.labels.shape[0])

    @property
    def are_resident(self) -> bool:
        """Whether the inputs are in the memory that the graph reads."""
        return tf.is_tensor(self.inputs)

    @property
    def bytes_each(self) -> int:
        """Bytes of one example's input."""
        return int(tf.as_dtype(self.inputs.dtype).size * math.prod(self.inputs.shape[1:]))

    def gather(self, positions: np.ndarray) -> Examples:
        """The examples at these positions in memory, where the inputs are mapped from the disk."""
        about = {n: tf.constant(values.numpy()[positions]) for n, values in self.about.items()}
        labels = tf.constant(self.labels.numpy()[positions])
        return Examples(tf.constant(self.inputs[positions]), labels, about)


def data_limit() -> int:
    """Bytes of images and features that this process may hold."""
    return data_memory(usable_memory())


_tensors: LruCache[tf.Tensor] = LruCache(None, sys.maxsize)


def examples_at(cut: Cut, images: Images, dtype: FeatureDtype = "float32") -> Examples:
    """The inputs of the part above a cut, for these images; read once a process.

    They are a tensor if they take no more than half of `data_limit`, so that training and
    validation images fit in together; otherwise they stay on the disk.

    Args:
        cut: Where the network is cut. If nothing lies below it, the examples are the pixels.
        images: One set.
        dtype: What features are stored as.

    Raises:
        NoRoomError: If they are too large for memory, and the store has no room for them.
    """
    labels = tf.constant(images.labels)
    about = {name: tf.constant(values) for name, values in images.about.items()}
    below = cut.below
    if below is None:
        return Examples(_resident(images.fingerprint, lambda: images.pixels), labels, about)

    def features() -> Rows:
        found = stored(below, cut.name, images, dtype=dtype)
        if found is not None:
            return found
        each = np.dtype(dtype).itemsize * math.prod(below.output.shape[1:])
        if not _is_small(each * len(images.labels)):
            raise NoRoomError(f"the features at {cut.name} of {len(images.labels)} images")
        return as_stored(forward(below, images.pixels), cut.name, dtype)

    key = feature_key(below, cut.name, images.fingerprint, dtype)
    return Examples(_resident(key, features), labels, about)


class NoRoomError(DataError):
    """Features fit neither into memory nor into the store; the message names them."""


def forget() -> None:
    """Release the memory that examples hold from trial to trial."""
    _tensors.clear()


def stored(
    below: keras.Model,
    name: str,
    images: Images,
    point: Hyperparameters | None = None,
    dtype: FeatureDtype = "float32",
) -> Rows | None:
    """The activations at a cut, from the store; computed if it does not hold them whole.

    Args:
        below: Pixels to activations.
        name: Of the cut.
        images: One set.
        point: For the description of the entry.
        dtype: What they are stored as.

    Returns:
        (images, ...), mapped into memory; None if the store has no room for them.

    Raises:
        DataError: If the store cannot be written.
        TrialFailedError: If one is too large for the dtype.
    """
    compute = computed_by(below, name, images.pixels, dtype)
    about = description(name, images, point, dtype)
    rows = feature_store(below, name, images, dtype).get(images.digests, compute, about)
    if rows is None:
        count = len(images.labels)
        note(f"The cache has no room for the features at {name} of {count:,} images: not stored.")
    return rows


def description(
    name: str, images: Images, point: Hyperparameters | None, dtype: FeatureDtype
) -> dict[str, Any]:
    """The description of an entry, for people."""
    values = {} if point is None else point.to_dict()
    return {
        **{key: values.get(key) for key in PREFIX_NAMES},
        "boundary": name,
        "images": len(images.labels),
        "image_size": images.pixels.shape[1],
        "data": images.treatment,
        "dtype": dtype,
        "versions": {"keras": keras.__version__, "tensorflow": tf.__version__},
    }


def _resident(name: str, make: Callable[[], Rows]) -> tf.Tensor | Rows:
    """An array as a tensor that is kept in memory, or as it is where it is large."""
    tensor = _tensors.get(name)
    if tensor is not None:
        return tensor
    rows = make()
    if not _is_small(rows.nbytes):
        return rows
    _tensors.limit(data_limit())
    tensor = tf.constant(np.asarray(rows))
    _tensors.put(name, tensor, rows.nbytes)
    return tensor


def _is_small(size: int) -> bool:
    return size <= data_limit() // 2
