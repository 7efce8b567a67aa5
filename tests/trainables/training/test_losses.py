"""Losses are those of keras.losses, for every output, form and smoothing that a point can name."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import sklearn.metrics
import tensorflow as tf

from trainables.training.losses import per_example_loss, validation_loss

CLASSES = 5
CHANCE = np.random.default_rng(3)
LOGITS = CHANCE.normal(scale=2.0, size=(16, CLASSES)).astype(np.float32)
LABELS = CHANCE.integers(0, CLASSES, 16).astype(np.int32)
ONE_HOT = np.eye(CLASSES, dtype=np.float32)[LABELS]


def ours(logits=LOGITS, labels=LABELS, loss="sparse_categorical", label_smoothing=0.0):
    return per_example_loss(tf.constant(logits), tf.constant(labels), loss, label_smoothing).numpy()


def outputs(activation):
    return keras.activations.get(activation)(tf.constant(LOGITS))


FORMS = [
    ("categorical", "softmax"),
    ("categorical", "sigmoid"),
    ("binary", "sigmoid"),
    ("sparse_categorical", "softmax"),
    ("sparse_categorical", "sigmoid"),
]
"""Every loss with every output that it goes with."""


@pytest.mark.parametrize(("loss", "activation"), FORMS)
def test_a_loss_is_that_of_a_compiled_keras_model(loss, activation):
    """As the recipes' authors trained: Keras finds the logits behind a model's last activation."""
    model = keras.Sequential([keras.Input((CLASSES,)), keras.layers.Activation(activation)])
    model.compile(loss=f"{loss}_crossentropy", optimizer="sgd")
    labels = LABELS if loss == "sparse_categorical" else ONE_HOT
    expected = model.evaluate(LOGITS, labels, verbose=0)
    found = ours(loss=loss).mean()
    assert found == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_categorical_of_softmax_is_keras(smoothing):
    expected = keras.losses.categorical_crossentropy(
        ONE_HOT, outputs("softmax"), label_smoothing=smoothing
    )
    found = ours(loss="categorical", label_smoothing=smoothing)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("activation", ["softmax", "sigmoid"])
def test_validation_loss_is_the_log_loss_of_the_predicted_shares(activation):
    """Of scikit-learn, on what a network of ours predicts: sigmoids divided by their sum."""
    shares = np.asarray(outputs(activation), np.float64)
    shares /= shares.sum(axis=-1, keepdims=True)
    expected = sklearn.metrics.log_loss(LABELS, shares, labels=range(CLASSES))
    found = validation_loss(
        tf.constant(LOGITS), tf.constant(LABELS), tf.constant(activation == "sigmoid")
    )
    assert float(np.mean(found)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("gamma", [0.0, 0.5, 2.0])
def test_focal_is_keras(gamma, smoothing):
    expected = keras.losses.categorical_focal_crossentropy(
        ONE_HOT, outputs("softmax"), alpha=1.0, gamma=gamma, label_smoothing=smoothing
    )
    found = per_example_loss(
        tf.constant(LOGITS), tf.constant(LABELS), "focal", smoothing, gamma
    ).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_focal_has_a_gradient_however_sure_the_network_is():
    logits = tf.constant(LOGITS * 1e4)
    with tf.GradientTape() as tape:
        tape.watch(logits)
        loss = per_example_loss(logits, tf.constant(LABELS), "focal", 0.0, 0.5)
    assert np.isfinite(tape.gradient(loss, logits)).all()


def test_validation_loss_stays_finite_where_a_network_is_sure_and_wrong():
    logits = tf.constant([[-300.0, 300.0]])
    for is_sigmoid in (False, True):
        [loss] = validation_loss(logits, tf.constant([0]), is_sigmoid).numpy()
        assert 290 < loss < 610


def test_sparse_labels_are_smoothed_as_others():
    smoothing = 0.2
    sparse = ours(loss="sparse_categorical", label_smoothing=smoothing)
    np.testing.assert_array_equal(sparse, ours(loss="categorical", label_smoothing=smoothing))


def test_sparse_categorical_of_softmax_is_keras():
    expected = keras.losses.sparse_categorical_crossentropy(LABELS, outputs("softmax"))
    found = ours(loss="sparse_categorical")
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.5])
def test_binary_is_keras(smoothing):
    expected = keras.losses.binary_crossentropy(
        ONE_HOT, outputs("sigmoid"), label_smoothing=smoothing
    )
    found = ours(loss="binary", label_smoothing=smoothing)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("loss", "activation"), FORMS)
class TestEvery:
    def test_its_gradient_is_that_of_its_probabilities(self, loss, activation):
        logits = tf.constant(LOGITS)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(logits)
            found = tf.reduce_sum(per_example_loss(logits, tf.constant(LABELS), loss, 0.0))
            shares = keras.activations.get(activation)(logits)
            kind = "binary" if loss == "binary" else "categorical"
            function = getattr(keras.losses, f"{kind}_crossentropy")
            expected = tf.reduce_sum(function(ONE_HOT, shares))
        np.testing.assert_allclose(
            tape.gradient(found, logits), tape.gradient(expected, logits), rtol=1e-3, atol=1e-5
        )

    @pytest.mark.parametrize("scale", [1e3, 1e6])
    def test_it_is_finite_however_sure_the_network_is(self, loss, activation, scale):
        found = ours(LOGITS * scale, loss=loss)
        assert np.isfinite(found).all()
        assert (found >= 0).all()

    def test_it_falls_as_the_right_output_rises(self, loss, activation):
        losses = [ours(LOGITS + step * ONE_HOT, loss=loss).mean() for step in range(4)]
        assert losses == sorted(losses, reverse=True)
        assert len(set(losses)) == 4

    def test_there_is_one_for_each_example(self, loss, activation):
        whole = ours(loss=loss)
        assert whole.shape == (16,)
        assert whole.dtype == np.float32
        alone = [ours(LOGITS[i : i + 1], LABELS[i : i + 1], loss=loss)[0] for i in range(16)]
        np.testing.assert_allclose(whole, alone, rtol=1e-5)
