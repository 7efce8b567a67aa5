"""A training: the same from the same seed, the same after an interruption, and its best kept."""

from __future__ import annotations

import dataclasses
import math
import re

import keras
import numpy as np
import pytest
import tensorflow as tf
from sklearn.metrics import log_loss

from spaces.errors import TrialFailedError
from spaces.hyperparameters import Hyperparameters
from spaces.study import Objective
from trainables.features.in_memory import Examples
from trainables.networks.head import PREFIX
from trainables.prediction.inference import probabilities
from trainables.training.checkpoints import Checkpoints
from trainables.training.loop import Loop
from trainables.training.measurement import KINDS
from trainables.training.network_pool import build_pretrained
from trainables.training.schedule import Schedule
from trainables.training.training import Training

MAX = Objective(metric="val_accuracy", mode="max")
MIN = Objective(metric="val_loss", mode="min")
CLASSES = 3

TINY = {
    "backbone": "none",
    "weights": "none",
    "image_size": 16,
    "preprocessing": "unit",
    "convolutions": (4,),
    "convolution_pooling": True,
    "batch_size": 16,
    "epochs": 4,
    "learning_rate": 0.01,
}
COMMON = {"image_size": 32, "batch_size": 16, "epochs": 4}
LITE = COMMON | {"truncation_layer": "block4_add"}
"""EfficientNet-Lite0 with its ImageNet weights, cut off early: random ones would say nothing."""

VGG = COMMON | {"backbone": "VGG16", "weights": "none", "truncation_layer": "block2_pool"}
"""Without batch norms, where they do not matter."""


def point(base=TINY, **values):
    return Hyperparameters(**(base | values))


@pytest.fixture(scope="module")
def begin(make_images):
    """A training of a configuration on 50 images, 20 to validate on."""

    def training(configuration, seed=3, objective=MAX, validation=True):
        size = configuration.image_size
        images = make_images(50, CLASSES, size), make_images(20, CLASSES, size, seed=1)
        return Training(
            configuration, CLASSES, images[0], images[1] if validation else None, seed, objective
        )

    return training


def weights(training):
    return weights_of(training.network.model)


def weights_of(model):
    """By name; Keras numbers random number generators on from whatever was built before."""
    return {
        re.sub(r"seed_generator_\d+/", "seed_generator/", v.path): v.numpy()
        for v in model.variables
    }


def assert_same_weights(one, other, **tolerance):
    assert list(one) == list(other)
    for path in one:
        np.testing.assert_allclose(one[path], other[path], err_msg=path, **tolerance)


def told(measurement):
    """All of a measurement but the time that it took."""
    return dataclasses.replace(measurement, seconds={})


def run(training):
    """Train to the end."""
    measurements = []
    while training.end is None:
        measurements.append(training.run_epoch())
    return measurements


CONFIGURATIONS = {
    "dropout": point(dropout=0.5, dense_units=(8,)),
    "momentum and batch norm": point(
        optimizer="sgd",
        momentum=0.9,
        weight_decay=0.01,
        decay="time",
        convolution_batch_norm=True,
        head_batch_norm="pooling",
    ),
    "averages, clipping, warm-up": point(
        optimizer="adamw", ema_momentum=0.9, clip_norm=0.5, warmup=0.5, weight_decay=0.1
    ),
    "schedule-free": point(optimizer="schedule_free", weight_decay=0.1, warmup=0.2),
    "uneven classes": point(
        optimizer="lion", loss="focal", sampling="balanced", learning_rate=1e-3
    ),
    "rates by layer, in two phases": point(
        LITE, unfrozen_depth=3, head_epochs=1, layer_decay=0.5, ema_momentum=0.5, warmup=0.3
    ),
    "augmentation": point(flip="horizontal", rotation=30.0, zoom=0.2, dropout=0.2),
    "all that changes pixels": point(
        rotation=30.0,
        color_jitter=0.3,
        blur=0.5,
        erasing=0.5,
        trivial_augment=True,
        mixup=0.4,
        cutmix=1.0,
    ),
    "features": point(LITE, feature_mixup=0.4, feature_jitter=0.2, dropout=0.2),
    "views that are mixed": point(LITE, flip="horizontal", cutmix=1.0, views=2),
    "plateau and early stopping": point(
        optimizer="sgd",
        learning_rate=3.0,
        decay="plateau",
        decay_patience=1,
        decay_factor=0.5,
        early_stopping=4,
        epochs=9,
    ),
    "two phases, checkpoint in the first": point(
        VGG, unfrozen_depth=2, head_epochs=3, thaw_learning_rate=1e-4
    ),
    "two phases, checkpoint between them": point(
        VGG, unfrozen_depth=2, head_epochs=2, thaw_learning_rate=1e-4, dropout=0.2
    ),
    "two phases, checkpoint in the second": point(
        LITE, unfrozen_depth=2, head_epochs=1, batch_norm="trained", decay="cosine", dropout=0.2
    ),
}


