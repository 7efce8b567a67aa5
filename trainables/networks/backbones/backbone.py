"""Any backbone by name, with its weights, as part of a flat graph."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast

import keras
import numpy as np

from spaces.backbones import is_keras_file
from spaces.errors import InputError, WeightsError
from spaces.hyperparameters import Hyperparameters
from trainables.networks.backbones import keras_applications, keras_file
from trainables.networks.backbones.own_weights import load_weights

_OWN = {
    **dict.fromkeys(
        ("EfficientNetLite0", "EfficientNetLite1", "EfficientNetLite2"), "efficientnet_lite"
    ),
    "AlexNet": "alexnet",
    "ResNet18": "resnet18",
    **dict.fromkeys(("ViTS16", "ViTB16", "DINOv2S14", "DINOv2B14"), "vision_transformer"),
}
"""Backbones that Keras does not have, and the module here that builds each."""


class OwnBackbone(Protocol):
    """A backbone that Keras does not have: a module here, or one of a module's variants."""

    graph: Callable[[keras.KerasTensor], keras.KerasTensor]
    convert: Callable[[Mapping[str, np.ndarray]], dict[str, list[np.ndarray]]]
    classifier: Callable[[Mapping[str, np.ndarray]], list[np.ndarray]]


def own_backbone(backbone: str, image_size: int | None = None) -> OwnBackbone | None:
    """What builds a backbone here, or None where Keras has it.

    Args:
        backbone: Its name.
        image_size: Side of the images, where its weights depend on it; None: that of its weights.
    """
    if backbone not in _OWN:
        return None
    module = importlib.import_module(f"trainables.networks.backbones.{_OWN[backbone]}")
    variants: Mapping[str, OwnBackbone] = getattr(module, "VARIANTS", {})
    own = variants.get(backbone, cast("OwnBackbone", module))
    if image_size is not None and hasattr(own, "at"):
        sized: OwnBackbone = own.at(image_size)
        return sized
    return own


def backbone_features(inputs: keras.KerasTensor, point: Hyperparameters) -> keras.KerasTensor:
    """Append a backbone, with the weights that a configuration names, to a graph.

    Args:
        inputs: (batch, height, width, 3), preprocessed.
        point: Which backbone and weights, and where it is cut off.

    Raises:
        InputError: If the backbone has no layer `point.truncation_layer`, or does not take
            images of this size.
        WeightsError: If the weights cannot be had, or are another network's.
    """
    if point.backbone == "none":
        return inputs
    if point.weights not in ("imagenet", "none") and not Path(point.weights).is_file():
        raise WeightsError(
            f"There are no weights at {point.weights}. Give the path of a file, imagenet, or none."
        )
    features = _whole(inputs, point)
    if point.truncation_layer is None:
        return features
    return layer_of(
        keras.Model(inputs, features).layers, point.truncation_layer, point.backbone
    ).output


def _whole(inputs: keras.KerasTensor, point: Hyperparameters) -> keras.KerasTensor:
    if is_keras_file(point.backbone):
        return keras_file.features_of(inputs, point.backbone)
    own = own_backbone(point.backbone, point.image_size)
    if own is None:
        return keras_applications.features_of(inputs, point.backbone, point.weights)
    features: keras.KerasTensor = own.graph(inputs)
    if point.weights != "none":
        whole = keras.Model(keras.utils.get_source_inputs(inputs), features)
        load_weights(whole, own.convert, point.backbone, point.weights)
    return features


def layer_of(layers: Sequence[keras.Layer], name: str, backbone: str) -> keras.Layer:
    """A backbone's layer by its name.

    Raises:
        InputError: If there is none.
    """
    for layer in layers:
        if layer.name == name:
            return layer
    last = ", ".join(layer.name for layer in layers[-8:])
    raise InputError(f"{backbone} has no layer {name!r}. Its last layers are {last}.")
