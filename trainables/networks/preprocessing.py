"""From pixels, RGB 0..255, to what a backbone's weights were trained with."""

from __future__ import annotations

import keras

from spaces.backbones import RESCALE_INSIDE, is_keras_file
from spaces.hyperparameters import Preprocessing
from trainables.networks.backbones.own_weights import is_of_torchvision

_IMAGENET_MEAN, _IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
_CHANNEL_MEANS = (123.68, 116.779, 103.939)

_OWN: dict[str, str] = {
    **dict.fromkeys(("EfficientNetLite0", "EfficientNetLite1", "EfficientNetLite2"), "lite"),
    "AlexNet": "torch",
    "ResNet18": "torch",
    **dict.fromkeys(("DINOv2S14", "DINOv2B14"), "torch"),
    **dict.fromkeys(("VGG16", "VGG19", "ResNet50", "ResNet101", "ResNet152"), "caffe"),
    **dict.fromkeys(("DenseNet121", "DenseNet169", "DenseNet201"), "torch"),
}
"""What each backbone was trained with where that is not "signed"."""


def preprocess(
    pixels: keras.KerasTensor, kind: Preprocessing, backbone: str, weights: str = "imagenet"
) -> keras.KerasTensor:
    """Append preprocessing to a graph.

    Args:
        pixels: (batch, height, width, 3), RGB, 0..255.
        kind: As in `Hyperparameters.preprocessing`.
        backbone: Its name, for what "backbone" means.
        weights: As in `Hyperparameters.weights`, likewise.
    """
    name = own_preprocessing(backbone, weights) if kind == "backbone" else kind
    if name == "caffe":
        pixels = keras.ops.flip(pixels, axis=-1)
    scale, offset = _SCALE_AND_OFFSET[name]
    # Of augmented pixels, 16 bits would drop the fractions.
    return keras.layers.Rescaling(scale, offset, dtype="float32", name="preprocess")(pixels)


def own_preprocessing(backbone: str, weights: str = "imagenet") -> str:
    """The preprocessing that a backbone's weights were trained with.

    Of a ViT, timm's weights were trained with -1..1, and torchvision's with ImageNet's mean.
    """
    if backbone == "none" or backbone.startswith(RESCALE_INSIDE) or is_keras_file(backbone):
        return "none"
    if backbone.startswith("ViT") and is_of_torchvision(backbone, weights):
        return "torch"
    return _OWN.get(backbone, "signed")


def _standardized(
    mean: tuple[float, ...], deviation: tuple[float, ...]
) -> tuple[list[float], list[float]]:
    """Scale and offset that subtract a mean and divide by a deviation, both of 0..255."""
    scale = [1 / d for d in deviation]
    return scale, [-m / d for m, d in zip(mean, deviation, strict=True)]


_SCALE_AND_OFFSET = {
    "none": (1.0, 0.0),
    "unit": (1 / 255, 0.0),
    "signed": (1 / 127.5, -1.0),
    "lite": (1 / 128, -127 / 128),
    "channel_means": _standardized(_CHANNEL_MEANS, (1, 1, 1)),
    "caffe": _standardized(_CHANNEL_MEANS[::-1], (1, 1, 1)),
    "torch": _standardized(
        tuple(255 * m for m in _IMAGENET_MEAN), tuple(255 * d for d in _IMAGENET_DEVIATION)
    ),
}
