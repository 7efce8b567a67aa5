"""A configuration as one flat Keras graph, and which of its layers are trained."""

from __future__ import annotations

import gc
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Any

import keras

from spaces.errors import InputError
from spaces.hyperparameters import Hyperparameters
from trainables.networks.backbones.backbone import backbone_features, layer_of
from trainables.networks.dropout import AdjustableDropout
from trainables.networks.head import PREFIX, head
from trainables.networks.initial_weights import is_generator
from trainables.networks.keras_private import number_names_from_zero
from trainables.networks.preprocessing import preprocess
from trainables.networks.weights import copy_weights
from trainables.process.precision import in_precision

PREPROCESSING = "preprocess"
_16_BITS = ("mixed_bfloat16", "mixed_float16", "bfloat16", "float16")


@dataclass(frozen=True)
class Network:
    """Pixels to logits, preprocessing included.

    Attributes:
        point: What it was built from.
        model: Pixels (batch, size, size, 3), 0..255, to logits (batch, classes). Which layers
            are `trainable` changes with the phase.
    """

    point: Hyperparameters
    model: keras.Model

    @property
    def backbone_layers(self) -> list[keras.Layer]:
        """The backbone's layers, input first."""
        return [
            layer
            for layer in self.model.layers
            if not layer.name.startswith((PREFIX, PREPROCESSING, "pixels"))
        ]

    @property
    def head_layers(self) -> list[keras.Layer]:
        """The head's layers, input first."""
        return [layer for layer in self.model.layers if layer.name.startswith(PREFIX)]

    @property
    def weight_layers(self) -> list[keras.Layer]:
        """The backbone's convolutions and dense layers, input first."""
        return [layer for layer in self.backbone_layers if has_kernel(layer)]

    @property
    def boundary(self) -> str:
        """Name of the lowest layer that is trained in this phase."""
        return next(layer.name for layer in self.model.layers if layer.trainable_weights)

    def freeze_backbone(self) -> None:
        """Train only the head."""
        self._train(())

    def thaw(self) -> None:
        """Train everything that the configuration thaws, and the head."""
        layers = self.backbone_layers
        if self.point.boundary_layer is not None:
            start = layers.index(layer_of(layers, self.point.boundary_layer, self.point.backbone))
        elif self.point.unfrozen_depth:
            start = layers.index(self.weight_layers[-self.point.unfrozen_depth])
        else:
            start = len(layers)
        self._train(layers[start:])

    def _train(self, thawed: Sequence[keras.Layer]) -> None:
        backbone = {id(layer) for layer in self.backbone_layers}
        for layer in self.model.layers:
            layer.trainable = id(layer) not in backbone
        for layer in thawed:
            frozen = isinstance(layer, keras.layers.BatchNormalization)
            layer.trainable = not frozen or self.point.batch_norm == "trained"
        if self.point.frozen_part == "dense" and thawed:
            for layer in self.model.layers:
                if isinstance(layer, keras.layers.Dense):
                    layer.trainable = False

    def adjust_dropout(self) -> None:
        """Set the rate of the head's dropout to the configuration's."""
        for layer in self.model.layers:
            if isinstance(layer, AdjustableDropout):
                layer.adjust(self.point.dropout)

    def with_probabilities(self) -> keras.Model:
        """A copy, pixels to probabilities (batch, classes), of layers that Keras itself has.

        It computes in float32, in whatever precision this network does.
        """
        with in_precision("float32"):
            plain = keras.models.clone_model(self.model, clone_function=_plain)
            copy_weights(self.model, plain)
            activation = keras.layers.Activation(self.point.output_activation, name="probabilities")
            return keras.Model(plain.input, activation(plain.output))


def build_inputs(point: Hyperparameters) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """A configuration's graph up to its head: pixels, and the backbone's features of them.

    The backbone has the weights that the configuration names.

    Raises:
        InputError: If the backbone does not have the layers, or does not take images of the size,
            that the configuration names.
        WeightsError: If the weights cannot be had, or are another network's.
    """
    number_names_from_zero()  # checkpoints and boundaries name layers
    gc.collect()  # networks are cycles: few objects that hold much memory
    size = point.image_size
    pixels = keras.Input((size, size, 3), name="pixels")
    inputs = preprocess(pixels, point.preprocessing, point.backbone, point.weights)
    return pixels, backbone_features(inputs, point)


def build_network(
    point: Hyperparameters,
    classes: int,
    inputs: tuple[keras.KerasTensor, keras.KerasTensor] | None = None,
) -> Network:
    """Build a configuration: the backbone with its weights, a random head, thawed as it says.

    Args:
        point: What to build.
        classes: Number of outputs.
        inputs: Result of `build_inputs` for a configuration with the same backbone, to build the
            head on; None calls it.

    Raises:
        InputError: If the network cannot be built.
        WeightsError: If the weights cannot be had, or are another network's.
    """
    pixels, features = inputs or build_inputs(point)
    network = Network(point, keras.Model(pixels, head(features, point, classes)))
    depth = len(network.weight_layers)
    if point.unfrozen_depth > depth:
        whole = "" if point.truncation_layer is None else f" cut after {point.truncation_layer}"
        raise InputError(
            f"unfrozen_depth is {point.unfrozen_depth}, but {point.backbone}{whole} has {depth} "
            "weight layers."
        )
    network.thaw()
    if not network.model.trainable_weights:
        raise InputError(_nothing_is_trained(network))
    return network


def _nothing_is_trained(network: Network) -> str:
    point = network.point
    thawed = f"boundary_layer {point.boundary_layer}"
    mend = "Thaw from a convolution up"
    if point.unfrozen_depth:
        upwards = reversed(network.weight_layers)
        dense = takewhile(lambda layer: isinstance(layer, keras.layers.Dense), upwards)
        thawed = f"unfrozen_depth {point.unfrozen_depth}"
        mend = f"Thaw at least {len(list(dense)) + 1} weight layers"
    return (
        f"With frozen_part dense and {thawed} of {point.backbone} nothing is trained: what is "
        f"thawed has no convolution, and all dense layers stay frozen. {mend}, or set "
        "frozen_part: below."
    )


def kept_weights(network: Network) -> list[keras.Variable]:
    """Variables that training changes in any phase; all others stay as they were loaded.

    Leaves the network thawed.
    """
    network.thaw()
    changing = {id(v) for v in network.model.trainable_variables}
    statistics = [
        layer
        for layer in network.model.layers
        if isinstance(layer, keras.layers.BatchNormalization) and layer.trainable
    ]
    changing |= {id(v) for layer in statistics for v in layer.variables}
    changing |= {id(v) for v in network.model.variables if is_generator(v)}
    changing |= {id(v) for layer in network.head_layers for v in layer.variables}
    return [v for v in network.model.variables if id(v) in changing]


def has_kernel(layer: keras.Layer) -> bool:
    """Whether a layer is a weight layer: a convolution or a dense layer."""
    return any(weight.path.endswith("kernel") for weight in layer.weights)


def _plain(operation: keras.Operation) -> keras.Operation:
    """A copy of a layer, in float32; an operation without state is used again."""
    if isinstance(operation, AdjustableDropout):
        return operation.plain
    if not isinstance(operation, keras.Layer):
        return operation
    return type(operation).from_config(_in_float32(operation.get_config()))


def _in_float32(config: Any) -> Any:
    """A layer's configuration, with those of the layers inside it, without 16 bits."""
    if isinstance(config, dict):
        return {key: _in_float32(value) for key, value in config.items()}
    if isinstance(config, list):
        return [_in_float32(value) for value in config]
    return "float32" if config in _16_BITS else config
