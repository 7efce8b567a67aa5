"""Grad-CAM finds a planted object, and knows which layer to look at."""

from __future__ import annotations

import keras
import numpy as np
import pytest

from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import Objective
from tests.trainables.planted import KINDS, planted
from trainables.networks.network import build_network
from trainables.prediction.gradcam import GradCam, feature_maps, overlay
from trainables.prediction.inference import Classifier, probabilities
from trainables.training.training import Training

RANDOM = {"weights": "none", "batch_norm": "trained", "learning_rate": 1e-3}
CASES = {
    "EfficientNetLite0": {"image_size": 160, "learning_rate": 1e-2, "epochs": 4},
    "from scratch": {
        "backbone": "none",
        "weights": "none",
        "image_size": 48,
        "preprocessing": "unit",
        "convolutions": (8, 16),
        "convolution_pooling": True,
        "learning_rate": 5e-3,
        "epochs": 15,
    },
    # Without weights to start from, only the lower part can be trained in so few steps.
    "MobileNet": RANDOM
    | {"truncation_layer": "conv_pw_5_relu", "image_size": 64, "unfrozen_depth": 11, "epochs": 8},
    "MobileNetV2": RANDOM
    | {"truncation_layer": "block_5_add", "image_size": 64, "unfrozen_depth": 17, "epochs": 8},
    "ResNet50": RANDOM
    | {"truncation_layer": "conv2_block3_out", "image_size": 64, "unfrozen_depth": 11, "epochs": 6},
    "VGG16": RANDOM
    | {"truncation_layer": "block3_pool", "image_size": 64, "unfrozen_depth": 7, "epochs": 6}
    | {"learning_rate": 3e-4},
    "ViTS16": RANDOM
    | {"image_size": 64, "unfrozen_depth": 49, "epochs": 40, "learning_rate": 3e-4},
    "AlexNet": RANDOM
    | {"image_size": 224, "unfrozen_depth": 7, "epochs": 12, "learning_rate": 1e-4},
}
IN_THE_DEFAULT_SUITE = ("EfficientNetLite0", "from scratch")


def trained(name: str) -> keras.Model:
    point = Hyperparameters(**({"backbone": name, "batch_size": 16} | CASES[name]))
    images, _ = planted(96, point.image_size, 0)
    training = Training(point, KINDS, images, None, 0, Objective())
    for layer in training.network.model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.8  # its statistics have some dozen steps to settle
    while training.end is None:
        training.run_epoch()
    return training.network.with_probabilities()


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=() if name in IN_THE_DEFAULT_SUITE else pytest.mark.recipes)
        for name in CASES
    ],
)
def test_heat_is_on_the_planted_object(name):
    model = trained(name)
    images, places = planted(24, model.input_shape[1], 1)
    shares = Classifier(model)(images.pixels)
    assert (shares.argmax(axis=-1) == images.labels).mean() >= 0.9
    heat = GradCam(model)(images.pixels, images.labels)
    assert heat.shape == places.shape
    assert heat.min() >= 0
    np.testing.assert_allclose(heat.max(axis=(1, 2)), 1, atol=1e-5)
    mass = (heat * places).sum(axis=(1, 2)) / heat.sum(axis=(1, 2))
    on_object = mass / places.mean(axis=(1, 2))
    print(f"{name}: {on_object.mean():.2f} times the object's share of the area")
    assert on_object.mean() >= 2


@pytest.mark.parametrize(
    ("backbone", "size", "layer"),
    [
        ("EfficientNetLite0", 64, "head_relu"),
        ("MobileNet", 64, "conv_pw_13_relu"),
        ("MobileNetV2", 64, "out_relu"),
        ("VGG16", 64, "block5_conv3"),
        ("ResNet50", 64, "conv5_block3_out"),
        ("AlexNet", 224, "conv5_relu"),
        ("EfficientNetB0", 64, "top_activation"),
        ("EfficientNetLite0", 32, "block11_expand_relu"),
        ("ViTS16", 64, "block11_norm1"),
        ("DINOv2S14", 28, "block11_norm1"),
    ],
)
def test_the_last_maps_with_more_than_one_place_are_taken(backbone, size, layer):
    point = Hyperparameters(backbone=backbone, weights="none", image_size=size)
    model = build_network(point, 2).with_probabilities()
    assert feature_maps(model).name == layer
    pixels = np.random.default_rng(0).integers(0, 256, (2, size, size, 3), np.uint8)
    heat = GradCam(model)(pixels, np.array([0, 1]))
    assert heat.shape == (2, size, size)
    assert np.isfinite(heat).all()
    assert heat.max() <= 1 + 1e-6


def test_a_network_without_convolutions_has_no_heat():
    point = Hyperparameters(
        backbone="none", weights="none", image_size=8, preprocessing="unit", pooling="flatten"
    )
    model = build_network(point, 2).with_probabilities()
    assert feature_maps(model) is None
    with pytest.raises(ValueError, match="has none"):
        GradCam(model)


def test_heat_is_that_of_the_paper():
    """By hand: one convolution that copies red and green, average pooling, two classes."""
    pixels = keras.Input((4, 4, 3))
    copy = keras.layers.Conv2D(2, 1, use_bias=False)
    dense = keras.layers.Dense(2, use_bias=False)
    logits = dense(keras.layers.GlobalAveragePooling2D()(copy(pixels)))
    model = keras.Model(pixels, keras.layers.Activation("softmax")(logits))
    copy.set_weights([np.eye(3, 2, dtype=np.float32)[np.newaxis, np.newaxis]])
    dense.set_weights([np.array([[1, -1], [-2, 1]], np.float32)])
    image = np.zeros((1, 4, 4, 3), np.uint8)
    image[0, 0, 0, 0], image[0, 3, 3, 1] = 200, 100
    first, second = (GradCam(model)(image, np.array([c]))[0] for c in (0, 1))
    assert np.argwhere(first).tolist() == [[0, 0]]
    assert np.argwhere(second).tolist() == [[3, 3]]


def test_an_overlay_covers_what_is_hot_and_leaves_what_is_cold():
    picture = np.full((30, 60, 3), 90, np.uint8)
    heat = np.zeros((4, 4), np.float32)
    heat[:, 0] = 1
    drawn = np.asarray(overlay(picture, heat, alpha=0.5))
    assert drawn.shape == picture.shape
    np.testing.assert_array_equal(drawn[:, 30:], picture[:, 30:])
    hottest = 0.5 * 90 + 0.5 * np.array([252, 255, 164])
    np.testing.assert_allclose(drawn[:, 0], np.tile(hottest, (30, 1)), atol=1)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_shares_are_those_of_evaluation(activation):
    point = Hyperparameters(image_size=32, weights="none", output_activation=activation)
    model = build_network(point, 3).with_probabilities()
    pixels = np.random.default_rng(0).integers(0, 256, (5, 32, 32, 3), np.uint8)
    np.testing.assert_allclose(Classifier(model)(pixels), probabilities(model, pixels), atol=1e-6)