@pytest.mark.parametrize("configuration", CONFIGURATIONS.values(), ids=CONFIGURATIONS)
def test_interrupted_and_gone_on_with_is_as_if_it_had_not_been(begin, tmp_path, configuration):
    whole = begin(configuration)
    for _ in range(2):
        whole.run_epoch()
    Checkpoints(str(tmp_path)).save(whole.epoch, whole.state())
    resumed = begin(configuration)
    resumed.restore(Checkpoints(str(tmp_path)).load(whole.epoch))
    assert resumed.epoch == 2
    expected, found = run(whole), run(resumed)
    assert len(expected) >= 1
    assert list(map(told, found)) == list(map(told, expected))
    assert resumed.end == whole.end
    assert_same_weights(weights(resumed), weights(whole), rtol=1e-6, atol=1e-7)
    whole.restore_best()
    resumed.restore_best()
    assert_same_weights(weights(resumed), weights(whole), rtol=1e-6, atol=1e-7)


def test_a_checkpoint_of_the_end_has_its_best_weights(begin, tmp_path):
    whole = begin(point(optimizer="sgd", learning_rate=2.0, epochs=3))
    run(whole)
    Checkpoints(str(tmp_path)).save(whole.epoch, whole.state())
    resumed = begin(whole.point)
    resumed.restore(Checkpoints(str(tmp_path)).load(whole.epoch))
    assert (resumed.epoch, resumed.end) == (3, "max_epochs")
    whole.restore_best()
    resumed.restore_best()
    assert_same_weights(weights(resumed), weights(whole))


def test_a_checkpoint_before_the_first_epoch_begins_anew(begin):
    fresh, resumed = begin(point(dropout=0.3)), begin(point(dropout=0.3))
    resumed.restore(fresh.state())
    assert told(resumed.run_epoch()) == told(fresh.run_epoch())


def test_the_same_seed_gives_the_same_numbers_and_another_seed_others(begin):
    configuration = CONFIGURATIONS["augmentation"]
    one, same, other = (begin(configuration, seed=seed) for seed in (3, 3, 4))
    first, second, third = ([told(t.run_epoch()) for _ in range(2)] for t in (one, same, other))
    assert first == second != third
    assert_same_weights(weights(one), weights(same))
    logits = f"{PREFIX}logits/kernel"
    assert not np.array_equal(weights(one)[logits], weights(other)[logits])


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


def test_gone_on_with_between_the_phases_the_second_one_begins_once(begin, monkeypatch):
    configuration = CONFIGURATIONS["two phases, checkpoint between them"]
    whole = begin(configuration)
    for _ in range(2):
        whole.run_epoch()
    resumed = begin(configuration)
    entered = []
    enter = Training._enter_phase
    monkeypatch.setattr(
        Training, "_enter_phase", lambda self, epoch: (entered.append(epoch), enter(self, epoch))
    )
    resumed.restore(whole.state())
    resumed.run_epoch()
    assert entered == [3]


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


