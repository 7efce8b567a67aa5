"""The loop that runs in one graph does what a plain loop in Python does, update by update."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from spaces.hyperparameters import Hyperparameters
from trainables.augmentation.batch import BatchAugmentation
from trainables.features.in_memory import Examples
from trainables.networks.forward import EVALUATION_BATCH, forward
from trainables.optimizers.optimizers import optimizer_of
from trainables.training.epoch.loop import Loop

CLASSES, COUNT, BATCH = 3, 21, 8
RATES = np.array([0.01, 0.005, 0.002], np.float32)
ORDER = np.random.default_rng(1).permutation(COUNT).astype(np.int32)


@pytest.fixture(scope="module")
def examples(make_images):
    images = make_images(COUNT, CLASSES, size=8)
    return Examples(tf.constant(images.pixels), tf.constant(images.labels))


def network(dropout=0.0):
    keras.utils.set_random_seed(5)
    return keras.Sequential(
        [
            keras.Input((8, 8, 3)),
            keras.layers.Rescaling(1 / 255),
            keras.layers.Conv2D(4, 3, use_bias=False),
            keras.layers.BatchNormalization(),
            keras.layers.ReLU(),
            keras.layers.GlobalAveragePooling2D(),
            keras.layers.Dropout(dropout),
            keras.layers.Dense(CLASSES),
        ]
    )


def loop_of(model, optimizer=None, weights=(1.0, 1.0, 1.0), augment=None, accumulate=1):
    """A loop of batches of 8."""
    optimizer = optimizer or keras.optimizers.SGD()
    loop = Loop(model, optimizer, "sparse_categorical", augment, accumulate)
    loop.adjust(BATCH, 0.0, np.array(weights, np.float32))
    return loop


class Watched(BatchAugmentation):
    """Changes nothing, and shows each batch of images to a function."""

    def __init__(self, show):
        super().__init__(Hyperparameters(), pixels=True, features=True)
        self._show = show

    def images(self, images, drawn, aspects=None):
        tf.py_function(self._show, [images], [])
        return images


def ours(**values):
    return optimizer_of(Hyperparameters(backbone="none", **values))


def train_by_hand(model, optimizer, examples, weights):
    """One epoch as anyone would write it: (mean loss, accuracy)."""
    losses, right = [], []
    for step, rate in enumerate(RATES):
        chosen = ORDER[step * BATCH : (step + 1) * BATCH]
        batch = tf.cast(tf.gather(examples.inputs, chosen), tf.float32)
        labels = tf.gather(examples.labels, chosen)
        with tf.GradientTape() as tape:
            logits = model(batch, training=True)
            each = keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)
            objective = tf.reduce_mean(each * tf.gather(weights, labels))
        gradients = tape.gradient(objective, model.trainable_variables)
        optimizer.learning_rate.assign(rate)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        losses += each.numpy().tolist()
        right += (logits.numpy().argmax(-1) == labels.numpy()).tolist()
    return np.mean(losses), np.mean(right)


def assert_same_weights(one, other):
    for mine, theirs in zip(one.variables, other.variables, strict=True):
        np.testing.assert_allclose(
            mine.numpy(), theirs.numpy(), rtol=1e-4, atol=1e-5, err_msg=mine.path
        )


OPTIMIZERS = {
    "adam": ({}, keras.optimizers.Adam, {}),
    "adam with weight decay": (
        {"weight_decay": 0.1},
        keras.optimizers.Adam,
        {"weight_decay": 0.1},
    ),
    "sgd": ({"optimizer": "sgd", "momentum": 0.0}, keras.optimizers.SGD, {}),
    "sgd with momentum and weight decay": (
        {"optimizer": "sgd", "momentum": 0.9, "weight_decay": 0.1},
        keras.optimizers.SGD,
        {"momentum": 0.9, "weight_decay": 0.1},
    ),
}
"""Hyperparameters, and what Keras has for them."""


@pytest.mark.parametrize("optimizer", OPTIMIZERS.values(), ids=OPTIMIZERS)
@pytest.mark.parametrize("weights", [(1.0, 1.0, 1.0), (0.5, 1.0, 3.0)], ids=["equal", "weighted"])
def test_an_epoch_is_that_of_a_plain_loop(examples, optimizer, weights):
    values, keras_optimizer, arguments = optimizer
    one, other = network(), network()
    loop = loop_of(one, ours(**values), weights)
    for _ in range(2):  # the second epoch goes on from the optimizer's state
        found = loop.train_epoch(examples, ORDER, RATES)
    plain = keras_optimizer(**arguments)
    plain.exclude_from_weight_decay(var_names=["bias", "beta", "gamma"])
    for _ in range(2):
        expected = train_by_hand(other, plain, examples, np.array(weights, np.float32))
    assert found == pytest.approx(expected, rel=1e-4)
    assert_same_weights(one, other)


def test_the_last_batch_counts_by_its_images(examples):
    """21 images in batches of 8: the mean is over images, not over batches."""
    model = network()
    loop = loop_of(model)
    model.get_layer(index=2).trainable = False  # batch norm in inference mode: nothing changes
    loss, accuracy = loop.train_epoch(examples, ORDER, np.zeros(3, np.float32))
    scores = loop.evaluate(examples)
    assert (loss, accuracy) == pytest.approx((scores["loss"], scores["accuracy"]), rel=1e-5)


@pytest.mark.parametrize("optimizer", ["adam", "sgd"])
def test_weight_decay_is_for_kernels_alone(examples, optimizer):
    """Where nothing is learnt, each kernel loses rate × decay an update, and nothing else does."""
    model = network()
    for variable in model.trainable_variables:
        variable.assign(tf.ones(variable.shape))
    loop = loop_of(model, ours(optimizer=optimizer, weight_decay=0.5), weights=(0.0, 0.0, 0.0))
    loop.train_epoch(examples, ORDER, RATES)
    left = np.prod(1 - 0.5 * RATES)
    assert left < 0.995
    for variable in model.trainable_variables:
        expected = left if variable.name == "kernel" else 1.0
        np.testing.assert_allclose(variable.numpy(), expected, rtol=1e-6, err_msg=variable.path)
    assert {v.name for v in model.trainable_variables} == {"kernel", "bias", "gamma", "beta"}


def test_images_are_gathered_by_64_bits(examples):
    """On a GPU, 32 bits overflow at 2^31 vectors of at most 16 bytes, and read other memory."""
    loop = loop_of(network())
    loop.train_epoch(examples, ORDER, RATES)
    [traced] = loop._train._list_all_concrete_functions_for_serialization()
    graphs = [traced.graph.as_graph_def()]
    nodes = [node for graph in graphs for f in graph.library.function for node in f.node_def]
    gathers = [node for node in (*graphs[0].node, *nodes) if node.op == "GatherV2"]
    by_images = [n for n in gathers if n.attr["Tparams"].type == tf.uint8.as_datatype_enum]
    assert by_images
    assert all(n.attr["Tindices"].type == tf.int64.as_datatype_enum for n in by_images)


def test_every_image_is_trained_on_once(examples):
    model = network()
    seen = []

    loop = loop_of(model, augment=Watched(lambda batch: seen.append(batch.numpy())))
    loop.train_epoch(examples, ORDER, RATES)
    assert [len(batch) for batch in seen] == [8, 8, 5]
    expected = examples.inputs.numpy()[ORDER].astype(np.float32)
    np.testing.assert_array_equal(np.concatenate(seen), expected)


def test_an_image_of_no_weight_teaches_nothing(examples):
    model = network()
    before = model.get_weights()
    loop = loop_of(model, weights=(0.0, 0.0, 0.0))
    loop.train_epoch(examples, ORDER, RATES)
    for variable, old in zip(model.weights, before, strict=True):
        if "moving" not in variable.path:
            np.testing.assert_array_equal(variable.numpy(), old)


def test_evaluation_is_over_all_images_and_trains_nothing(make_images):
    count = EVALUATION_BATCH + 37
    images = make_images(count, CLASSES, size=8, seed=2)
    model = network(dropout=0.5)
    loop = loop_of(model, weights=(9.0, 9.0, 9.0))
    before = [variable.numpy() for variable in model.variables]
    examples = Examples(tf.constant(images.pixels), tf.constant(images.labels))
    scores = loop.evaluate(examples)
    loss, accuracy = scores["loss"], scores["accuracy"]
    logits = model(images.pixels.astype(np.float32), training=False)
    each = keras.losses.sparse_categorical_crossentropy(images.labels, logits, from_logits=True)
    assert loss == pytest.approx(float(np.mean(each)), rel=1e-4)
    assert accuracy == np.mean(np.argmax(logits, -1) == images.labels)
    for variable, old in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), old)


@pytest.mark.parametrize("parts", [2, 3, 50])
@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_a_batch_in_parts_is_the_same_update(examples, parts, smoothing):
    """Classes weigh differently, the last batch has 5 images, 50 parts are more than images."""
    weights = np.array([0.5, 1.0, 3.0], np.float32)
    models = [network(), network()]
    sums = []
    for model, accumulate in zip(models, (1, parts), strict=True):
        model.layers[2].trainable = False  # what a batch norm sees, depends on the parts
        loop = loop_of(model, ours(optimizer="sgd", weight_decay=0.1), accumulate=accumulate)
        loop.adjust(BATCH, smoothing, weights)
        sums.append([loop.train_epoch(examples, ORDER, RATES) for _ in range(2)])
    assert sums[1] == [pytest.approx(epoch, rel=1e-5) for epoch in sums[0]]
    assert_same_weights(*models)


def test_a_part_is_all_that_is_in_memory_at_a_time(examples):
    seen = []

    watched = Watched(lambda batch: seen.append(len(batch)))
    loop_of(network(), augment=watched, accumulate=3).train_epoch(examples, ORDER, RATES)
    assert seen == [3, 3, 2, 3, 3, 2, 2, 2, 1]


def test_other_numbers_need_no_other_graph(examples):
    model = network()
    optimizer = ours(optimizer="sgd", weight_decay=0.1)
    loop = loop_of(model, optimizer)
    loop.train_epoch(examples, ORDER, RATES)
    traced = loop._train.experimental_get_tracing_count()
    for batch, smoothing in ((8, 0.0), (5, 0.3), (21, 0.1)):
        loop.adjust(batch, smoothing, np.array([0.1, 0.2, 0.3], np.float32))
        optimizer.adjust(Hyperparameters(optimizer="sgd", momentum=0.3, weight_decay=0.7))
        loop.train_epoch(examples, ORDER, np.full(-(-COUNT // batch), 0.01, np.float32))
    assert loop._train.experimental_get_tracing_count() == traced == 1


@pytest.mark.parametrize("count", [1, EVALUATION_BATCH, EVALUATION_BATCH + 1])
def test_outputs_of_all_images_come_in_their_order(make_images, count):
    model = network(dropout=0.5)
    pixels = make_images(count, CLASSES, size=8, seed=3).pixels
    outputs = forward(model, pixels)
    assert outputs.dtype == np.float32
    expected = model(pixels.astype(np.float32), training=False)
    np.testing.assert_allclose(outputs, expected, rtol=1e-4, atol=1e-5)
