"""Learning rates are those of Keras's schedules and callbacks; early stopping is Keras's too."""

from __future__ import annotations

from typing import get_args

import keras
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spaces.hyperparameters import Decay, Hyperparameters
from trainables.training.schedule import Schedule

STEPS, EPOCHS, RATE = 7, 12, 0.02
Schedules = keras.optimizers.schedules

REFERENCES = {
    "none": ({}, lambda update: RATE),
    "time": ({"decay_rate": 0.05}, Schedules.InverseTimeDecay(RATE, 1, 0.05)),
    "step": (
        {"decay_factor": 0.5, "decay_epochs": 3},
        Schedules.ExponentialDecay(RATE, 3 * STEPS, 0.5, staircase=True),
    ),
    "exponential": ({"decay_factor": 0.9}, Schedules.ExponentialDecay(RATE, STEPS, 0.9)),
    "cosine": ({"decay_floor": 0.1}, Schedules.CosineDecay(RATE, STEPS * EPOCHS, alpha=0.1)),
}


def schedule(decay="none", **values):
    return Schedule(Hyperparameters(decay=decay, learning_rate=RATE, epochs=EPOCHS, **values))


def test_every_decay_is_compared():
    assert set(REFERENCES) | {"plateau"} == set(get_args(Decay))


@pytest.mark.parametrize("decay", REFERENCES)
def test_a_decay_is_keras_own(decay):
    values, reference = REFERENCES[decay]
    ours = schedule(decay, **values)
    for epoch in range(1, EPOCHS + 1):
        updates = range((epoch - 1) * STEPS, epoch * STEPS)
        expected = [float(reference(update)) for update in updates]
        np.testing.assert_allclose(ours.rates(epoch, STEPS), expected, rtol=1e-5)


@pytest.mark.parametrize("decay", REFERENCES)
def test_warm_up_is_linear_and_leaves_the_rest_as_it_is(decay):
    """Update i of the first m has i / m of its rate: https://arxiv.org/abs/1706.02677."""
    values, _ = REFERENCES[decay]
    warm, plain = schedule(decay, **values, warmup=0.25), schedule(decay, **values)
    pairs = [(warm.rates(e, STEPS), plain.rates(e, STEPS)) for e in range(1, EPOCHS + 1)]
    found, expected = (np.concatenate(rates) for rates in zip(*pairs, strict=True))
    most = EPOCHS * STEPS // 4
    factors = np.minimum(1, np.arange(1, EPOCHS * STEPS + 1) / most)
    np.testing.assert_allclose(found, expected * factors, rtol=1e-5)
    assert found[most - 1] == expected[most - 1]


def test_each_phase_warms_up():
    ours = schedule(unfrozen_depth=1, head_epochs=2, thaw_learning_rate=0.1, warmup=0.5)
    first = np.concatenate([ours.rates(epoch, STEPS) for epoch in (1, 2)])
    np.testing.assert_allclose(
        first, RATE * np.minimum(1, np.arange(1, 2 * STEPS + 1) / STEPS), rtol=1e-5
    )
    thawed = np.concatenate([ours.rates(epoch, STEPS) for epoch in range(3, EPOCHS + 1)])
    most = 0.5 * (EPOCHS - 2) * STEPS
    np.testing.assert_allclose(
        thawed, 0.1 * np.minimum(1, np.arange(1, len(thawed) + 1) / most), rtol=1e-5
    )


def test_early_stopping_can_watch_something_else_than_the_plateau():
    ours = schedule("plateau", decay_patience=2, early_stopping=3)
    for epoch, watched in enumerate((0.9, 0.8, 0.7), start=1):  # the loss does not fall
        ours.observe(epoch, 1.0, watched)
    assert (ours.epochs_since_best, ours.drops) == (0, 1)
    for epoch in (4, 5, 6):  # the loss falls, what is watched does not
        ours.observe(epoch, 1.0 - epoch / 10, 0.7)
    assert ours.stops_early(6)
    assert ours.drops == 1
    again = schedule("plateau", decay_patience=2, early_stopping=3)
    again.restore(ours.state())
    assert again == ours


def test_a_state_of_older_versions_watches_the_loss():
    ours = schedule("plateau", decay_patience=2, early_stopping=3)
    ours.restore(np.array([0.4, 2, 1, 0], np.float64))
    assert (ours.best_loss, ours.best, ours.epochs_since_best) == (0.4, 0.4, 2)


