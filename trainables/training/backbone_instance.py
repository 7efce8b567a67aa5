"""A backbone with its weights, shared by the heads of one trial after another."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import keras

from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import FeatureDtype
from trainables.datasets.rows.images import Images
from trainables.features.in_memory import Examples, examples_at
from trainables.networks.cut import Cut
from trainables.networks.initial_weights import initialise
from trainables.networks.keras_private import Node, nodes
from trainables.networks.network import build_inputs

SHAPE = ("backbone", "weights", "image_size", "preprocessing", "truncation_layer")
"""Hyperparameters that a trunk depends on."""


class Trunk:
    """A network without its head.

    Attributes:
        inputs: Pixels and their features, as `build_network` takes them.
        layers: Layers between the two, input first.
        flags: Identifies the present state of the layers' `trainable`.

    Args:
        point: Describes it, by the hyperparameters of `SHAPE`.

    Raises:
        InputError: If it cannot be built, or its weights cannot be had.
    """

    def __init__(self, point: Hyperparameters) -> None:
        self.inputs = build_inputs(point)
        model = keras.Model(*self.inputs)
        self.layers: list[keras.Layer] = model.layers
        self.flags: Any = None
        self._operations = model.operations
        self._is_random = "none" in (point.backbone, point.weights)
        self._seed: int | None = None
        self._lent: list[tuple[keras.Variable, Any]] = []
        self._examples: dict[Any, tuple[weakref.ref[Any], Examples]] = {}

    @property
    def size(self) -> int:
        """Bytes of its weights."""
        return sum(4 * int(weight.value.shape.num_elements()) for weight in self.weights)

    @property
    def weights(self) -> list[keras.Variable]:
        """All weights."""
        return [weight for layer in self.layers for weight in layer.weights]

    def begin(self, seed: int, changing: Iterable[keras.Variable]) -> None:
        """Restore the weights that it was built with, whatever has been trained on it since.

        Args:
            seed: Of random weights, where none are pretrained.
            changing: Variables that the next training may change.
        """
        for variable, value in self._lent:
            variable.assign(value)
        if self._is_random and (self._lent or seed != self._seed):
            initialise(self.layers, seed)
        self._seed = seed
        mine = {id(weight) for weight in self.weights}
        # The value read shares the variable's memory until the variable is written to.
        self._lent = [(v, v.value.read_value()) for v in changing if id(v) in mine]

    def examples_at(self, cut: Cut, images: Images, dtype: FeatureDtype = "float32") -> Examples:
        """Inputs of the part above a cut for these images, from memory where they still are.

        Args:
            cut: Nothing below it changes in training.
            images: One set.
            dtype: What features are stored as.
        """
        seed = self._seed if self._is_random else None
        key = (cut.name, cut.below is None, images.fingerprint, seed, dtype)
        inputs, kept = self._examples.get(key, (lambda: None, None))
        if (found := inputs()) is not None and kept is not None:
            return replace(kept, inputs=found)
        if self._is_random and cut.below is not None:
            # Other random weights below than for the last seed: a different network to the store.
            below = keras.Model(cut.below.input, cut.below.output)
            cut = Cut(cut.name, below, cut.above)
        examples = examples_at(cut, images, dtype)
        self._examples = {k: v for k, v in self._examples.items() if v[0]() is not None}
        without = replace(examples, inputs=None)
        self._examples[key] = weakref.ref(examples.inputs), without
        return examples

    @contextmanager
    def noting(self, noted: list[Node]) -> Iterator[None]:
        """Note the nodes by which graphs built in this context are attached to its layers."""
        before = {id(node) for _, node in self._nodes()}
        yield
        noted += [(listed, node) for listed, node in self._nodes() if id(node) not in before]

    def _nodes(self) -> list[Node]:
        return [pair for operation in self._operations for pair in nodes(operation)]


def forget(noted: Sequence[Node]) -> None:
    """Remove nodes from their lists, so that the graphs they belong to can be freed."""
    for listed, node in noted:
        listed.remove(node)
