"""Pretrained weights of any backbone, from wherever the configuration says they are."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import keras
import numpy as np

from spaces.errors import WeightsError
from spaces.hyperparameters import Hyperparameters
from trainables.cache.folder import cache_folder
from trainables.networks.backbones.building import application, own_module
from trainables.weights import packaged
from trainables.weights.torch_file import read_state_dict

TORCHVISION_ADDRESS = "https://download.pytorch.org/models"
TORCHVISION = {"AlexNet": "alexnet-owt-7be5be79.pth", "ResNet18": "resnet18-f37072fd.pth"}
"""Torchvision's files of ImageNet weights; a name ends in the first digits of its SHA-256."""

LayerWeights = Mapping[str, list[np.ndarray]]
"""Weights by layer name, each in the order of that layer's `weights`."""


def load_pretrained(model: keras.Model, point: Hyperparameters) -> None:
    """Set a backbone's weights to those that the configuration names.

    Args:
        model: Pixels to the backbone's features, maybe cut off before its end.
        point: Names backbone and weights. "none" leaves the random ones.

    Raises:
        WeightsError: If the weights are not to be had, or are another network's.
    """
    if point.backbone == "none" or point.weights == "none":
        return
    found = pretrained_weights(point.backbone, point.weights)
    kept = {layer.name for layer in model.layers}
    packaged.apply(model, {name: arrays for name, arrays in found.items() if name in kept})


@lru_cache(maxsize=2)
def pretrained_weights(backbone: str, source: str) -> LayerWeights:
    """Weights of a backbone, read once a process.

    Args:
        backbone: Its name.
        source: "imagenet" or the path of a file: .weights.h5, .keras, .pth, .pt or .safetensors.

    Raises:
        WeightsError: If the weights are not to be had, or are another network's.
    """
    module = own_module(backbone)
    if source != "imagenet" and not Path(source).is_file():
        raise WeightsError(
            f"There are no weights at {source}. Give the path of a file, imagenet, or none."
        )
    if module and Path(source).suffix not in (".h5", ".keras"):
        state = _imagenet_state(backbone) if source == "imagenet" else read_state_dict(source)
        converted: LayerWeights = module.convert(state)
        return converted
    if source == "imagenet":
        return _downloaded(backbone)
    return _from_keras_file(backbone, Path(source))


def _imagenet_state(backbone: str) -> Mapping[str, np.ndarray]:
    if backbone == "EfficientNetLite0":
        return packaged.efficientnet_lite0_state()
    return read_state_dict(_torchvision_file(TORCHVISION[backbone]))


def _torchvision_file(name: str) -> Path:
    """Torchvision's file of weights, from the cache or else from its own address."""
    folder, address = cache_folder() / "weights", f"{TORCHVISION_ADDRESS}/{name}"
    try:
        path = Path(keras.utils.get_file(name, address, cache_dir=folder, cache_subdir="."))
    except Exception as error:  # Keras raises what its download meets, of any type
        raise WeightsError(
            f"{address} could not be downloaded ({error}). Without a network, put the file into "
            f"{folder}, or give its path as weights."
        ) from error
    digest = packaged.sha256(path)
    if not digest.startswith(Path(name).stem.rsplit("-", 1)[-1]):
        raise WeightsError(
            f"{path} has SHA-256 {digest}, which is not that of torchvision's file. Delete it."
        )
    return path


def _downloaded(backbone: str) -> LayerWeights:
    try:
        return _by_layer(application(backbone, None, weights="imagenet"), backbone)
    except Exception as error:  # Keras raises what its download meets, of any type
        raise WeightsError(
            f"The ImageNet weights of {backbone} could not be downloaded ({error}). Without a "
            "network, give the path of a .weights.h5 or .keras file as weights, or take "
            "EfficientNetLite0, whose weights are installed."
        ) from error


def _from_keras_file(backbone: str, path: Path) -> LayerWeights:
    try:
        if path.suffix == ".keras":
            saved = keras.models.load_model(path, compile=False, safe_mode=True)
            return _by_layer(saved, backbone)
        model = _random(backbone)
        model.load_weights(path)
    except (ValueError, OSError, KeyError, TypeError) as error:
        raise WeightsError(
            f"{path} does not hold weights of {backbone}: {error}. Give a file that Keras saved "
            f"from keras.applications.{backbone}(include_top=False)."
        ) from error
    return _by_layer(model, backbone)


def _by_layer(model: keras.Model, backbone: str) -> LayerWeights:
    """The model's weights under the names that the backbone's layers have in a network of ours.

    Keras numbers layers that have no name of their own on from whatever was built before.

    Raises:
        WeightsError: If it has not as many layers as the backbone.
    """
    arrays = [layer.get_weights() for layer in model.layers if layer.weights]
    keras.backend.clear_session()
    names = [layer.name for layer in _random(backbone).layers if layer.weights]
    if len(names) != len(arrays):
        raise WeightsError(
            f"The weights are of {len(arrays)} layers, {backbone} has {len(names)}: they are of "
            "another network."
        )
    return dict(zip(names, arrays, strict=True))


def _random(backbone: str) -> keras.Model:
    module = own_module(backbone)
    if not module:
        return application(backbone, None)
    pixels = keras.Input((224, 224, 3))
    return keras.Model(pixels, module.graph(pixels))
