"""Trained on stored features, and live through the whole network: the same weights."""

from __future__ import annotations

import numpy as np
import pytest

from spaces.backbones import BACKBONES
from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import Objective
from trainables.networks.cut import PIXELS
from trainables.process.precision import in_precision
from trainables.training import network_pool
from trainables.training.training import Training

SOME = {
    "MobileNet": (32, "conv_pw_5_relu"),
    "MobileNetV2": (32, "block_5_add"),
    "VGG16": (32, "block3_pool"),
    "ResNet50": (32, "conv2_block3_out"),
    "EfficientNetLite0": (32, "block4_add"),
    "AlexNet": (224, "conv5_pool"),
    "ViTS16": (32, "block1_add2"),
}
"""Backbones of every kind of block: size of the images, and where it is cut off to be quick."""

DEPTHS = (0, 2, 5)


def trained(backbone, layer, depth, images, kept, **more):
    """A network after an epoch, and the name of the cut that it was trained above."""
    values = ({"batch_norm": "trained"} if depth == 2 else {}) | more
    size = images[0].pixels.shape[1]
    point = Hyperparameters(
        backbone=backbone,
        weights="none",
        image_size=size,
        truncation_layer=layer,
        unfrozen_depth=depth,
        batch_size=8,
        epochs=1,
        # Not Adam, which makes a whole step of a gradient that is nothing but rounding.
        **{"optimizer": "sgd", "learning_rate": 1e-3} | values,
    )
    training = Training(point, 3, *images, 5, Objective(), kept=kept)
    training.run_epoch()
    weights = {v.path: v.numpy() for v in training.network.model.weights}
    return weights, training._phase.split.name


def assert_exact(backbone, layer, depth, images, **more):
    stored, boundary = trained(backbone, layer, depth, images, kept=None, **more)
    live, pixels = trained(backbone, layer, depth, images, kept=(), **more)
    assert (boundary == PIXELS, pixels) == (False, PIXELS)
    assert list(stored) == list(live)
    for path in stored:
        np.testing.assert_allclose(stored[path], live[path], rtol=1e-4, atol=1e-5, err_msg=path)


AT_THE_CUT = {"feature_mixup": 0.5, "feature_jitter": 0.2}


@pytest.mark.parametrize("depth", [0, 2])
def test_features_change_alike_stored_or_live(depth, make_images):
    size, layer = SOME["EfficientNetLite0"]
    images = images_of(make_images, size)
    assert_exact("EfficientNetLite0", layer, depth, images, **AT_THE_CUT)
    some = ("EfficientNetLite0", layer, depth, images)
    plain, _ = trained(*some, kept=None)
    changed, _ = trained(*some, kept=None, **AT_THE_CUT)
    from_below, boundary = trained(*some, kept=("block2_add",), **AT_THE_CUT)
    assert boundary == "block2_add"
    for path in changed:
        np.testing.assert_allclose(changed[path], from_below[path], rtol=1e-4, atol=1e-5)
    assert any(not np.allclose(plain[path], changed[path], atol=1e-5) for path in plain)


def images_of(make_images, size):
    return make_images(20, size=size), make_images(6, size=size, seed=1)


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("backbone", SOME)
def test_what_is_stored_changes_nothing(backbone, depth, make_images):
    size, layer = SOME[backbone]
    if (backbone, depth) == ("AlexNet", 5):
        depth = 4  # all but its first convolution
    assert_exact(backbone, layer, depth, images_of(make_images, size))


MODERN = {
    "averages, clipping, warm-up, rates by layer": {
        "ema_momentum": 0.9,
        "clip_norm": 0.5,
        "warmup": 0.5,
        "layer_decay": 0.5,
        "weight_decay": 0.1,
    },
    "adamw": {"optimizer": "adamw", "weight_decay": 0.1},
    "lion": {"optimizer": "lion", "weight_decay": 0.1},
    "schedule_free": {"optimizer": "schedule_free", "weight_decay": 0.1},
    "uneven classes": {"loss": "focal", "sampling": "balanced"},
    "adjusted logits": {"logit_adjustment": 1.0},
}


@pytest.mark.parametrize("more", MODERN.values(), ids=MODERN)
def test_nor_does_it_with_what_is_optional(more, make_images):
    size, layer = SOME["EfficientNetLite0"]
    assert_exact("EfficientNetLite0", layer, 2, images_of(make_images, size), **more)


@pytest.mark.parametrize(
    ("backbone", "precision"),
    [("ViTS16", "mixed_bfloat16"), ("EfficientNetLite0", "mixed_float16")],
)
def test_nor_does_it_in_16_bits(backbone, precision, make_images):
    size, layer = SOME[backbone]
    with in_precision(precision):
        assert_exact(backbone, layer, 2, images_of(make_images, size))


@pytest.mark.recipes
@pytest.mark.timeout(1200)
@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("backbone", BACKBONES)
def test_in_no_backbone_does_it(backbone, depth, make_images):
    size = {"AlexNet": 224, "DINOv2S14": 98, "DINOv2B14": 98}.get(backbone, 96)
    assert_exact(backbone, None, depth, images_of(make_images, size))
    network_pool.clear()
