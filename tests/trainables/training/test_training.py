"""A training: what it changes, when it ends, and its best weights kept."""

from __future__ import annotations

import dataclasses
import math

import keras
import numpy as np
import pytest
import tensorflow as tf

from spaces.errors import TrialFailedError
from tests.trainables.training.trainings import (
    CLASSES,
    LITE,
    MAX,
    MIN,
    VGG,
    assert_same_weights,
    point,
    run,
    weights,
    weights_of,
)
from trainables.features.in_memory import Examples
from trainables.networks.head import PREFIX
from trainables.training.epoch.loop import Loop
from trainables.training.network_pool import build_pretrained
from trainables.training.schedule import Schedule
from trainables.training.training import Training


def test_what_is_kept_below_the_cut_changes_nothing(begin, make_images):
    """From stored features, and through the whole network: the same weights to 1e-5."""
    # Not Adam, which makes a whole step of a gradient that is nothing but rounding.
    configuration = point(
        LITE | {"unfrozen_depth": 3, "batch_norm": "trained", "dropout": 0.3, "epochs": 2},
        optimizer="sgd",
        learning_rate=1e-3,
    )
    seed = 11
    cached = begin(configuration, seed=seed)
    images = make_images(50, CLASSES, 32)
    network = build_pretrained(configuration, CLASSES, seed)
    optimizer = keras.optimizers.SGD(momentum=0.9)
    live = Loop(network.model, optimizer, configuration.loss)
    live.adjust(configuration.batch_size, 0.0, np.ones(CLASSES, np.float32))
    examples = Examples(tf.constant(images.pixels), tf.constant(images.labels))
    steps = math.ceil(50 / configuration.batch_size)
    for epoch in (1, 2):
        order = np.random.default_rng((seed, epoch)).permutation(50).astype(np.int32)
        expected = live.train_epoch(examples, order, Schedule(configuration).rates(epoch, steps))
        measurement = cached.run_epoch()
        found = measurement.train_loss, measurement.train_accuracy
        assert found == pytest.approx(expected, rel=1e-4)
    assert_same_weights(weights(cached), weights_of(network.model), rtol=0, atol=1e-5)


class TestThawing:
    def changed(self, training):
        before = weights(training)
        training.run_epoch()
        after = weights(training)
        return {p for p in after if not np.array_equal(before[p], after[p]) and "seed" not in p}

    CONVOLUTIONS = {"block4_depthwise_conv", "block4_project_conv"}
    NORMS = {"block4_depthwise_bn", "block4_project_bn"}
    HEAD = {f"{PREFIX}logits"}

    def test_frozen_batch_norms_do_not_move(self, begin):
        training = begin(point(LITE, unfrozen_depth=2, batch_norm="frozen"))
        changed = self.changed(training)
        assert {path.split("/")[0] for path in changed} == self.CONVOLUTIONS | self.HEAD

    def test_the_head_moves_alone_and_then_what_is_thawed(self, begin):
        training = begin(point(LITE, unfrozen_depth=2, head_epochs=1, batch_norm="trained"))
        assert {path.split("/")[0] for path in self.changed(training)} == self.HEAD
        changed = self.changed(training)
        layers = {path.split("/")[0] for path in changed}
        assert layers == self.CONVOLUTIONS | self.NORMS | self.HEAD
        assert len({path for path in changed if "moving" in path}) == 2 * len(self.NORMS)

    def test_the_head_comes_first_also_where_it_is_frozen_then(self, begin):
        training = begin(point(VGG, unfrozen_depth=2, frozen_part="dense", head_epochs=1))
        assert {path.split("/")[0] for path in self.changed(training)} == self.HEAD
        layers = {path.split("/")[0] for path in self.changed(training)}
        assert layers == {"block2_conv1", "block2_conv2"}


class TestEnd:
    def test_after_its_epochs(self, begin):
        training = begin(point(epochs=2))
        assert training.end is None
        assert [m.epoch for m in run(training)] == [1, 2]
        assert training.end == "max_epochs"

    def test_early_where_the_loss_does_not_fall(self, begin):
        training = begin(point(optimizer="sgd", learning_rate=1e-30, early_stopping=2, epochs=9))
        assert len(run(training)) == 3
        assert training.end == "early_stopping"

    @pytest.mark.parametrize("validation", [True, False])
    def test_a_loss_that_is_not_finite_fails_the_trial(self, begin, validation):
        training = begin(
            point(optimizer="sgd", learning_rate=1e30, dense_units=(8,)), validation=validation
        )
        with pytest.raises(TrialFailedError, match="epoch") as error:
            run(training)
        assert error.value.reason == "non_finite"


