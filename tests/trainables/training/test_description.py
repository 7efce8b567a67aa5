"""What a configuration comes to: the parameter counts of the five reports, and costs by hand."""

from __future__ import annotations

import json

import pytest

from spaces.hyperparameters import Hyperparameters
from trainables.training.description import describe

SEEDS = [
    pytest.param(
        {"backbone": "MobileNet", "dense_units": (1024, 512)},
        8,
        (4_807_368, 1_578_504),
        id="household model_a",
    ),
    pytest.param(
        {
            "backbone": "MobileNet",
            "preprocessing": "unit",
            "truncation_layer": "conv_pw_11_relu",
            "convolutions": (384, 300),
            "convolution_batch_norm": True,
            "dense_units": (256, 128, 64),
        },
        8,
        (None, 2_927_052),
        id="household model_b2",
    ),
    pytest.param({"backbone": "AlexNet"}, 101, (57_417_637, None), id="caltech101 alexnet"),
    pytest.param(
        {
            "backbone": "none",
            "image_size": 32,
            "convolutions": (64, 128),
            "convolution_pooling": True,
            "pooling": "flatten",
            "dropout": 0.2,
            "dropout_place": "first",
            "dense_units": (200,),
        },
        10,
        (1_716_258, 1_716_258),
        id="cifar10 cnn",
    ),
    pytest.param(
        {
            "backbone": "VGG16",
            "image_size": 32,
            "truncation_layer": "block3_pool",
            "head_batch_norm": "pooling",
            "dense_units": (400, 256, 256),
            "dropout": 0.2,
        },
        10,
        (None, 274_330),
        id="cifar10 vgg16_block3",
    ),
    pytest.param(
        {
            "backbone": "MobileNetV2",
            "image_size": 160,
            "dense_units": (64,),
            "dropout": 0.2,
            "boundary_layer": "block_14_depthwise",
            "head_epochs": 3,
            "epochs": 6,
        },
        10,
        (2_340_618, 82_634),
        id="imagenette mobilenetv2_two_phase",
    ),
    pytest.param(
        {"backbone": "VGG16", "pooling": "max", "dense_units": (512, 128)},
        5,
        (15_043_653, 328_965),
        id="flowers base",
    ),
]
"""Configuration, classes, and total and trained parameters as SEEDS.md gives them."""


@pytest.mark.parametrize(("values", "classes", "expected"), SEEDS)
def test_parameter_counts_are_those_of_the_reports(values, classes, expected):
    found = describe(Hyperparameters(**values), classes)
    total, trained = expected
    assert trained is None or found["trainable_params"] == trained
    assert total is None or found["total_params"] == total


TINY = {"backbone": "none", "image_size": 16, "convolutions": (4, 8), "dense_units": (6,)}


def test_multiply_adds_by_hand():
    found = describe(Hyperparameters(**TINY), 3)
    convolutions = 9 * 3 * 4 * 16 * 16 + 9 * 4 * 8 * 16 * 16
    assert found["multiply_adds"] == convolutions + 8 * 6 + 6 * 3
    assert (found["multiply_adds_once"], found["features"]) == (0, None)
    assert found["weight_layers"] == found["layers"] == 0
    assert found["thawed"] is None


def test_a_depthwise_convolution_has_one_filter_a_channel():
    values = {"image_size": 32, "truncation_layer": "block0_depthwise_relu"}
    found = describe(Hyperparameters(**values), 3)
    stem, depthwise = 9 * 3 * 32 * 16 * 16, 9 * 32 * 16 * 16
    assert found["multiply_adds"] == stem + depthwise + 32 * 3
    assert found["multiply_adds_once"] == stem + depthwise
    assert found["features"] == "classifier_pooling_average (32,)"
    assert found["boundary"] == "classifier_logits"


@pytest.fixture(scope="module")
def two_phases():
    return describe(Hyperparameters(image_size=32, unfrozen_depth=3, head_epochs=2), 4)


class TestTwoPhases:
    def test_the_first_is_the_heads(self, two_phases):
        assert two_phases["trainable_params"] == 1280 * 4 + 4
        assert two_phases["boundary"] == "classifier_logits"
        assert two_phases["features"] == "classifier_pooling_average (1280,)"

    def test_the_second_has_what_is_thawed(self, two_phases):
        thawed = two_phases["thawed"]
        kernels = 9 * 1152 + 1152 * 320 + 320 * 1280
        assert thawed["trainable_params"] == kernels + 1280 * 4 + 4
        assert thawed["boundary"] == "block15_depthwise_conv"
        assert thawed["features"] == "block15_expand_relu (1, 1, 1152)"
        assert thawed["multiply_adds"] == two_phases["multiply_adds"]
        assert thawed["multiply_adds"] - thawed["multiply_adds_once"] == kernels + 1280 * 4

    def test_it_is_plain_values(self, two_phases):
        assert json.loads(json.dumps(two_phases)) == two_phases


def test_an_augmented_study_computes_all_of_it_live_and_weights_are_not_loaded():
    values = {"backbone": "VGG16", "truncation_layer": "block1_pool", "weights": "/nowhere.h5"}
    found = describe(Hyperparameters(image_size=32, flip="horizontal", **values), 3)
    assert (found["features"], found["multiply_adds_once"]) == (None, 0)
    assert found["weights"] == "/nowhere.h5"


def test_dense_layers_that_are_frozen_after_the_head_was_trained_are_described():
    values = {"backbone": "VGG16", "unfrozen_depth": 1, "frozen_part": "dense", "head_epochs": 1}
    found = describe(Hyperparameters(image_size=32, **values), 3)
    assert found["trainable_params"] == 512 * 3 + 3
    assert found["thawed"]["trainable_params"] == 9 * 512 * 512 + 512
