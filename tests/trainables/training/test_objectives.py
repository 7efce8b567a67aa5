"""What is measured after an epoch: the scores that can be an objective, beside scikit-learn's."""

from __future__ import annotations

import dataclasses
import math

import keras
import numpy as np
import pytest
from sklearn.metrics import log_loss

from spaces.studies.study import Objective
from tests.trainables.training.trainings import CLASSES, VGG, point, run
from trainables.prediction.inference import probabilities
from trainables.training.measurement import KINDS
from trainables.training.schedule import Schedule
from trainables.training.training import Training


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
