"""Where a training begins: random weights and random numbers, from its seed alone.

Keras draws the seeds of initializers from a global state, so that weights would depend on all
that was built before in the process. Here each is drawn from the training's seed and the
variable's name.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import keras


def initialise(layers: Iterable[keras.Layer], seed: int) -> None:
    """Give layers the weights that their initializers draw from a seed.

    Weights without an initializer, which are constants in Keras's layers, are left alone.
    """
    for layer in layers:
        initialise(getattr(layer, "layers", ()), seed)  # of a Sequential, as ConvNeXt has them
        for variable in layer.weights:
            initializer = _initializer(layer, variable.name)
            if initializer is not None:
                seeded = _seeded(initializer, derived_seed(seed, variable.path))
                variable.assign(seeded(variable.shape, variable.dtype))


def reseed(model: keras.Model, seed: int) -> None:
    """Set a model's random number generators, which dropout draws from, to their beginning."""
    generators = [variable for variable in model.variables if is_generator(variable)]
    for number, variable in enumerate(generators):
        variable.assign([derived_seed(seed, f"generator {number}"), 0])


def is_generator(variable: keras.Variable) -> bool:
    """Whether it is the state of a random number generator."""
    return variable.name == "seed_generator_state"


def derived_seed(seed: int, name: str) -> int:
    """A seed of its own for each name."""
    return zlib.crc32(f"{seed}/{name}".encode()) & 0x7FFFFFFF


def _initializer(layer: keras.Layer, weight: str) -> keras.initializers.Initializer | None:
    """The initializer of a weight, by the names that Keras gives the two."""
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
