"""AlexNet after torchvision, as one flat graph, 7 layers with weights.

Starts from the numbers that PyTorch would draw: training from scratch depends on them.

Source: Krizhevsky 2014, https://arxiv.org/abs/1404.5997; torchvision/models/alexnet.py (topology,
names of weights); torch/nn/modules/conv.py and linear.py (initial values).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras

from spaces.errors import InputError
from trainables.weights.torch_layout import TorchLayer, TorchNetwork

_WIDTH = 4096
_GRID = 6
_SMALLEST, _LARGEST = 223, 254

# name, PyTorch's key, input and output channels, kernel, stride, whether a pooling follows
_CONVOLUTIONS = (
    ("conv1", "features.0", 3, 64, 11, 4, True),
    ("conv2", "features.3", 64, 192, 5, 1, True),
    ("conv3", "features.6", 192, 384, 3, 1, False),
    ("conv4", "features.8", 384, 256, 3, 1, False),
    ("conv5", "features.10", 256, 256, 3, 1, True),
)


def graph(inputs: keras.KerasTensor) -> keras.KerasTensor:
    """Builds the network up to the activation of the second dense layer.

    Args:
        inputs: RGB, ImageNet's mean and deviation taken off, float32 (batch, h, w, 3), with both
            sides from 223 to 254 pixels.

    Returns:
        Features, (batch, 4096).

    Raises:
        InputError: At another size torchvision's adaptive pooling would not be the identity.
    """
    _check_size(inputs.shape)
    x = inputs
    for name, _, channels, filters, kernel, stride, pooled in _CONVOLUTIONS:
        if stride > 1:
            # 'same' would pad for the stride, and unevenly; PyTorch pads by 2 on all four sides.
            x = keras.layers.ZeroPadding2D(2, name=f"{name}_pad")(x)
        x = keras.layers.Conv2D(
            filters,
            kernel,
            strides=stride,
            padding="valid" if stride > 1 else "same",
            name=name,
            **_initializers(channels * kernel**2),
        )(x)
        x = keras.layers.ReLU(name=f"{name}_relu")(x)
        if pooled:
            x = keras.layers.MaxPooling2D(3, strides=2, name=f"{name}_pool")(x)
    x = keras.layers.Flatten(name="conv5_flatten")(x)
    x = _dense(x, "fc6")
    return _dense(x, "fc7")


def _dense(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    x = keras.layers.Dropout(0.5, name=f"{name}_dropout")(x)
    x = keras.layers.Dense(_WIDTH, name=name, **_initializers(x.shape[-1]))(x)
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def _initializers(fan_in: int) -> dict[str, Any]:
    """PyTorch's default: kernel and bias uniform within 1 / sqrt(fan_in) of zero."""
    bound = fan_in**-0.5
    return {
        "kernel_initializer": keras.initializers.RandomUniform(-bound, bound),
        "bias_initializer": keras.initializers.RandomUniform(-bound, bound),
    }


def _check_size(shape: tuple[int | None, ...]) -> None:
    sides = shape[1:3]
    if any(side is None or not _SMALLEST <= side <= _LARGEST for side in sides):
        raise InputError(
            f"AlexNet cannot take images of {sides[0]} x {sides[1]} pixels: both sides must be "
            f"from {_SMALLEST} to {_LARGEST}, which leave a grid of {_GRID} x {_GRID} before its "
            "dense layers; set the image size to 224"
        )


def _torch_layers() -> Iterator[TorchLayer]:
    for name, key, channels, filters, kernel, _, _ in _CONVOLUTIONS:
        shape = (filters, channels, kernel, kernel)
        yield TorchLayer(name, key, "convolution", shape, bias=True)
    shape = (_WIDTH, 256, _GRID, _GRID)
    yield TorchLayer("fc6", "classifier.1", "flattened_dense", shape, bias=True)
    yield TorchLayer("fc7", "classifier.4", "dense", (_WIDTH, _WIDTH), bias=True)


_TORCH = TorchNetwork("AlexNet", tuple(_torch_layers()), "classifier.6", _WIDTH)
convert, classifier = _TORCH.convert, _TORCH.classifier
