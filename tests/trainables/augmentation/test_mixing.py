"""Mixtures of examples and of their labels against the papers' formulae in NumPy."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import scipy.stats
import tensorflow as tf

from spaces.hyperparameters import Hyperparameters
from trainables.augmentation.batch import augmentation, partners
from trainables.augmentation.features import jittered
from trainables.augmentation.mixing import beta, cutmix, mixup, pasted
from trainables.features.in_memory import Examples
from trainables.training.epoch.loop import Loop

SIZE, COUNT = 16, 40
CHANCE = np.random.default_rng(0)
OWN, OTHER = (CHANCE.uniform(0, 255, (COUNT, SIZE, SIZE, 3)).astype(np.float32) for _ in "ab")
SHARES = CHANCE.uniform(size=COUNT).astype(np.float32)
KEY = tf.constant([5, 6], tf.int64)


@pytest.mark.parametrize("alpha", [0.01, 0.2, 1.0, 4.0])
def test_shares_follow_the_beta_distribution(alpha):
    drawn = beta(tf.constant(4000), tf.constant(alpha), KEY).numpy()
    assert ((drawn >= 0) & (drawn <= 1)).all()
    found = scipy.stats.kstest(drawn.astype(float), scipy.stats.beta(alpha, alpha).cdf)
    # In 32 bits, shares of a tiny α round to 0 and 1.
    assert found.pvalue > 1e-3 or (alpha == 0.01 and found.statistic < 0.5)
    np.testing.assert_array_equal(drawn, beta(tf.constant(4000), tf.constant(alpha), KEY))


def test_mixup_is_its_formula():
    kept = 1 - SHARES[:, None, None, None]
    expected = kept * OWN + (1 - kept) * OTHER
    np.testing.assert_allclose(mixup(OWN, OTHER, SHARES), expected, rtol=1e-4, atol=1e-3)


def test_cutmix_pastes_a_rectangle_of_its_share():
    drawn = CHANCE.uniform(size=(COUNT, 2)).astype(np.float32)
    out = cutmix(tf.constant(OWN), tf.constant(OTHER), SHARES, drawn).numpy()
    taken = pasted(SIZE, SHARES, drawn).numpy()
    for i in range(COUNT):
        half = np.sqrt(SHARES[i]) * SIZE / 2
        x, y = drawn[i] * SIZE
        places = np.arange(SIZE) + 0.5
        columns = (places >= x - half) & (places < x + half)
        rows = (places >= y - half) & (places < y + half)
        inside = rows[:, None] & columns
        np.testing.assert_array_equal(out[i], np.where(inside[..., None], OTHER[i], OWN[i]))
        assert taken[i] == pytest.approx(inside.mean(), abs=1e-6)
    assert taken.max() > 0.5


def test_with_both_each_image_has_one_of_them():
    augment = augmentation(Hyperparameters(image_size=SIZE, mixup=1.0, cutmix=1.0))
    drawn = augment.draw(tf.constant(COUNT), KEY, 3)
    out = augment.mixed_images(tf.constant(OWN), tf.constant(OTHER), drawn).numpy()
    shares = augment.shares(drawn, SIZE).numpy()
    is_cut = ((out == OWN) | (out == OTHER)).all((1, 2, 3))
    assert 10 < is_cut.sum() < 30
    for own, other, mixed, share, cut in zip(OWN, OTHER, out, shares, is_cut, strict=True):
        if cut:
            assert (mixed == other).all(-1).mean() == pytest.approx(share, abs=1e-6)
        else:
            np.testing.assert_allclose(mixed, own + share * (other - own), atol=1e-2)


class TestFeatures:
    @pytest.mark.parametrize("shape", [(24,), (3, 3, 24)])
    def test_jitter_is_its_formula(self, shape):
        features = np.maximum(CHANCE.normal(1, 2, (8, *shape)), 0).astype(np.float32)
        drawn = CHANCE.uniform(size=(8, 24)).astype(np.float32)
        out = jittered(tf.constant(features), tf.constant(drawn), 0.3).numpy()
        for one, draws, result in zip(features, drawn, out, strict=True):
            low, high = one.min(), one.max()
            scaled = (one - low) / (high - low) + 0.3 * (2 * draws - 1)
            expected = np.clip(scaled, 0, 1) * (high - low) + low
            np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-4)

    def test_mixup_mixes_them_with_their_neighbours(self):
        augment = augmentation(Hyperparameters(image_size=SIZE, feature_mixup=0.4))
        features = tf.constant(CHANCE.normal(size=(COUNT, 24)), tf.float32)
        drawn = augment.draw(tf.constant(COUNT), KEY, 24)
        out, shares = augment.features(features, drawn)
        expected = (1 - shares[:, None]) * features + shares[:, None] * partners(features)
        np.testing.assert_allclose(out, expected, atol=1e-5)
        images = tf.constant(OWN)
        assert augment.images(images, drawn) is images
        assert augment.shares(drawn, SIZE) is None


def linear():
    keras.utils.set_random_seed(1)
    return keras.Sequential(
        [keras.Input((SIZE, SIZE, 3)), keras.layers.Flatten(), keras.layers.Dense(3)]
    )


@pytest.mark.parametrize(
    ("loss", "smoothing"), [("categorical", 0.0), ("categorical", 0.2), ("binary", 0.2)]
)
@pytest.mark.parametrize("name", ["mixup", "cutmix", "feature_mixup"])
def test_the_loop_trains_on_the_mixed_labels(name, loss, smoothing):
    """An update is that of Keras's loss for mixed images and soft labels."""
    augment = augmentation(Hyperparameters(image_size=SIZE, **{name: 0.7}))
    pixels, labels = tf.constant(OWN / 255), tf.constant(np.arange(COUNT) % 3, tf.int32)
    ours, theirs = linear(), linear()
    loop = Loop(ours, keras.optimizers.SGD(), loss, augment)
    loop.adjust(COUNT, smoothing, np.ones(3, np.float32))
    order, rates = np.arange(COUNT), np.array([0.05], np.float32)
    found, _ = loop.train_epoch(Examples(pixels, labels), order, rates, (7, 3))
    key = tf.random.experimental.stateless_fold_in(tf.constant([7, 3], tf.int64), 0)
    drawn = augment.draw(tf.constant(COUNT), key, 3)
    if name == "feature_mixup":
        mixed, shares = augment.features(pixels, drawn)
    else:
        mixed = augment.mixed_images(pixels, partners(pixels), drawn)
        shares = augment.shares(drawn, SIZE)
    one_hot = tf.one_hot(labels, 3)
    soft = (1 - shares[:, None]) * one_hot + shares[:, None] * partners(one_hot)
    kind = {
        "categorical": keras.losses.CategoricalCrossentropy,
        "binary": keras.losses.BinaryCrossentropy,
    }[loss](from_logits=True, label_smoothing=smoothing)
    theirs.compile(keras.optimizers.SGD(0.05), kind)
    expected = theirs.train_on_batch(mixed, soft)
    assert found == pytest.approx(float(expected), rel=1e-4)
    for one, other in zip(ours.get_weights(), theirs.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_class_weights_count_by_the_shares_of_both_labels():
    """As PyTorch's cross-entropy of soft labels with weights: each class's part by its weight."""
    augment = augmentation(Hyperparameters(image_size=SIZE, mixup=0.7))
    pixels, labels = tf.constant(OWN / 255), tf.constant(np.arange(COUNT) % 3, tf.int32)
    model = linear()
    weights = np.array([0.5, 2.0, 4.0], np.float32)
    loop = Loop(model, keras.optimizers.SGD(), "categorical", augment)
    loop.adjust(COUNT, 0.0, weights)
    before = model.get_weights()[1]
    key = tf.random.experimental.stateless_fold_in(tf.constant([7, 3], tf.int64), 0)
    drawn = augment.draw(tf.constant(COUNT), key, 3)
    mixed = augment.mixed_images(pixels, partners(pixels), drawn)
    shares = augment.shares(drawn, SIZE).numpy()[:, None]
    one_hot = np.eye(3)[labels.numpy()]
    soft = ((1 - shares) * one_hot + shares * np.roll(one_hot, 1, 0)) * weights
    predicted = scipy.special.softmax(model(mixed).numpy().astype(float), -1)
    gradient = (soft.sum(-1, keepdims=True) * predicted - soft).mean(0)
    loop.train_epoch(Examples(pixels, labels), np.arange(COUNT), np.array([0.1]), (7, 3))
    np.testing.assert_allclose(
        (before - model.get_weights()[1]) / 0.1, gradient, rtol=1e-3, atol=1e-5
    )