class TestBest:
    @pytest.mark.parametrize("objective", [MAX, MIN], ids=["max", "min"])
    def test_it_is_the_best_epochs_weights_that_come_back(self, begin, objective):
        training = begin(point(optimizer="sgd", learning_rate=1.5, epochs=7), objective=objective)
        seen = []
        while training.end is None:
            seen.append((training.run_epoch(), weights(training)))
        values = [getattr(m, objective.metric) for m, _ in seen]
        best = (max if objective.mode == "max" else min)(values)
        position = values.index(best)
        assert training.best == seen[position][0]
        assert position < len(seen) - 1, "the last epoch being the best proves nothing"
        training.restore_best()
        assert_same_weights(weights(training), seen[position][1])

    def test_without_validation_images_it_is_the_last_epoch(self, begin):
        training = begin(point(optimizer="sgd", learning_rate=1.5, epochs=3), validation=False)
        measurements = run(training)
        last = weights(training)
        assert all(math.isnan(m.val_loss) and math.isnan(m.val_accuracy) for m in measurements)
        training.restore_best()
        assert_same_weights(weights(training), last)


class TestAverages:
    @pytest.mark.parametrize("values", [{"ema_momentum": 0.9}, {"optimizer": "schedule_free"}])
    def test_they_are_validated_and_kept_and_training_continues_with_the_weights(
        self, begin, make_images, values
    ):
        training = begin(point(**values))
        images = make_images(20, CLASSES, 16, seed=1)
        measured, kernel = [], f"{PREFIX}logits/kernel"
        for _ in range(2):
            measured.append(training.run_epoch())
            trained = weights(training)
            with training._loop.averaged():
                averages = weights(training)
                logits = training.network.model(images.pixels.astype(np.float32), training=False)
            assert not np.allclose(averages[kernel], trained[kernel])
            assert_same_weights(weights(training), trained)
            each = keras.losses.sparse_categorical_crossentropy(
                images.labels, logits, from_logits=True
            )
            assert measured[-1].val_loss == pytest.approx(float(np.mean(each)), rel=1e-5)
            if training.best == measured[-1]:
                best = averages
        training.restore_best()
        assert_same_weights(weights(training), best)

    def test_without_validation_images_they_are_what_is_kept(self, begin):
        training = begin(point(ema_momentum=0.9, epochs=2), validation=False)
        run(training)
        with training._loop.averaged():
            averages = weights(training)
        training.restore_best()
        assert_same_weights(weights(training), averages)


def test_logits_are_adjusted_by_the_classes_shares_in_training_alone(make_images):
    """The first gradient is that of cross-entropy at logits + τ log π."""
    images = make_images(48, CLASSES, 16)
    keep = np.flatnonzero((images.labels != 2) | (np.arange(48) < 12))
    uneven = dataclasses.replace(
        images, pixels=images.pixels[keep], labels=images.labels[keep], fingerprint="uneven 2"
    )
    configuration = point(logit_adjustment=1.5, optimizer="sgd", epochs=1, batch_size=64)
    training = Training(configuration, CLASSES, uneven, uneven, 1, MAX)
    model = training.network.model
    bias = model.get_layer(f"{PREFIX}logits").bias
    before, logits = bias.numpy(), model(uneven.pixels.astype(np.float32)).numpy()
    training.run_epoch()
    priors = np.bincount(uneven.labels) / len(uneven.labels)
    shares = np.asarray(keras.activations.softmax(tf.constant(logits + 1.5 * np.log(priors))))
    gradient = (shares - np.eye(3)[uneven.labels]).mean(0)
    moved = (before - bias.numpy()) / configuration.learning_rate
    np.testing.assert_allclose(moved, gradient, rtol=1e-3, atol=1e-5)


class TestClassWeights:
    def test_rare_classes_count_more(self, make_images):
        """As scikit-learn has "balanced"."""
        from sklearn.utils.class_weight import compute_class_weight

        images = make_images(48, CLASSES, 16)
        keep = np.flatnonzero((images.labels != 2) | (np.arange(48) < 12))
        uneven = dataclasses.replace(
            images, pixels=images.pixels[keep], labels=images.labels[keep], fingerprint="uneven"
        )
        expected = compute_class_weight("balanced", classes=np.arange(3), y=uneven.labels)
        weights_of = dict(enumerate(expected.astype(np.float32)))
        configuration = point(class_weights="balanced", optimizer="sgd", epochs=1, batch_size=64)
        training = Training(configuration, CLASSES, uneven, uneven, 1, MAX)
        model = training.network.model
        bias = model.get_layer(f"{PREFIX}logits").bias
        before = bias.numpy()
        logits = model(uneven.pixels.astype(np.float32)).numpy()
        training.run_epoch()
        shares = np.asarray(keras.activations.softmax(tf.constant(logits)))
        each = np.array([weights_of[label] for label in uneven.labels])[:, None]
        gradient = (each * (shares - np.eye(3)[uneven.labels])).mean(0)
        moved = (before - bias.numpy()) / configuration.learning_rate
        np.testing.assert_allclose(moved, gradient, rtol=1e-3, atol=1e-5)
