"""EfficientNet-Lite0, Lite1 and Lite2 as flat graphs, 49, 64 and 64 layers with weights.

EfficientNet-B0 to B2 without squeeze-and-excitation and with ReLU6. Lite's scaling rule leaves the
stem (32), the head (1280) and the repeats of the first and last stage as they are.

Source: Tan and Le 2019, https://arxiv.org/abs/1905.11946; the Lite variants of
https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite; names of weights
as in the PyPI package efficientnet-lite-pytorch 0.1.0.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import keras
import numpy as np

from trainables.weights.torch_layout import TorchLayer, TorchNetwork

_STEM = 32
_HEAD = 1280

# repeats, kernel, first stride, expansion, input and output channels: table 1 of the paper
_STAGES = (
    (1, 3, 1, 1, 32, 16),
    (2, 3, 2, 6, 16, 24),
    (2, 5, 2, 6, 24, 40),
    (3, 3, 2, 6, 40, 80),
    (3, 5, 1, 6, 80, 112),
    (4, 5, 2, 6, 112, 192),
    (1, 3, 1, 6, 192, 320),
)


@dataclass(frozen=True)
class _Block:
    """One inverted residual block."""

    name: str
    key: str
    kernel: int
    stride: int
    narrow: int
    wide: int
    out: int


@dataclass(frozen=True)
class Variant:
    """One size of EfficientNet-Lite.

    Attributes:
        name: Its name in `spaces.backbones.BACKBONES`.
        width: Factor of the channels, rounded to multiples of 8.
        depth: Factor of the repeats of all stages but the first and the last, rounded up.
    """

    name: str
    width: float
    depth: float

    def graph(self, inputs: keras.KerasTensor) -> keras.KerasTensor:
        """Builds the network up to its last activation.

        Args:
            inputs: RGB scaled by mean 127/255 and deviation 128/255, float32 (batch, s, s, 3).

        Returns:
            Features before pooling, (batch, ceil(s / 32), ceil(s / 32), 1280).
        """
        x = _convolution(inputs, _STEM, 3, 2, "stem")
        for block in self._blocks():
            x = _residual(x, block)
        return _convolution(x, _HEAD, 1, 1, "head")

    def convert(self, state: Mapping[str, np.ndarray]) -> dict[str, list[np.ndarray]]:
        """See `TorchNetwork.convert`."""
        return self._torch.convert(state)

    def classifier(self, state: Mapping[str, np.ndarray]) -> list[np.ndarray]:
        """See `TorchNetwork.classifier`."""
        return self._torch.classifier(state)

    @cached_property
    def _torch(self) -> TorchNetwork:
        layers = tuple(_torch_layers(list(self._blocks())))
        return TorchNetwork(self.name, layers, "_fc", _HEAD)

    def _blocks(self) -> Iterator[_Block]:
        number = 0
        for stage, (repeats, kernel, stride, expansion, first, out) in enumerate(_STAGES):
            is_scaled = 0 < stage < len(_STAGES) - 1
            start = first if stage == 0 else self._channels(first)
            for repeat in range(math.ceil(repeats * self.depth) if is_scaled else repeats):
                narrow = self._channels(out) if repeat else start
                yield _Block(
                    name=f"block{number}",
                    key=f"_blocks.{number}",
                    kernel=kernel,
                    stride=1 if repeat else stride,
                    narrow=narrow,
                    wide=narrow * expansion,
                    out=self._channels(out),
                )
                number += 1

    def _channels(self, channels: int) -> int:
        """The nearest multiple of 8, but not less than nine tenths."""
        scaled = channels * self.width
        rounded = max(8, int(scaled + 4) // 8 * 8)
        return rounded + 8 if rounded < 0.9 * scaled else rounded


def _residual(x: keras.KerasTensor, block: _Block) -> keras.KerasTensor:
    shortcut = x
    if block.wide != block.narrow:
        x = _convolution(x, block.wide, 1, 1, f"{block.name}_expand")
    x = keras.layers.DepthwiseConv2D(
        block.kernel,
        strides=block.stride,
        padding="same",
        use_bias=False,
        name=f"{block.name}_depthwise_conv",
    )(x)
    x = _relu6(_batch_norm(x, f"{block.name}_depthwise"), f"{block.name}_depthwise")
    x = keras.layers.Conv2D(block.out, 1, use_bias=False, name=f"{block.name}_project_conv")(x)
    x = _batch_norm(x, f"{block.name}_project")
    if block.stride == 1 and block.narrow == block.out:
        x = keras.layers.Add(name=f"{block.name}_add")([x, shortcut])
    return x


def _convolution(
    x: keras.KerasTensor, filters: int, kernel: int, stride: int, name: str
) -> keras.KerasTensor:
    x = keras.layers.Conv2D(
        filters, kernel, strides=stride, padding="same", use_bias=False, name=f"{name}_conv"
    )(x)
    return _relu6(_batch_norm(x, name), name)


def _batch_norm(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return keras.layers.BatchNormalization(momentum=0.99, epsilon=1e-3, name=f"{name}_bn")(x)


def _relu6(x: keras.KerasTensor, name: str) -> keras.KerasTensor:
    return keras.layers.ReLU(max_value=6.0, name=f"{name}_relu")(x)


def _torch_layers(blocks: Sequence[_Block]) -> Iterator[TorchLayer]:
    yield TorchLayer("stem_conv", "_conv_stem", "convolution", (_STEM, 3, 3, 3))
    yield TorchLayer("stem_bn", "_bn0", "batch_norm", (_STEM,))
    for b in blocks:
        if b.wide != b.narrow:
            shape: tuple[int, ...] = (b.wide, b.narrow, 1, 1)
            yield TorchLayer(f"{b.name}_expand_conv", f"{b.key}._expand_conv", "convolution", shape)
            yield TorchLayer(f"{b.name}_expand_bn", f"{b.key}._bn0", "batch_norm", (b.wide,))
        shape = (b.wide, 1, b.kernel, b.kernel)
        yield TorchLayer(f"{b.name}_depthwise_conv", f"{b.key}._depthwise_conv", "depthwise", shape)
        yield TorchLayer(f"{b.name}_depthwise_bn", f"{b.key}._bn1", "batch_norm", (b.wide,))
        shape = (b.out, b.wide, 1, 1)
        yield TorchLayer(f"{b.name}_project_conv", f"{b.key}._project_conv", "convolution", shape)
        yield TorchLayer(f"{b.name}_project_bn", f"{b.key}._bn2", "batch_norm", (b.out,))
    yield TorchLayer("head_conv", "_conv_head", "convolution", (_HEAD, blocks[-1].out, 1, 1))
    yield TorchLayer("head_bn", "_bn1", "batch_norm", (_HEAD,))


VARIANTS = {
    variant.name: variant
    for variant in (
        Variant("EfficientNetLite0", 1.0, 1.0),
        Variant("EfficientNetLite1", 1.0, 1.1),
        Variant("EfficientNetLite2", 1.1, 1.2),
    )
}
"""The variants whose weights are packaged, by name."""
