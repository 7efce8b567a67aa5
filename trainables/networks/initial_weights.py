"""Initial weights and random number generators of a training, from its seed alone.

Keras seeds initializers from a global state, so weights would depend on everything that the process
built before. Here each weight is drawn from the training's seed and the variable's path.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import keras


def initialise(layers: Iterable[keras.Layer], seed: int) -> None:
    """Draw the weights of layers by their initializers, from a seed.

    Weights without an initializer, which are constants in Keras's layers, keep their values.
    """
    for layer in layers:
        initialise(getattr(layer, "layers", ()), seed)  # of a Sequential, as ConvNeXt has them
        for variable in layer.weights:
            initializer = _initializer(layer, variable.name)
            if initializer is not None:
                seeded = _seeded(initializer, derived_seed(seed, variable.path))
                variable.assign(seeded(variable.shape, variable.dtype))


def reseed(model: keras.Model, seed: int) -> None:
    """Reset a model's random number generators, which dropout draws from."""
    generators = [variable for variable in model.variables if is_generator(variable)]
    for number, variable in enumerate(generators):
        variable.assign([derived_seed(seed, f"generator {number}"), 0])


def is_generator(variable: keras.Variable) -> bool:
    """Whether a variable is the state of a random number generator."""
    return variable.name == "seed_generator_state"


def derived_seed(seed: int, name: str) -> int:
    """A seed of its own for each name."""
    return zlib.crc32(f"{seed}/{name}".encode()) & 0x7FFFFFFF


def _initializer(layer: keras.Layer, weight: str) -> keras.initializers.Initializer | None:
    """The initializer of a weight, found by Keras's names for both."""
    is_depthwise = isinstance(layer, keras.layers.DepthwiseConv2D) and weight == "kernel"
    name = "depthwise" if is_depthwise else weight
    for attribute in (f"{name}_initializer", f"{name.removesuffix('_kernel')}_initializer"):
        if hasattr(layer, attribute):
            return getattr(layer, attribute)
    return None


def _seeded(
    initializer: keras.initializers.Initializer, seed: int
) -> keras.initializers.Initializer:
    config = initializer.get_config()
    if "seed" not in config:
        return initializer
    return type(initializer).from_config(config | {"seed": seed})
