"""Networks: their backbones, what is trained in each phase, and what a batch norm does there."""

from __future__ import annotations

import dataclasses

import keras
import numpy as np
import pytest

from spaces.backbones import BACKBONES
from spaces.errors import InputError
from spaces.hyperparameters import Hyperparameters
from trainables.networks.backbones.backbone import own_backbone
from trainables.networks.forward import forward
from trainables.networks.head import PREFIX
from trainables.networks.network import Network, build_network

SIZES = {
    "EfficientNetLite0": 32,
    "EfficientNetLite2": 32,
    "AlexNet": 224,
    "ResNet18": 32,
    "MobileNet": 32,
    "MobileNetV2": 32,
    "MobileNetV3Small": 32,
    "VGG16": 32,
    "ViTS16": 32,
}
"""Our own backbones, and some of Keras's that are quick to build."""

CLASSES = 4


def names(layers):
    return [layer.name for layer in layers]


def trained(network):
    return [layer for layer in network.model.layers if layer.trainable_weights]


def with_point(network, **values):
    """The same graph under another configuration."""
    changed = Network(dataclasses.replace(network.point, **values), network.model)
    changed.thaw()
    return changed


@pytest.fixture(scope="module", params=SIZES)
def network(request):
    """Each backbone once, its head alone trained."""
    point = Hyperparameters(
        backbone=request.param, weights="none", image_size=SIZES[request.param], dense_units=(6,)
    )
    return build_network(point, CLASSES)


