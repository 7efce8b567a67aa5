"""ResNet-18 after torchvision, as one flat graph, 20 convolutions.

Source: He et al. 2015, https://arxiv.org/abs/1512.03385; torchvision/models/resnet.py (topology,
names of weights, initial values).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import keras

from trainables.weights.torch_layout import TorchLayer, TorchNetwork

_STEM = 64
_STAGES = ((64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2))  # input, output, first stride
_BLOCKS_A_STAGE = 2


@dataclass(frozen=True)
class _Block:
    """One residual block of two 3 x 3 convolutions."""

    name: str
    key: str
    channels: int
    filters: int
    stride: int

    @property
    def projects(self) -> bool:
        """Whether the shortcut needs a convolution to have the shape of the sum."""
        return self.stride > 1 or self.channels != self.filters


def _blocks() -> Iterator[_Block]:
    for stage, (channels, filters, stride) in enumerate(_STAGES, start=1):
        yield _Block(f"layer{stage}_0", f"layer{stage}.0", channels, filters, stride)
        for number in range(1, _BLOCKS_A_STAGE):
            yield _Block(f"layer{stage}_{number}", f"layer{stage}.{number}", filters, filters, 1)


def graph(inputs: keras.KerasTensor) -> keras.KerasTensor:
    """Builds the network up to the activation of the last residual block.

    Args:
        inputs: RGB, ImageNet's mean and deviation taken off, float32 (batch, h, w, 3).

    Returns:
        Features before pooling, (batch, ceil(h / 32), ceil(w / 32), 512).
    """
    x = _relu(_convolution(inputs, _STEM, 7, 2, "conv1", "bn1"), "conv1")
    # PyTorch pads with minus infinity; after a ReLU nothing is below zero, so zeros do the same.
    x = keras.layers.ZeroPadding2D(1, name="maxpool_pad")(x)
    x = keras.layers.MaxPooling2D(3, strides=2, name="maxpool")(x)
    for block in _blocks():
        x = _residual(x, block)
    return x


def _residual(x: keras.KerasTensor, block: _Block) -> keras.KerasTensor:
    name, shortcut = block.name, x
    if block.projects:
        shortcut = _convolution(
            x, block.filters, 1, block.stride, f"{name}_downsample_conv", f"{name}_downsample_bn"
        )
    x = _convolution(x, block.filters, 3, block.stride, f"{name}_conv1", f"{name}_bn1")
    x = _relu(x, f"{name}_conv1")
    x = _convolution(x, block.filters, 3, 1, f"{name}_conv2", f"{name}_bn2")
    return _relu(keras.layers.Add(name=f"{name}_add")([x, shortcut]), name)


def _convolution(
    x: keras.KerasTensor, filters: int, kernel: int, stride: int, name: str, norm: str
) -> keras.KerasTensor:
    """A convolution padded on all sides by half its kernel, and a batch norm."""
    padding = "same"
    if stride > 1:
        # 'same' pads even sizes unevenly when there is a stride; PyTorch always pads evenly.
        padding = "valid"
        if kernel > 1:
            x = keras.layers.ZeroPadding2D(kernel // 2, name=f"{name}_pad")(x)
    x = keras.layers.Conv2D(
        filters,
        kernel,
        strides=stride,
        padding=padding,
        use_bias=False,
        kernel_initializer=keras.initializers.VarianceScaling(
            2.0, mode="fan_out", distribution="untruncated_normal"
        ),
        name=name,
    )(x)
    # PyTorch's momentum 0.1 is the weight of what is new, Keras's of what is old.
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5, name=norm)(x)


def _relu(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return keras.layers.ReLU(name=f"{name}_relu")(x)


def _torch_layers() -> Iterator[TorchLayer]:
    yield from _pair("conv1", "conv1", "bn1", "bn1", (_STEM, 3, 7, 7))
    for b in _blocks():
        for number, channels in ((1, b.channels), (2, b.filters)):
            conv, norm, shape = f"conv{number}", f"bn{number}", (b.filters, channels, 3, 3)
            yield from _pair(
                f"{b.name}_{conv}", f"{b.key}.{conv}", f"{b.name}_{norm}", f"{b.key}.{norm}", shape
            )
        if b.projects:
            name, key = f"{b.name}_downsample", f"{b.key}.downsample"
            shape = (b.filters, b.channels, 1, 1)
            yield from _pair(f"{name}_conv", f"{key}.0", f"{name}_bn", f"{key}.1", shape)


def _pair(
    name: str, key: str, norm_name: str, norm_key: str, shape: tuple[int, int, int, int]
) -> Iterator[TorchLayer]:
    """A convolution and the batch norm behind it."""
    yield TorchLayer(name, key, "convolution", shape)
    yield TorchLayer(norm_name, norm_key, "batch_norm", shape[:1])


_TORCH = TorchNetwork("ResNet18", tuple(_torch_layers()), "fc", _STAGES[-1][1])
convert, classifier = _TORCH.convert, _TORCH.classifier