@pytest.mark.parametrize(
    "metric", ["val_accuracy", "val_balanced_accuracy", "val_macro_f1", "val_auc", "val_loss"]
)
def test_an_objective_is_the_score_of_scikit_learn_on_the_whole_validation_set(make_images, metric):
    """257 images and a ragged batch, of classes of very different sizes."""
    from sklearn import metrics

    images = make_images(400, CLASSES, 16, seed=1)
    keep = np.flatnonzero((images.labels != 2) | (np.arange(400) < 40))
    uneven = dataclasses.replace(
        images, pixels=images.pixels[keep], labels=images.labels[keep], fingerprint="uneven 3"
    )
    training = Training(
        point(epochs=1), CLASSES, make_images(50, CLASSES, 16), uneven, 3, Objective(metric=metric)
    )
    measurement = training.run_epoch()
    shares = probabilities(training.network.with_probabilities(), uneven.pixels)
    shares = shares / shares.sum(-1, keepdims=True, dtype=float)
    predicted = shares.argmax(-1)
    expected = {
        "val_accuracy": metrics.accuracy_score(uneven.labels, predicted),
        "val_balanced_accuracy": metrics.balanced_accuracy_score(uneven.labels, predicted),
        "val_macro_f1": metrics.f1_score(uneven.labels, predicted, average="macro"),
        "val_loss": metrics.log_loss(
            uneven.labels, shares / shares.sum(-1, keepdims=True, dtype=float)
        ),
    }
    for name, value in expected.items():
        assert getattr(measurement, name) == pytest.approx(value, rel=1e-4), name
    assert (measurement.val_auc is not None) == (metric == "val_auc")
    if metric == "val_auc":
        area = metrics.roc_auc_score(uneven.labels, shares, multi_class="ovr")
        assert measurement.val_auc == pytest.approx(area, abs=1e-4)


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


class TestMeasurements:
    def test_they_say_what_was_trained(self, begin):
        training = begin(point(decay="exponential", decay_factor=0.5))
        measurements = run(training)
        steps = math.ceil(50 / 16)
        rates = [Schedule(training.point).rates(epoch, steps)[-1] for epoch in (1, 2, 3, 4)]
        assert [m.learning_rate for m in measurements] == pytest.approx(rates)
        assert measurements[-1].train_loss < measurements[0].train_loss
        for measurement in measurements:
            assert 0 <= measurement.val_accuracy <= 1
            assert measurement.val_accuracy * 20 == pytest.approx(
                round(measurement.val_accuracy * 20)
            )
            assert measurement.train_accuracy * 50 == pytest.approx(
                round(measurement.train_accuracy * 50), abs=1e-3
            )

    def test_validation_is_on_the_weights_after_the_epoch(self, begin, make_images):
        training = begin(point())
        measurement = training.run_epoch()
        images = make_images(20, CLASSES, 16, seed=1)
        logits = training.network.model(images.pixels.astype(np.float32), training=False)
        each = keras.losses.sparse_categorical_crossentropy(images.labels, logits, from_logits=True)
        assert measurement.val_loss == pytest.approx(float(np.mean(each)), rel=1e-5)
        assert measurement.val_accuracy == np.mean(np.argmax(logits, -1) == images.labels)

    @pytest.mark.parametrize(
        "values",
        [
            {"label_smoothing": 0.3},
            {"loss": "categorical", "class_weights": "balanced"},
            {"loss": "binary", "output_activation": "sigmoid", "label_smoothing": 0.3},
            {"output_activation": "sigmoid"},
        ],
    )
    def test_val_loss_is_one_quantity_whatever_is_trained(self, begin, make_images, values):
        """The log loss of the predicted shares, by scikit-learn."""
        training = begin(point(**values))
        measurement = training.run_epoch()
        images = make_images(20, CLASSES, 16, seed=1)
        shares = probabilities(training.network.with_probabilities(), images.pixels)
        expected = log_loss(images.labels, shares / shares.sum(-1, keepdims=True, dtype=float))
        assert measurement.val_loss == pytest.approx(expected, rel=1e-4)

    def test_their_seconds_are_of_known_kinds_and_counted_once(self, begin):
        training = begin(point(VGG, unfrozen_depth=1))
        training.add_seconds("data", 5.0)
        first, second = training.run_epoch(), training.run_epoch()
        assert {"start", "features", "train", "evaluate", "data"} == set(first.seconds)
        assert first.seconds["data"] == 5.0
        assert set(second.seconds) == {"train", "evaluate"}
        assert set(first.seconds) <= set(KINDS)
        assert all(seconds >= 0 for seconds in first.seconds.values())


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
