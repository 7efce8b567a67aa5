"""The cut: the whole graph in two, nothing that changes below, and no lower than it has to be."""

from __future__ import annotations

import dataclasses
from typing import Any

import keras
import numpy as np
import pytest

from spaces.hyperparameters import Hyperparameters
from trainables.networks.cut import cut, cuts
from trainables.networks.head import PREFIX
from trainables.networks.network import Network, build_network

BACKBONES = ("EfficientNetLite0", "ResNet18", "MobileNetV2", "ViTS16")
THAWED = ((0, None), (1, "frozen"), (3, "trained"), (6, "frozen"), (11, "trained"))
"""Unfrozen depth and mode of batch norm."""

pytestmark = pytest.mark.filterwarnings(r"ignore:(?s).*structure of `inputs`:UserWarning")


def calibrate(model: keras.Model, pixels: np.ndarray) -> None:
    """Give batch norms the statistics of these images, or random weights shrink all to zero."""
    norms = [x for x in model.layers if isinstance(x, keras.layers.BatchNormalization)]
    for layer in norms:
        layer.trainable, layer.momentum = True, 0.0
    model(pixels, training=True)
    for layer in norms:
        layer.trainable = False


@pytest.fixture(scope="module", params=BACKBONES)
def network(request, make_images):
    point = Hyperparameters(
        backbone=request.param, weights="none", image_size=64, dense_units=(6,), dropout=0.5
    )
    network = build_network(point, 4)
    calibrate(network.model, make_images(8, size=64).pixels.astype(np.float32))
    return network


def at(network: Network, depth: int, batch_norm: str | None = "frozen") -> Network:
    """The same graph, thawed otherwise."""
    conditional = {"batch_norm": batch_norm} if depth else {"batch_norm": None, "head_epochs": None}
    point = dataclasses.replace(network.point, unfrozen_depth=depth, **conditional)
    thawed = Network(point, network.model)
    thawed.thaw()
    return thawed


def parents(model: keras.Model) -> dict[str, set[str]]:
    """Names of the layers that each layer takes its inputs from, by the model's own config."""

    def found(value: Any) -> set[str]:
        if isinstance(value, dict):
            if "keras_history" in value:
                return {value["keras_history"][0]}
            value = list(value.values())
        return set().union(*map(found, value)) if isinstance(value, list | tuple) else set()

    return {x["name"]: found(x["inbound_nodes"]) for x in model.get_config()["layers"]}


def ancestors(graph: dict[str, set[str]], name: str, without: str | None = None) -> set[str]:
    seen, left = set(), [name]
    while left:
        for parent in graph[left.pop()] - seen - {without}:
            seen.add(parent)
            left.append(parent)
    return seen


def highest_cut(model: keras.Model) -> str:
    """By definition: the last layer that all paths go through, with nothing changing up to it."""
    graph = parents(model)
    source, target = model.layers[0].name, model.layers[-1].name
    changing = {
        x.name
        for x in model.layers
        if x.trainable_weights or (isinstance(x, keras.layers.Dropout) and x.rate)
    }
    crossed = [name for name in graph if source not in ancestors(graph, target, without=name)]
    still = [name for name in crossed if not changing & (ancestors(graph, name) | {name})]
    return max(still, key=lambda name: len(ancestors(graph, name)))


@pytest.mark.parametrize(("depth", "batch_norm"), THAWED)
class TestEveryDepth:
    def test_both_parts_after_another_are_the_whole(self, network, make_images, depth, batch_norm):
        thawed = at(network, depth, batch_norm)
        split = cut(thawed.model)
        pixels = make_images(3, size=64, seed=1).pixels.astype(np.float32)
        whole = thawed.model(pixels, training=False).numpy()
        parts = split.above(split.below(pixels, training=False), training=False).numpy()
        assert whole.std() > 1e-3, "a network that says the same of everything proves nothing"
        np.testing.assert_allclose(parts, whole, rtol=1e-4, atol=1e-5)

    def test_nothing_changes_below(self, network, depth, batch_norm):
        thawed = at(network, depth, batch_norm)
        split = cut(thawed.model)
        assert split.below.trainable_weights == []
        assert not any(isinstance(x, keras.layers.Dropout) for x in split.below.layers)
        above = {id(variable) for variable in split.above.trainable_variables}
        assert above == {id(variable) for variable in thawed.model.trainable_variables}
        assert any(isinstance(x, keras.layers.Dropout) for x in split.above.layers)

    def test_it_is_as_high_as_can_be(self, network, depth, batch_norm):
        thawed = at(network, depth, batch_norm)
        assert cut(thawed.model).name == highest_cut(thawed.model)


def test_under_the_head_alone_it_is_the_pooling(network):
    split = cut(at(network, 0).model)
    is_pooled = network.point.backbone != "ViTS16"
    assert split.name == (f"{PREFIX}pooling_average" if is_pooled else "class_token_features")
    assert len(split.below.output.shape) == 2


def test_in_training_too_both_parts_are_the_whole(network, make_images):
    """Frozen batch norms are in inference mode, so that below the cut training changes nothing."""
    thawed = at(network, 3)
    dropout = next(x for x in thawed.model.layers if isinstance(x, keras.layers.Dropout))
    split = cut(thawed.model)
    pixels = make_images(3, size=64, seed=1).pixels.astype(np.float32)
    seed = dropout.seed_generator.state
    before = seed.numpy()
    whole = thawed.model(pixels, training=True).numpy()
    seed.assign(before)
    parts = split.above(split.below(pixels, training=False), training=True).numpy()
    np.testing.assert_allclose(parts, whole, rtol=1e-4, atol=1e-5)


