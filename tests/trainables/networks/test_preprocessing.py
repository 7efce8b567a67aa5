"""Preprocessing inside the graph is what Keras's own functions, and torchvision's recipe, do."""

from __future__ import annotations

from typing import get_args

import keras
import numpy as np
import pytest

from spaces.backbones import BACKBONES
from spaces.hyperparameters import Preprocessing
from trainables.networks.preprocessing import own_preprocessing, preprocess

PIXELS = np.random.default_rng(0).integers(0, 256, (2, 5, 5, 3)).astype(np.float32)

MODULES = {
    "ConvNeXt": "convnext",
    "DenseNet": "densenet",
    "EfficientNetB": "efficientnet",
    "EfficientNetV2": "efficientnet_v2",
    "InceptionResNetV2": "inception_resnet_v2",
    "InceptionV3": "inception_v3",
    "MobileNetV2": "mobilenet_v2",
    "MobileNetV3": "mobilenet_v3",
    "MobileNet": "mobilenet",
    "NASNet": "nasnet",
    "ResNet": "resnet",
    "VGG16": "vgg16",
    "VGG19": "vgg19",
    "Xception": "xception",
}
LITE = ("EfficientNetLite0", "EfficientNetLite1", "EfficientNetLite2")
VITS = ("ViTS16", "ViTB16", "DINOv2S14", "DINOv2B14")
OURS = (*LITE, "AlexNet", "ResNet18", *VITS)
KERAS = [name for name in BACKBONES if name not in OURS]


def keras_module(backbone):
    if backbone.startswith("ResNet") and backbone.endswith("V2"):
        return keras.applications.resnet_v2
    family = next(family for family in MODULES if backbone.startswith(family))
    return getattr(keras.applications, MODULES[family])


def applied(kind, backbone):
    pixels = keras.Input((5, 5, 3))
    return np.asarray(keras.Model(pixels, preprocess(pixels, kind, backbone))(PIXELS))


def test_every_backbone_of_keras_is_compared():
    assert len(KERAS) == len(BACKBONES) - len(OURS) == 40


@pytest.mark.parametrize("backbone", KERAS)
def test_a_backbones_own_is_that_of_keras(backbone):
    expected = keras_module(backbone).preprocess_input(PIXELS.copy())
    np.testing.assert_allclose(applied("backbone", backbone), expected, atol=2e-4, rtol=1e-5)


MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
"""What torchvision trained with: https://docs.pytorch.org/vision/stable/models.html"""

EXPECTED = {
    "unit": PIXELS / 255,
    "signed": PIXELS / 127.5 - 1,
    "channel_means": PIXELS - np.array([123.68, 116.779, 103.939]),
    "torch": (PIXELS / 255 - MEAN) / DEVIATION,
    "none": PIXELS,
}


def test_every_kind_is_compared():
    assert set(EXPECTED) | {"backbone"} == set(get_args(Preprocessing))


@pytest.mark.parametrize("kind", EXPECTED)
@pytest.mark.parametrize("backbone", ["VGG16", "none"])
def test_a_kind_does_what_it_says_whatever_the_backbone(kind, backbone):
    np.testing.assert_allclose(applied(kind, backbone), EXPECTED[kind], atol=2e-4, rtol=1e-5)


@pytest.mark.parametrize("backbone", ["AlexNet", "ResNet18", "ViTB16", *VITS[2:]])
def test_torchvisions_networks_have_torchvisions(backbone):
    np.testing.assert_allclose(applied("backbone", backbone), EXPECTED["torch"], atol=2e-4)


@pytest.mark.parametrize("backbone", LITE)
def test_lite_has_its_own(backbone):
    """RGB scaled by mean 127/255 and deviation 128/255, as its authors trained it."""
    expected = (PIXELS / 255 - 127 / 255) / (128 / 255)
    np.testing.assert_allclose(applied("backbone", backbone), expected, atol=1e-5)


def test_without_a_backbone_pixels_stay():
    assert own_preprocessing("none") == "none"
    np.testing.assert_array_equal(applied("backbone", "none"), PIXELS)
