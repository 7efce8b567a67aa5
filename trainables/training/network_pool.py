"""Networks that a process has built, kept for the next trial of the same shape.

A trial that differs from an earlier one only in values (see `prepared_network.VALUES`) reuses its
network and traced loops, after weights, random numbers and optimizers have been reset; one with
another head reuses the backbone. A trial measures the same either way.
"""

from __future__ import annotations

import weakref
from typing import Any

import tensorflow as tf

from spaces.hyperparameters import Hyperparameters
from trainables.networks.network import Network
from trainables.process.lru import LruCache
from trainables.process.precision import precision_now
from trainables.training.backbone_instance import SHAPE, Trunk
from trainables.training.prepared_network import Prepared, shape_of

MEBIBYTE = 2**20


class _Place:
    """A trunk and the networks prepared on it; one training at a time uses it."""

    def __init__(self, point: Hyperparameters) -> None:
        self.trunk = Trunk(point)
        self._prepared: LruCache[Prepared] = LruCache(16, 256 * MEBIBYTE, Prepared.close)
        self._network: weakref.ref[Network] | None = None

    @property
    def is_taken(self) -> bool:
        """Whether anything still holds the network that was handed out last."""
        return self._network is not None and self._network() is not None

    def take(self, point: Hyperparameters, classes: int, seed: int) -> tuple[Prepared, Network]:
        """The configuration's network, ready to be trained from the start."""
        shape = shape_of(point, classes)
        prepared = self._prepared.get(shape)
        if prepared is None:
            prepared = Prepared(self.trunk, point, classes)
            self._prepared.put(shape, prepared, prepared.size)
        network = prepared.begin(point, seed)
        self._network = weakref.ref(network)
        return prepared, network


_places: LruCache[_Place] = LruCache(4, 512 * MEBIBYTE)


def prepare(point: Hyperparameters, classes: int, seed: int) -> tuple[Prepared, Network]:
    """A configuration's network, ready to be trained from the start, with all that training needs.

    Nothing else changes the network while it is held. Under a strategy it is always built.

    Args:
        point: What to build.
        classes: Number of outputs.
        seed: Of weights, dropout and augmentation.

    Raises:
        InputError: If the network cannot be built, or its weights cannot be had.
    """
    if tf.distribute.has_strategy():
        return _Place(point).take(point, classes, seed)
    key: tuple[Any, ...] = precision_now(), *(getattr(point, name) for name in SHAPE)
    place = _places.get(key)
    if place is None or place.is_taken:
        place = _Place(point)
        _places.put(key, place, place.trunk.size)
    return place.take(point, classes, seed)


def build_pretrained(point: Hyperparameters, classes: int, seed: int = 0) -> Network:
    """A network that nothing else uses: pretrained, its head random.

    Raises:
        InputError: If the network cannot be built, or its weights cannot be had.
    """
    return Prepared(Trunk(point), point, classes).begin(point, seed)


def clear() -> None:
    """Free the memory of all networks."""
    _places.clear()
