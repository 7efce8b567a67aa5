"""The time kept for the end follows the incumbent's own epochs, and never takes all there is."""

from __future__ import annotations

import pytest

from search.fitting.reserve import LARGEST, Reserve
from search.fitting.study import costs
from search.records import events
from search.records.history import History
from trainables.training.measurement import Measurement


def history_with(study, seconds, epochs=4):
    history = History()
    name, point = next(iter(study.recipe_points.items()))
    history.take(events.trial_proposed(0, name, point, 1))
    for epoch in range(1, epochs + 1):
        taken = {"train": seconds if epoch > 1 else 10 * seconds, "start": 100.0}
        history.take(events.trial_measured(0, Measurement(epoch, 1, 0.5, 1, 0.5, 1e-3, taken)))
    return history, point


def test_without_a_trial_only_the_fixed_parts_are_kept(make_study):
    fixed = costs.STOPPING + costs.FINETUNING + costs.EVALUATION + costs.REPORT
    kept = Reserve(make_study(), 1e6, 1.25, 1.5)(History())
    assert kept == fixed + 2 * costs.EACH_MODEL


def test_a_fine_tuning_takes_epochs_like_the_last_of_more_images_on_all_cores(make_study):
    history, point = history_with(make_study(), 30.0)
    reserve = Reserve(make_study(), 1e6, grown=1.25, speed=1.5)
    expected = costs.TRACING + 1.25 * 30.0 * point.epochs / 1.5
    assert reserve.training_seconds(history.trials[0]) == pytest.approx(expected)
    without = Reserve(make_study(), 1e6, 1.25, 1.5)(History())
    assert reserve(history) == pytest.approx(without + expected + costs.EACH_MODEL)


def test_one_slow_epoch_does_not_take_all_the_time(make_study):
    history, _ = history_with(make_study(), 1e5)
    assert Reserve(make_study(), 600, 1.25, 1.5)(history) == LARGEST * 600
