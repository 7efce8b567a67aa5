"""Any backbone by name, as part of a flat graph."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from types import ModuleType
from typing import Any

import keras

from spaces.errors import InputError
from spaces.hyperparameters import Hyperparameters

_OWN = {"EfficientNetLite0": "efficientnet_lite", "AlexNet": "alexnet", "ResNet18": "resnet18"}
"""Backbones that Keras does not have, and the module here that builds each."""


def own_module(backbone: str) -> ModuleType | None:
    """The module here that builds a backbone, or None where Keras has it."""
    if backbone not in _OWN:
        return None
    return importlib.import_module(f"trainables.networks.backbones.{_OWN[backbone]}")


def backbone_features(inputs: keras.KerasTensor, point: Hyperparameters) -> keras.KerasTensor:
    """Append a backbone, its weights random, to a graph.

    Args:
        inputs: (batch, height, width, 3), preprocessed.
        point: Which backbone, and where it is cut off.

    Raises:
        InputError: If the backbone has no layer `point.truncation_layer`, or does not take
            images of this size.
    """
    if point.backbone == "none":
        return inputs
    module = own_module(point.backbone)
    features = module.graph(inputs) if module else application(point.backbone, inputs).output
    if point.truncation_layer is None:
        return features
    return layer_of(
        keras.Model(inputs, features).layers, point.truncation_layer, point.backbone
    ).output


def application(backbone: str, inputs: keras.KerasTensor | None, **options: Any) -> keras.Model:
    """One of Keras's applications without its classifier; random unless `weights` is given.

    Raises:
        InputError: If it does not take images of this size.
    """
    shape = None if inputs is None else tuple(inputs.shape[1:])
    build = getattr(keras.applications, backbone)
    try:
        return build(
            include_top=False, input_tensor=inputs, input_shape=shape, **{"weights": None} | options
        )
    except ValueError as error:
        raise InputError(f"{backbone} cannot be built for images of {shape}: {error}") from error


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