class TestEveryBackbone:
    def test_it_has_the_weight_layers_of_the_table(self, network):
        assert len(network.weight_layers) == BACKBONES[network.point.backbone]

    def test_pixels_become_logits(self, network, make_images):
        pixels = make_images(2, size=network.point.image_size).pixels.astype(np.float32)
        logits = np.asarray(network.model(pixels, training=False))
        assert logits.shape == (2, CLASSES)
        assert np.isfinite(logits).all()

    def test_it_is_one_flat_graph(self, network):
        assert not any(isinstance(layer, keras.Model) for layer in network.model.layers)
        assert not any(isinstance(layer, keras.layers.Lambda) for layer in network.model.layers)

    def test_a_frozen_backbone_trains_the_head_alone(self, network):
        frozen = with_point(network, unfrozen_depth=0, batch_norm=None, head_epochs=None)
        assert names(trained(frozen)) == [f"{PREFIX}dense_0", f"{PREFIX}logits"]
        assert frozen.boundary == f"{PREFIX}dense_0"

    @pytest.mark.parametrize("batch_norm", ["frozen", "trained"])
    def test_as_many_weight_layers_are_trained_as_it_says(self, network, batch_norm):
        every = network.weight_layers
        for depth in (1, len(every) // 2, len(every)):
            thawed = with_point(network, unfrozen_depth=depth, batch_norm=batch_norm)
            layers = trained(thawed)
            assert [x for x in names(every) if x in names(layers)] == names(every[-depth:])
            assert thawed.boundary == every[-depth].name
            norms = [x for x in layers if isinstance(x, keras.layers.BatchNormalization)]
            assert bool(norms) <= (batch_norm == "trained")

    def test_the_head_first_then_what_is_thawed(self, network):
        thawed = with_point(network, unfrozen_depth=2, head_epochs=1)
        thawed.freeze_backbone()
        assert names(trained(thawed)) == [f"{PREFIX}dense_0", f"{PREFIX}logits"]
        thawed.thaw()
        assert thawed.boundary == network.weight_layers[-2].name

    def test_the_backbone_is_all_but_pixels_preprocessing_and_head(self, network):
        others = [x for x in names(network.model.layers) if x not in names(network.backbone_layers)]
        assert others[:2] == ["pixels", "preprocess"]
        assert all(name.startswith(PREFIX) for name in others[2:])


@pytest.fixture(scope="module")
def lite():
    return build_network(Hyperparameters(weights="none", image_size=32), CLASSES)


def test_the_table_names_what_keras_has():
    theirs = [name for name in BACKBONES if own_backbone(name) is None]
    assert len(theirs) == 40
    assert all(callable(getattr(keras.applications, name)) for name in theirs)


class TestBatchNorm:
    def moved(self, network, make_images):
        """Batch norms whose statistics move when the network is called in training."""
        layers = [x for x in network.model.layers if isinstance(x, keras.layers.BatchNormalization)]
        before = [np.asarray(x.moving_mean).copy() for x in layers]
        network.model(make_images(4).pixels.astype(np.float32), training=True)
        after = [np.asarray(x.moving_mean) for x in layers]
        return [
            x.name
            for x, old, new in zip(layers, before, after, strict=True)
            if not np.array_equal(old, new)
        ]

    def test_frozen_ones_stay_in_inference_mode(self, lite, make_images):
        frozen = with_point(lite, unfrozen_depth=5, batch_norm="frozen")
        assert self.moved(frozen, make_images) == []
        pixels = make_images(4).pixels.astype(np.float32)
        np.testing.assert_array_equal(
            frozen.model(pixels, training=True), frozen.model(pixels, training=False)
        )

    def test_trained_ones_move_above_the_boundary_alone(self, lite, make_images):
        thawed = with_point(lite, unfrozen_depth=2, batch_norm="trained")
        order = names(thawed.model.layers)
        above = order[order.index(thawed.boundary) :]
        expected = [
            x.name
            for x in thawed.model.layers
            if isinstance(x, keras.layers.BatchNormalization) and x.name in above
        ]
        assert len(expected) == 2
        assert self.moved(thawed, make_images) == expected

    def test_the_heads_own_are_always_trained(self, make_images):
        point = Hyperparameters(
            backbone="none",
            image_size=32,
            weights="none",
            convolutions=(4,),
            convolution_batch_norm=True,
            dense_units=(4,),
            head_batch_norm="dense",
        )
        assert len(self.moved(build_network(point, 3), make_images)) == 2


class TestFrozenPart:
    def test_dense_layers_are_frozen_and_convolutions_above_the_boundary_trained(self, lite):
        conv = with_point(lite, unfrozen_depth=2, frozen_part="dense")
        assert not any(isinstance(layer, keras.layers.Dense) for layer in trained(conv))
        assert names(trained(conv)) == names(lite.weight_layers[-2:])
        with_point(lite, unfrozen_depth=0, frozen_part="below", batch_norm=None, head_epochs=None)

    def test_the_head_is_trained_first_and_frozen_then(self):
        point = Hyperparameters(
            backbone="VGG16",
            weights="none",
            image_size=32,
            unfrozen_depth=2,
            frozen_part="dense",
            head_epochs=1,
        )
        network = build_network(point, CLASSES)
        network.freeze_backbone()
        assert names(trained(network)) == [f"{PREFIX}logits"]
        network.thaw()
        assert names(trained(network)) == ["block5_conv2", "block5_conv3"]

    def test_alexnets_own_dense_layers_are_dense_layers(self):
        """SEEDS.md, alexnet_conv_only: dense layers frozen, convolutions trained."""
        point = Hyperparameters(
            backbone="AlexNet", weights="none", unfrozen_depth=7, frozen_part="dense"
        )
        layers = trained(build_network(point, 101))
        assert names(layers) == [f"conv{number}" for number in range(1, 6)]

    @pytest.mark.parametrize("depth", [1, 2])
    def test_it_is_refused_where_nothing_would_be_trained(self, depth):
        point = Hyperparameters(
            backbone="AlexNet", weights="none", unfrozen_depth=depth, frozen_part="dense"
        )
        text = rf"unfrozen_depth {depth} of AlexNet nothing is trained.*Thaw at least 3 weight"
        with pytest.raises(InputError, match=text):
            build_network(point, 101)
        build_network(dataclasses.replace(point, unfrozen_depth=3), 101)

    def test_it_is_refused_for_a_boundary_above_all_convolutions_too(self):
        point = Hyperparameters(
            weights="none", image_size=32, boundary_layer="head_relu", frozen_part="dense"
        )
        with pytest.raises(InputError, match="boundary_layer head_relu of EfficientNetLite0"):
            build_network(point, CLASSES)


class TestBoundary:
    def test_a_layer_can_be_the_boundary_by_its_name(self, lite):
        named = with_point(lite, unfrozen_depth=0, boundary_layer="block14_expand_conv")
        assert named.boundary == "block14_expand_conv"
        by_depth = with_point(lite, unfrozen_depth=7, boundary_layer=None)
        assert by_depth.boundary == "block14_expand_conv"

    def test_between_two_weight_layers_the_next_one_is_the_lowest_that_is_trained(self, lite):
        named = with_point(lite, boundary_layer="block15_expand_relu", unfrozen_depth=0)
        assert named.boundary == "block15_depthwise_conv"

    @pytest.mark.parametrize("name", ["nowhere", f"{PREFIX}logits", "pixels"])
    def test_a_layer_that_the_backbone_has_not_is_refused(self, lite, name):
        with pytest.raises(InputError, match=f"no layer '{name}'"):
            with_point(lite, boundary_layer=name, unfrozen_depth=0)


class TestTruncation:
    def test_the_backbone_ends_at_the_layer(self):
        point = Hyperparameters(
            weights="none", image_size=32, truncation_layer="block2_add", unfrozen_depth=3
        )
        network = build_network(point, CLASSES)
        assert network.backbone_layers[-1].name == "block2_add"
        assert names(network.weight_layers)[-1] == "block2_project_conv"
        assert network.boundary == "block2_expand_conv"

    def test_a_layer_that_the_backbone_has_not_is_refused(self):
        point = Hyperparameters(
            backbone="VGG16", weights="none", image_size=32, truncation_layer="block6_pool"
        )
        with pytest.raises(InputError, match="no layer 'block6_pool'.*Its last layers are"):
            build_network(point, CLASSES)

    def test_no_more_can_be_thawed_than_is_left(self):
        point = Hyperparameters(
            backbone="VGG16",
            weights="none",
            image_size=32,
            truncation_layer="block1_pool",
            unfrozen_depth=3,
        )
        with pytest.raises(InputError, match="unfrozen_depth is 3, but .* has 2 weight layers"):
            build_network(point, CLASSES)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_probabilities_are_the_logits_behind_their_activation(lite, make_images, activation):
    changed = with_point(lite, output_activation=activation)
    pixels = make_images(3).pixels
    logits = changed.model(pixels.astype(np.float32))
    expected = keras.activations.get(activation)(logits)
    np.testing.assert_allclose(forward(changed.with_probabilities(), pixels), expected, rtol=1e-5)


@pytest.mark.parametrize(
    "values",
    [
        {"backbone": "AlexNet", "image_size": 96},
        {"backbone": "InceptionV3", "image_size": 32},
        {"backbone": "VGG16", "image_size": 16},
    ],
)
def test_a_size_that_the_backbone_does_not_take_is_refused(values):
    with pytest.raises(InputError, match=values["backbone"]):
        build_network(Hyperparameters(weights="none", **values), CLASSES)


def test_without_a_backbone_there_is_the_head_alone():
    point = Hyperparameters(backbone="none", weights="none", image_size=32, convolutions=(4,))
    network = build_network(point, CLASSES)
    assert network.backbone_layers == []
    assert network.boundary == f"{PREFIX}convolution_0"
