"""Blocks are counted from the head down: residual blocks and layers of a plain chain alike."""

from __future__ import annotations

import pytest

from spaces.hyperparameters import Hyperparameters
from trainables.networks.network import build_network
from trainables.optimizers.layer_decay import blocks_below_the_head


def blocks(backbone):
    point = Hyperparameters(backbone=backbone, weights="none", image_size=64, dense_units=(4,))
    network = build_network(point, 3)
    return network, blocks_below_the_head(network.model)


@pytest.mark.parametrize(
    ("backbone", "count", "places"),
    [
        ("VGG16", 13, {"block5_conv3": 1, "block5_conv2": 2, "block1_conv1": 13}),
        (
            "ResNet50",  # a stem and 16 blocks
            17,
            {"conv5_block3_1_conv": 1, "conv5_block3_3_conv": 1, "conv2_block1_1_conv": 16},
        ),
        (
            "ViTS16",  # the patch embedding and 12 blocks; a layer norm before the MLP is inside
            13,
            {"block11_norm1": 1, "block11_qkv": 1, "block11_norm2": 1, "block11_mlp2": 1}
            | {"norm": 1, "block10_mlp2": 2, "block0_norm1": 12, "patch_embedding": 13},
        ),
        ("MobileNet", 14, {"conv_pw_13": 1, "conv_dw_13": 1, "conv_pw_12": 2, "conv1": 14}),
    ],
)
def test_a_block_has_one_number(backbone, count, places):
    network, found = blocks(backbone)
    weights = {weight.path for weight in network.model.weights}
    assert {path for path in weights if "seed" not in path} <= set(found)
    assert set(found.values()) == set(range(count + 1))
    for layer, number in places.items():
        assert {n for path, n in found.items() if path.startswith(f"{layer}/")} == {number}


def test_the_head_is_no_block():
    network, found = blocks("VGG16")
    head = {weight.path for layer in network.head_layers for weight in layer.weights}
    assert len(head) == 4
    assert {found[path] for path in head} == {0}


def test_a_batch_norm_belongs_to_the_layer_before_it():
    _, found = blocks("EfficientNetLite0")
    norms = {path: n for path, n in found.items() if "_bn/gamma" in path}
    assert len(norms) == 49
    for path, number in norms.items():
        assert found[path.replace("_bn/gamma", "_conv/kernel")] == number
