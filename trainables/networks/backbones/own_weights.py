"""Weights of the backbones that Keras does not have: installed, downloaded, or a person's file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

import keras
import numpy as np

from spaces.errors import WeightsError
from trainables.cache.folder import cache_folder
from trainables.networks.weights import copy_weights
from trainables.weights import packaged
from trainables.weights.torch_file import read_state_dict
from trainables.weights.vit_layouts import layout_of

TORCHVISION_ADDRESS = "https://download.pytorch.org/models"
TORCHVISION = {
    "AlexNet": "alexnet-owt-7be5be79.pth",
    "ResNet18": "resnet18-f37072fd.pth",
    "ViTB16": "vit_b_16-c867db91.pth",
}
"""Torchvision's files of ImageNet weights; a name ends in the first digits of its SHA-256."""

Convert = Callable[[Mapping[str, np.ndarray]], Mapping[str, list[np.ndarray]]]


def load_weights(model: keras.Model, convert: Convert, backbone: str, weights: str) -> None:
    """Give a backbone of our own its pretrained weights.

    Args:
        model: The whole backbone.
        convert: Converts PyTorch's state dict into weights of its layers.
        backbone: Its name.
        weights: "imagenet", or the path of a file: .weights.h5, .keras, .pth, .pt or .safetensors.

    Raises:
        WeightsError: If the weights cannot be had, or are another network's.
    """
    if Path(weights).suffix in (".h5", ".keras"):
        _load_keras_file(model, backbone, weights)
    else:
        packaged.apply(model, convert(_state(backbone, weights)))


def is_of_torchvision(backbone: str, weights: str) -> bool:
    """Whether a Vision Transformer's weights are torchvision's, whatever they are a file of."""
    if weights == "imagenet":
        return backbone in TORCHVISION
    if (
        weights == "none"
        or not Path(weights).is_file()
        or Path(weights).suffix in (".h5", ".keras")
    ):
        return False
    return layout_of(_state(backbone, weights)) == "torchvision"


@lru_cache(maxsize=2)
def _state(backbone: str, weights: str) -> Mapping[str, np.ndarray]:
    """PyTorch's state dict, read once a process."""
    if weights != "imagenet":
        return read_state_dict(weights)
    if backbone in packaged.PACKAGES:
        return packaged.packaged_state(backbone)
    packaged.check_download(backbone)
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


def _load_keras_file(model: keras.Model, backbone: str, path: str) -> None:
    try:
        if Path(path).suffix == ".keras":
            copy_weights(keras.models.load_model(path, compile=False, safe_mode=True), model)
        else:
            model.load_weights(path)
    except Exception as error:  # Keras's readers promise no type
        raise WeightsError(
            f"{path} does not hold weights of {backbone}: {' '.join(str(error).split())} Give a "
            f"file that Keras saved from the same network."
        ) from error
