"""A training: the same from the same seed, and the same after an interruption."""

from __future__ import annotations

import numpy as np
import pytest

from tests.trainables.training.trainings import (
    LITE,
    VGG,
    assert_same_weights,
    point,
    run,
    told,
    weights,
)
from trainables.networks.head import PREFIX
from trainables.training.checkpoints import Checkpoints
from trainables.training.training import Training

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
