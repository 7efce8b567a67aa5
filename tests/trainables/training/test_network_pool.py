"""A trial measures the same in a process of its own and after any other one."""

from __future__ import annotations

import dataclasses
import gc
import weakref

import keras
import numpy as np
import pytest
import tensorflow as tf

from spaces.hyperparameters import FIELDS, Hyperparameters
from spaces.studies.study import Objective
from trainables.training import network_pool
from trainables.training.network_pool import prepare
from trainables.training.prepared_network import SWITCHES, VALUES, shape_of
from trainables.training.training import Training

CLASSES = 3
LITE = Hyperparameters(
    image_size=32, truncation_layer="block2_add", batch_size=16, epochs=3, dropout=0.2
)
VGG = Hyperparameters(
    backbone="VGG16",
    weights="none",
    image_size=32,
    truncation_layer="block2_pool",
    batch_size=16,
    epochs=3,
)


@pytest.fixture(autouse=True)
def empty_pool():
    network_pool.clear()
    yield
    network_pool.clear()


@pytest.fixture(scope="module")
def trial(make_images):
    """A trial from its beginning to its end: what it measured, and its weights in the end."""

    def run(point, seed=3, **options):
        size = point.image_size
        images = make_images(50, CLASSES, size), make_images(20, CLASSES, size, seed=1)
        training = Training(point, CLASSES, *images, seed, Objective(), **options)
        measurements = []
        while training.end is None:
            measured = training.run_epoch()
            measurements.append(dataclasses.replace(measured, seconds={}))
        weights = [v.numpy() for v in training.network.model.variables]
        return measurements, weights, weakref.ref(training.network.model)

    return run


def assert_same(one, other):
    assert one[0] == other[0]
    for mine, theirs in zip(one[1], other[1], strict=True):
        np.testing.assert_array_equal(mine, theirs)


OTHER_VALUES = {
    "learning_rate": 0.02,
    "label_smoothing": 0.1,
    "class_weights": "balanced",
    "batch_size": 10,
    "decay": "cosine",
    "epochs": 2,
}
"""What the trial before has otherwise."""

TRIALS = {
    "head": (LITE, {"dropout": 0.5}),
    "hidden layer": (
        dataclasses.replace(LITE, dense_units=(8,), head_batch_norm="dense", weight_decay=0.01),
        {"dropout": 0.5, "weight_decay": 0.5},
    ),
    "momentum": (
        dataclasses.replace(LITE, optimizer="sgd", momentum=0.9),
        {"momentum": 0.2},
    ),
    "thawed": (
        dataclasses.replace(LITE, unfrozen_depth=2, batch_norm="trained"),
        {"dropout": 0.5},
    ),
    "two phases": (
        dataclasses.replace(LITE, unfrozen_depth=2, batch_norm="trained", head_epochs=1),
        {"thaw_learning_rate": 0.1},
    ),
    "random weights, two phases": (
        dataclasses.replace(VGG, unfrozen_depth=2, head_epochs=2),
        {"head_epochs": 1},
    ),
    "augmentation": (
        dataclasses.replace(LITE, flip="horizontal", rotation=20.0, crop=0.1),
        {"dropout": 0.5, "rotation": 50.0, "crop": 0.4},
    ),
    "mixtures": (
        dataclasses.replace(LITE, color_jitter=0.2, mixup=0.4),
        {"color_jitter": 0.5, "mixup": 1.0},
    ),
    "features": (
        dataclasses.replace(LITE, feature_mixup=0.4, feature_jitter=0.1),
        {"feature_mixup": 1.0, "feature_jitter": 0.3},
    ),
}


@pytest.mark.parametrize(("point", "changes"), TRIALS.values(), ids=TRIALS)
def test_a_trial_is_the_same_after_another_one(trial, point, changes):
    alone = trial(point)
    network_pool.clear()
    before = trial(dataclasses.replace(point, **(OTHER_VALUES | changes)), seed=8)
    after = trial(point)
    assert after[2]() is not None
    assert after[2]() is before[2](), "the network was built anew: nothing is proved"
    assert_same(after, alone)
    deeper = dataclasses.replace(point, dense_units=(5,), unfrozen_depth=3, batch_norm="trained")
    trial(deeper, seed=8)
    again = trial(point)
    assert again[2]() is before[2]()
    assert_same(again, alone)