@pytest.mark.parametrize("decay", get_args(Decay))
class TestEvery:
    def test_it_begins_with_the_learning_rate(self, decay):
        assert schedule(decay).rates(1, STEPS)[0] == np.float32(RATE)

    def test_there_is_a_rate_for_each_update(self, decay):
        for epoch in (1, 5):
            rates = schedule(decay).rates(epoch, STEPS)
            assert rates.shape == (STEPS,)
            assert rates.dtype == np.float32
            assert (rates >= 0).all()

    def test_it_never_rises(self, decay):
        ours = schedule(decay)
        rates = []
        for epoch in range(1, EPOCHS + 1):
            rates.append(ours.rates(epoch, STEPS))
            ours.observe(epoch, 1.0)
        assert (np.diff(np.concatenate(rates)) <= 0).all()
        assert (rates[-1][-1] < RATE) == (decay != "none")

    def test_a_thawed_phase_can_have_its_own_rate(self, decay):
        phases = {"unfrozen_depth": 1, "head_epochs": 2}
        plain, thawed = (
            schedule(decay, **phases),
            schedule(decay, thaw_learning_rate=RATE / 8, **phases),
        )
        for epoch in range(1, 6):
            expected = plain.rates(epoch, STEPS) / (8 if epoch > 2 else 1)
            np.testing.assert_allclose(thawed.rates(epoch, STEPS), expected, rtol=1e-6)

    @pytest.mark.parametrize("seen", [0, 1, 5])
    def test_what_is_restored_goes_on_as_before(self, decay, seen):
        losses = [1.0, 0.9, 0.95, 0.95, 0.97, 0.8, 0.9, 0.9, 0.9, 0.9, 0.9]
        patience = {"decay_patience": 1} if decay == "plateau" else {}
        ours = schedule(decay, early_stopping=4, **patience)
        for epoch, loss in enumerate(losses[:seen], 1):
            ours.observe(epoch, loss)
        again = schedule(decay, early_stopping=4, **patience)
        again.restore(ours.state())
        for epoch, loss in enumerate(losses[seen:], seen + 1):
            np.testing.assert_array_equal(ours.rates(epoch, STEPS), again.rates(epoch, STEPS))
            ours.observe(epoch, loss)
            again.observe(epoch, loss)
            assert ours == again
            assert ours.stops_early(epoch) == again.stops_early(epoch)
        assert ours.stops_early(epoch)


LOSSES = st.lists(st.sampled_from([0.5, 0.6, 0.7, 0.8]), min_size=1, max_size=EPOCHS)


def keras_callback(callback):
    """A Keras callback with a model of one rate, as `fit` would drive it."""
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
    model.compile(optimizer=keras.optimizers.SGD(RATE), loss="mse")
    callback.set_model(model)
    callback.on_train_begin()
    return model


@pytest.fixture(scope="module")
def plateau_model():
    return keras_callback(keras.callbacks.ReduceLROnPlateau())


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")  # Keras's own
@pytest.mark.parametrize("patience", [1, 2, 3])
@given(losses=LOSSES)
@settings(max_examples=25)
def test_plateau_is_keras_reduce_on_plateau(plateau_model, patience, losses):
    ours = schedule("plateau", decay_factor=0.5, decay_patience=patience)
    theirs = keras.callbacks.ReduceLROnPlateau(
        monitor="val_loss", factor=0.5, patience=patience, min_delta=0.0
    )
    theirs.set_model(plateau_model)
    plateau_model.optimizer.learning_rate = RATE
    theirs.on_train_begin()
    for epoch, loss in enumerate(losses, 1):
        expected = np.float32(plateau_model.optimizer.learning_rate)
        np.testing.assert_allclose(ours.rates(epoch, STEPS), np.full(STEPS, expected), rtol=1e-6)
        ours.observe(epoch, loss)
        theirs.on_epoch_end(epoch - 1, {"val_loss": loss})


@pytest.mark.parametrize("patience", [1, 2, 4])
@given(losses=LOSSES)
@settings(max_examples=25)
def test_early_stopping_is_keras_early_stopping(plateau_model, patience, losses):
    ours = schedule(early_stopping=patience)
    theirs = keras.callbacks.EarlyStopping(monitor="val_loss", patience=patience)
    theirs.set_model(plateau_model)
    theirs.on_train_begin()
    plateau_model.stop_training = False
    for epoch, loss in enumerate(losses, 1):
        ours.observe(epoch, loss)
        theirs.on_epoch_end(epoch - 1, {"val_loss": loss})
        assert ours.stops_early(epoch) == plateau_model.stop_training
        if ours.stops_early(epoch):
            break


def test_without_patience_it_never_stops():
    ours = schedule(early_stopping=0)
    for epoch in range(1, 51):
        ours.observe(epoch, 1.0)
        assert not ours.stops_early(epoch)


TWO_PHASES = {"unfrozen_depth": 1, "head_epochs": 5}


def test_a_converged_head_does_not_end_the_training_before_the_thaw():
    ours = schedule(early_stopping=2, **TWO_PHASES)
    ended = []
    for epoch in range(1, 9):
        ours.observe(epoch, 1.0)  # the first epoch of each phase is its best
        ended.append(ours.stops_early(epoch))
    assert ended == [False] * 7 + [True]


def test_a_plateau_of_the_head_does_not_lower_the_rate_of_the_thaw():
    rate = RATE / 8
    ours = schedule(
        "plateau", decay_factor=0.5, decay_patience=2, thaw_learning_rate=rate, **TWO_PHASES
    )
    rates = []
    for epoch in range(1, 10):
        rates.append(float(ours.rates(epoch, STEPS)[0]))
        ours.observe(epoch, 1.0)
    head = [RATE, RATE, RATE, RATE / 2, RATE / 2]
    assert rates == pytest.approx([*head, rate, rate, rate, rate / 2])


def test_what_was_seen_before_the_thaw_is_forgotten_by_a_resumed_training_too():
    ours = schedule(early_stopping=2, **TWO_PHASES)
    for epoch in range(1, 6):
        ours.observe(epoch, 0.1)
    again = schedule(early_stopping=2, **TWO_PHASES)
    again.restore(ours.state())
    again.observe(6, 0.9)
    assert (again.best_loss, again.epochs_since_best) == (0.9, 0)
