"""The feature store: activations at a cut, computed once and shared by all trials."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from spaces.hyperparameters import Hyperparameters
from trainables.cache.folder import cache_folder
from trainables.datasets.rows.images import Images
from trainables.features.key import feature_key
from trainables.features.plan.plan import PREFIX_NAMES
from trainables.features.store import computed_once
from trainables.networks.cut import Cut
from trainables.networks.forward import forward, rows_of
from trainables.process.memory import share_of_memory
from trainables.process.messages import take_notes


@dataclass(frozen=True)
class Examples:
    """Inputs of a network, or activations at a cut of it, with their labels.

    Attributes:
        inputs: (examples, ...), uint8 or float32.
        labels: int32 (examples,).
    """

    inputs: tf.Tensor
    labels: tf.Tensor

    def __len__(self) -> int:
        return int(self.labels.shape[0])


class Residents:
    """Tensors by name.

    Args:
        most: Bytes of all together; the last one that was asked for stays whatever its size.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._tensors: OrderedDict[str, tf.Tensor] = OrderedDict()

    def get(self, name: str, make: Callable[[], tf.Tensor]) -> tf.Tensor:
        """The tensor of this name, made unless it is there."""
        if name not in self._tensors:
            self._tensors[name] = make()
        self._tensors.move_to_end(name)
        while len(self._tensors) > 1 and self._bytes() > self._most:
            self._tensors.popitem(last=False)
        return self._tensors[name]

    def clear(self) -> None:
        """Forget all of them."""
        self._tensors.clear()

    def _bytes(self) -> int:
        return sum(
            tensor.dtype.size * tensor.shape.num_elements() for tensor in self._tensors.values()
        )


__all__ = ["entry_folder", "examples_at", "forget", "stored", "take_notes"]

_residents = Residents(share_of_memory())


def examples_at(cut: Cut, images: Images, point: Hyperparameters | None = None) -> Examples:
    """What the part above a cut takes for these images, read once a process.

    Args:
        cut: Where the network is cut; without anything below, the examples are the pixels.
        images: One set.
        point: Told in the list of entries.
    """
    labels = tf.constant(images.labels)
    below = cut.below
    if below is None:
        pixels = _residents.get(images.fingerprint, lambda: tf.constant(images.pixels))
        return Examples(pixels, labels)
    folder = entry_folder(below, cut.name, images)

    def made() -> tf.Tensor:
        found = stored(below, cut.name, images, point)
        return tf.constant(forward(below, images.pixels) if found is None else found)

    return Examples(_residents.get(str(folder), made), labels)


def forget() -> None:
    """Give back the memory that examples hold from trial to trial."""
    _residents.clear()


def entry_folder(below: keras.Model, name: str, images: Images) -> Path:
    """Where the activations at a cut are, or would be, stored."""
    return cache_folder() / "features" / feature_key(below, name, images.fingerprint)


def stored(
    below: keras.Model, name: str, images: Images, point: Hyperparameters | None = None
) -> np.ndarray | None:
    """The activations at a cut from the store, computed if it has them not, or not whole.

    Args:
        below: Pixels to activations.
        name: Of the cut.
        images: One set.
        point: Told in the list of entries.

    Returns:
        float32 (images, ...), mapped into memory; None if the store has no room for them.

    Raises:
        DataError: If the store cannot be written.
    """
    return computed_once(
        entry_folder(below, name, images),
        (len(images.labels), *below.output.shape[1:]),
        rows_of(below, images.pixels),
        description(name, images, point),
    )


def description(name: str, images: Images, point: Hyperparameters | None) -> dict[str, Any]:
    """What an entry says about itself, for people."""
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