def test_a_graph_is_cut_twice_as_it_is_once(network):
    """Two phases cut one graph at two places."""
    first = cut(at(network, 0).model).name
    second = cut(at(network, 6).model).name
    assert cut(at(network, 0).model).name == first != second
    assert cut(at(network, 6).model).name == second


def whole(**values):
    values = {"backbone": "VGG16"} | values
    return build_network(Hyperparameters(weights="none", image_size=32, **values), 4).model


def test_where_everything_is_trained_the_pixels_cross_it():
    model = whole(unfrozen_depth=13)
    split = cut(model)
    assert (split.name, split.below, split.above) == ("pixels", None, model)


def test_without_a_backbone_the_pixels_cross_it():
    model = whole(backbone="none", convolutions=(4,))
    split = cut(model)
    assert (split.name, split.below, split.above) == ("pixels", None, model)


@pytest.mark.parametrize(
    ("values", "name"),
    [
        ({"pooling": "max"}, f"{PREFIX}pooling_max"),
        ({"pooling": "flatten"}, f"{PREFIX}pooling_flatten"),
        ({"head_batch_norm": "pooling"}, f"{PREFIX}pooling_average"),
        (
            {"dropout": 0.5, "dropout_place": "first", "dense_units": (4,)},
            f"{PREFIX}pooling_average",
        ),
        ({"convolutions": (4,)}, "block2_pool"),
    ],
)
def test_what_the_head_begins_with_decides(values, name):
    assert cut(whole(truncation_layer="block2_pool", **values)).name == name


def alexnet(depth):
    point = Hyperparameters(backbone="AlexNet", weights="none", unfrozen_depth=depth)
    return build_network(point, 4).model


@pytest.mark.parametrize(
    ("depth", "name"), [(0, "fc7_relu"), (1, "fc6_relu"), (2, "conv5_flatten")]
)
def test_dropout_of_a_backbone_is_off_below_the_boundary_alone(depth, name):
    """Dropout right before a thawed layer is that layer's, and stays on."""
    model = alexnet(depth)
    assert cut(model).name == name
    rates = [x.rate for x in model.layers if isinstance(x, keras.layers.Dropout)]
    assert [rate > 0 for rate in rates] == [depth > 1, depth > 0]


@pytest.fixture(scope="module")
def stochastic(make_images):
    point = Hyperparameters(backbone="EfficientNetB0", weights="none", image_size=64, dropout=0.5)
    network = build_network(point, 4)
    calibrate(network.model, make_images(8, size=64).pixels.astype(np.float32))
    return network


@pytest.mark.parametrize("depth", [11, 5, 0])
def test_stochastic_depth_below_the_boundary_is_off_and_above_it_is_on(
    stochastic, make_images, depth
):
    """The graph uncut and both its parts take the same step, whatever it was cut for before."""
    thawed = at(stochastic, depth)
    split = cut(thawed.model)
    drops = {x.name: x.rate > 0 for x in split.above.layers if x.name.endswith("_drop")}
    assert any(drops.values()) == (depth > 5)
    pixels = make_images(3, size=64, seed=1).pixels.astype(np.float32)
    seeds = [
        x.seed_generator.state
        for x in thawed.model.layers
        if isinstance(x, keras.layers.Dropout) and x.rate
    ]
    before = [seed.numpy() for seed in seeds]
    whole = thawed.model(pixels, training=True).numpy()
    for seed, value in zip(seeds, before, strict=True):
        seed.assign(value)
    parts = split.above(split.below(pixels, training=False), training=True).numpy()
    np.testing.assert_allclose(parts, whole, rtol=1e-4, atol=1e-5)


def test_with_a_frozen_backbone_of_stochastic_depth_the_pooling_is_the_cut(stochastic):
    split = cut(at(stochastic, 0).model)
    assert split.name == f"{PREFIX}pooling_average"
    rates = [x.rate for x in split.below.layers if isinstance(x, keras.layers.Dropout)]
    assert len(rates) == 9
    assert not any(rates)
    at(stochastic, 81)
    cut(stochastic.model)
    assert all(x.rate for x in stochastic.model.layers if isinstance(x, keras.layers.Dropout))


def test_the_rate_of_dropout_in_the_head_is_its_owner_s(network):
    model = at(network, 0).model
    dropout = next(x for x in model.layers if isinstance(x, keras.layers.Dropout))
    cut(model)
    dropout.rate = 0.25
    cut(model)
    assert dropout.rate == 0.25
    dropout.rate = 0.5


def test_of_the_cuts_that_are_kept_it_is_the_highest_safe_one(network):
    model = at(network, 0).model
    names = [x.name for x in cuts(model)]
    low, middle, high = names[len(names) // 3], names[len(names) // 2], names[-1]
    assert cut(model, [low, high]).name == high
    assert cut(model, {middle, low}).name == middle
    assert cut(model, ["nowhere"]).name == cut(model, []).name == "pixels"
    thawed = at(network, 6).model
    assert cut(thawed, [low, high]).name == low
    assert cut(thawed, [high]).below is None


def test_a_lower_cut_gives_the_same(network, make_images):
    model = at(network, 0).model
    names = [x.name for x in cuts(model)]
    pixels = make_images(3, size=64, seed=1).pixels.astype(np.float32)
    split = cut(model, [names[len(names) // 2]])
    parts = split.above(split.below(pixels, training=False), training=False)
    np.testing.assert_allclose(parts, model(pixels, training=False), rtol=1e-4, atol=1e-5)