def test_a_batch_in_parts_ends_with_the_same_weights(trial):
    point = dataclasses.replace(
        LITE, dropout=0.0, optimizer="sgd", unfrozen_depth=2, class_weights="balanced", epochs=1
    )
    whole, parts = trial(point), trial(point, accumulate=2)
    assert parts[2]() is whole[2]()
    for mine, theirs in zip(parts[1], whole[1], strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-6)


def test_a_network_that_is_held_is_left_alone():
    _, held = prepare(LITE, CLASSES, 1)
    before = [v.numpy() for v in held.model.variables]
    _, other = prepare(LITE, CLASSES, 2)
    assert other.model is not held.model
    for variable, old in zip(held.model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), old)
    model = other.model
    del other
    assert prepare(LITE, CLASSES, 2)[1].model is model


def test_the_seed_decides_the_head():
    one, same, other = (
        [
            w.numpy()
            for w in prepare(LITE, CLASSES, seed)[1].model.get_layer("classifier_logits").weights
        ]
        for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one[0], same[0])
    assert not np.array_equal(one[0], other[0])


def test_under_a_strategy_each_network_is_a_new_one():
    with tf.distribute.OneDeviceStrategy("/cpu:0").scope():
        model = prepare(VGG, CLASSES, 1)[1].model
        assert tf.distribute.has_strategy()
        assert prepare(VGG, CLASSES, 1)[1].model is not model
    assert prepare(VGG, CLASSES, 1)[1].model is not model


def test_heads_on_one_trunk_are_freed_when_there_are_too_many():
    points = [dataclasses.replace(VGG, dense_units=(units,)) for units in range(1, 21)]
    models = [weakref.ref(prepare(point, CLASSES, 1)[1].model) for point in points]
    gc.collect()
    alive = [model() for model in models if model() is not None]
    assert len(alive) == 16
    below = alive[-1].get_layer("block2_pool")
    heads = [x for x in below._outbound_nodes if x.operation.name == "classifier_pooling_average"]
    assert len(heads) == 16


class TestShape:
    def test_every_name_is_a_hyperparameter(self):
        assert set(FIELDS) >= VALUES | set(SWITCHES)

    @pytest.mark.parametrize(
        ("changes", "is_same"),
        [
            ({"learning_rate": 0.5, "batch_size": 7, "label_smoothing": 0.3}, True),
            ({"dropout": 0.4}, True),
            ({"dropout": 0.0}, False),
            ({"weight_decay": 0.1}, False),
            ({"dense_units": (4,)}, False),
            ({"rotation": 3.0}, False),
            ({"resize": "pad"}, True),
            ({"trivial_augment": True}, False),
            ({"feature_mixup": 0.2}, False),
            ({"loss": "binary", "output_activation": "sigmoid"}, False),
            ({"optimizer": "sgd"}, False),
        ],
    )
    def test_it_is_what_makes_the_graph(self, changes, is_same):
        other = dataclasses.replace(LITE, **changes)
        assert (shape_of(LITE, CLASSES) == shape_of(other, CLASSES)) == is_same

    def test_classes_are_part_of_it(self):
        assert shape_of(LITE, 3) != shape_of(LITE, 4)


def test_the_model_that_is_saved_is_a_copy_of_keras_own_layers():
    _, network = prepare(dataclasses.replace(LITE, dense_units=(4,)), CLASSES, 1)
    model = network.with_probabilities()
    assert {type(layer).__module__.split(".")[0] for layer in model.layers} == {"keras"}
    dropout = next(x for x in model.layers if isinstance(x, keras.layers.Dropout))
    assert dropout.rate == LITE.dropout
    mine = {id(variable) for variable in network.model.variables}
    assert not any(id(variable) in mine for variable in model.variables)
