"""The backbones by name, with the number of weight layers that can be thawed in each."""

from __future__ import annotations

BACKBONES: dict[str, int] = {
    "EfficientNetLite0": 49,
    "EfficientNetLite1": 64,
    "EfficientNetLite2": 64,
    "AlexNet": 7,
    "ResNet18": 20,
    "ViTS16": 49,
    "ViTB16": 49,
    "DINOv2S14": 49,
    "DINOv2B14": 49,
    "ConvNeXtBase": 112,
    "ConvNeXtLarge": 112,
    "ConvNeXtSmall": 112,
    "ConvNeXtTiny": 58,
    "ConvNeXtXLarge": 112,
    "DenseNet121": 120,
    "DenseNet169": 168,
    "DenseNet201": 200,
    "EfficientNetB0": 81,
    "EfficientNetB1": 115,
    "EfficientNetB2": 115,
    "EfficientNetB3": 130,
    "EfficientNetB4": 160,
    "EfficientNetB5": 194,
    "EfficientNetB6": 224,
    "EfficientNetB7": 273,
    "EfficientNetV2B0": 91,
    "EfficientNetV2B1": 111,
    "EfficientNetV2B2": 116,
    "EfficientNetV2B3": 136,
    "EfficientNetV2L": 339,
    "EfficientNetV2M": 245,
    "EfficientNetV2S": 170,
    "InceptionResNetV2": 244,
    "InceptionV3": 94,
    "MobileNet": 27,
    "MobileNetV2": 52,
    "MobileNetV3Large": 62,
    "MobileNetV3Small": 52,
    "NASNetLarge": 268,
    "NASNetMobile": 196,
    "ResNet101": 104,
    "ResNet101V2": 104,
    "ResNet152": 155,
    "ResNet152V2": 155,
    "ResNet50": 53,
    "ResNet50V2": 53,
    "VGG16": 13,
    "VGG19": 16,
    "Xception": 40,
}
"""Number of weight layers (convolutions and dense layers, without the classifier) per backbone.

`trainables.networks.backbones` builds the first nine; all others come from Keras. A Vision
Transformer has four in each block. ConvNeXt's stem
and its three downsamplings are Sequentials, each of which counts as one weight layer.
"""


def is_keras_file(backbone: str) -> bool:
    """Whether a backbone is the path of a person's own model, saved by Keras."""
    return backbone.endswith(".keras")


RESCALE_INSIDE = ("ConvNeXt", "EfficientNetB", "EfficientNetV2", "MobileNetV3")
"""Name prefixes of the backbones whose graph itself scales pixels 0..255."""
