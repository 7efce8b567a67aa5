"""A configuration as one flat Keras graph, and which of its layers are trained."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import keras

from spaces.errors import InputError
from spaces.hyperparameters import Hyperparameters
from trainables.backbones.building import backbone_features, layer_of
from trainables.head import PREFIX, head
from trainables.preprocessing import preprocess

PREPROCESSING = "preprocess"


@dataclass(frozen=True)
class Network:
    """Pixels to probabilities, preprocessing included.

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
    def weight_layers(self) -> list[keras.Layer]:
        """The backbone's convolutions and dense layers, input first."""
        return [layer for layer in self.backbone_layers if _has_kernel(layer)]

    @property
    def boundary(self) -> str:
        """Name of the lowest layer that is trained in this phase; nothing below it is."""
        return next(layer.name for layer in self.model.layers if layer.trainable_weights)

    def freeze_backbone(self) -> None:
        """Train the head alone."""
        self._train(())

    def thaw(self) -> None:
        """Train all that the configuration says."""
        layers = self.backbone_layers
        if self.point.boundary_layer is not None:
            start = layers.index(layer_of(layers, self.point.boundary_layer, self.point.backbone))
        elif self.point.unfrozen_depth:
            start = layers.index(self.weight_layers[-self.point.unfrozen_depth])
        else:
            start = len(layers)
        self._train(layers[start:])

    def _train(self, thawed: Sequence[keras.Layer]) -> None:
        backbone = self.backbone_layers
        for layer in self.model.layers:
            layer.trainable = layer not in backbone
        for layer in thawed:
            frozen = isinstance(layer, keras.layers.BatchNormalization)
            layer.trainable = not frozen or self.point.batch_norm == "trained"
        if self.point.frozen_part == "dense" and thawed:
            for layer in self.model.layers:
                if isinstance(layer, keras.layers.Dense):
                    layer.trainable = False

    def with_probabilities(self) -> keras.Model:
        """Pixels to probabilities (batch, classes), sharing all weights with `model`."""
        activation = keras.layers.Activation(self.point.output_activation, name="probabilities")
        return keras.Model(self.model.input, activation(self.model.output))


def build_network(point: Hyperparameters, classes: int) -> Network:
    """Build a configuration with random weights, thawed as it says.

    Raises:
        InputError: If the backbone has not the layers, or not the size, that are asked for.
    """
    keras.backend.clear_session()
    size = point.image_size
    pixels = keras.Input((size, size, 3), name="pixels")
    inputs = preprocess(pixels, point.preprocessing, point.backbone)
    logits = head(backbone_features(inputs, point), point, classes)
    network = Network(point, keras.Model(pixels, logits))
    depth = len(network.weight_layers)
    if point.unfrozen_depth > depth:
        raise InputError(
            f"unfrozen_depth is {point.unfrozen_depth}, but {point.backbone} cut after "
            f"{point.truncation_layer} has {depth} weight layers."
        )
    network.thaw()
    return network


def _has_kernel(layer: keras.Layer) -> bool:
    return any(weight.path.endswith("kernel") for weight in layer.weights)
