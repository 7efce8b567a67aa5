"""Scaled losses: gradients come out unscaled; an overflow costs an update and halves the scale."""

from __future__ import annotations

import keras
import numpy as np
import pytest
import tensorflow as tf

from spaces.hyperparameters import Hyperparameters
from trainables.optimizers import loss_scaling
from trainables.optimizers.loss_scaling import LossScaling
from trainables.optimizers.optimizers import optimizer_of


@pytest.fixture
def weight():
    return keras.Variable(np.array([1.0, -2.0], np.float32), name="kernel")


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "schedule_free"])
def test_an_overflow_changes_nothing_but_the_scale(optimizer, weight):
    made = optimizer_of(Hyperparameters(optimizer=optimizer, learning_rate=0.1))
    made.build([weight])
    scaling = LossScaling(made)
    run = tf.function(lambda gradient: scaling.apply([gradient], [weight]))
    before = [v.numpy() for v in made.variables]
    run(tf.constant([np.inf, 1.0]))
    np.testing.assert_array_equal(weight.numpy(), [1, -2])
    assert float(scaling.scale) == 2**14
    for old, variable in zip(before, made.variables, strict=True):
        if "halvings" not in variable.path:
            np.testing.assert_array_equal(variable.numpy(), old)
    run(tf.constant([2.0**14, 0.0]))
    other = keras.Variable(np.array([1.0, -2.0], np.float32), name="kernel")
    plain = optimizer_of(Hyperparameters(optimizer=optimizer, learning_rate=0.1))
    plain.build([other])
    plain.apply([tf.constant([1.0, 0.0])], [other])
    np.testing.assert_allclose(weight.numpy(), other.numpy(), rtol=1e-6)
    assert weight.numpy()[0] < 1
    made.reset()
    assert float(scaling.scale) == 2**15


def test_the_scale_doubles_after_many_sound_updates(weight, monkeypatch):
    monkeypatch.setattr(loss_scaling, "_GROWS_AFTER", 3)
    made = optimizer_of(Hyperparameters(optimizer="sgd"))
    made.build([weight])
    scaling = LossScaling(made)
    run = tf.function(lambda: scaling.apply([tf.constant([0.0, 0.0])], [weight]))
    scales = []
    for _ in range(4):
        run()
        scales.append(float(scaling.scale))
    assert scales == [2**15, 2**15, 2**16, 2**16]
