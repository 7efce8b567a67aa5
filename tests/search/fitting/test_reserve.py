"""The time kept for the end follows the incumbent's own epochs, and never takes all there is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from search.fitting.reserve import LARGEST, Reserve
from search.fitting.study import costs
from search.live.early_end import PATIENCE
from search.records import events
from search.records.history import History
from trainables.training.measurement import Measurement


def history_with(study, epochs, recipe="probe"):
    """A history of one trial, with the seconds of its epochs."""
    history, point = History(), study.recipe_points[recipe]
    history.take(events.trial_proposed(0, recipe, point, 1))
    for epoch, seconds in enumerate(epochs, 1):
        taken = {"train": seconds, "start": costs.WORKER_START * (epoch == 1)}
        history.take(events.trial_measured(0, Measurement(epoch, 1, 0.5, 1, 0.5, 1e-3, taken)))
    return history, point


def ended(history):
    history.take(events.trial_ended(0, events.COMPLETE, "max_epochs"))
    return history


def test_without_a_trial_only_the_fixed_parts_are_kept(make_study):
    fixed = costs.STOPPING + costs.FINETUNING + costs.EVALUATION + costs.REPORT
    kept = Reserve(make_study(), 1e6, 1.25, 1.5)(History())
    assert kept == fixed + 2 * costs.EACH_MODEL


def test_a_fine_tuning_takes_epochs_like_the_search_s_of_more_images_on_all_cores(make_study):
    """One slow epoch, such as the first, does not count, nor do faster ones at the end."""
    history, point = history_with(make_study(), [300.0, 30.0, 30.0, 30.0, 10.0])
    reserve = Reserve(make_study(), 1e6, grown=1.25, speed=1.5)
    expected = costs.TRACING + 1.25 * 30.0 * point.epochs / 1.5
    assert reserve.training_seconds(history.trials[0]) == pytest.approx(expected)
    without = Reserve(make_study(), 1e6, 1.25, 1.5)(History())
    assert reserve(ended(history)) == pytest.approx(without + expected + costs.EACH_MODEL)


def test_epochs_of_the_head_alone_are_estimated_on_their_own(make_study):
    study = make_study()
    history, point = history_with(study, [1.0, 20.0, 20.0], "thawed")
    trial = history.trials[0]
    trial.point = replace(point, head_epochs=1)
    expected = costs.TRACING + 1.0 + (point.epochs - 1) * 20.0
    assert Reserve(study, 1e6, 1.0, 1.0).training_seconds(trial) == expected


@pytest.mark.parametrize(
    ("start", "expected"), [(3 * costs.WORKER_START, 3.0), (1e3, costs.SLOWEST), (1.0, 1.5)]
)
def test_how_slowly_workers_start_is_learnt_from_the_search_s_own(make_study, start, expected):
    """A start of a second is of a trial in a worker that was there already: it tells nothing."""
    history, point = History(), make_study().recipe_points["probe"]
    history.take(events.trial_proposed(0, "probe", point, 1))
    taken = {"train": 1.0, "start": start}
    history.take(events.trial_measured(0, Measurement(1, 1, 0.5, 1, 0.5, 1e-3, taken)))
    reserve = Reserve(make_study(), 1e6, 1.25, 1.5, slowness=1.5)
    assert reserve.slowness_now(history) == expected
    assert reserve.slowness_now(History()) == 1.5


def test_running_epochs_get_their_time_but_not_for_ever(make_study):
    study = make_study()
    reserve = Reserve(study, 1e6, 1.25, 1.5)
    assert reserve.stopping_seconds(History()) == costs.STOPPING
    for seconds, more in ((5.0, 5.0), (60.0, PATIENCE + costs.KILLING)):
        history, _ = history_with(study, [1.0, seconds])
        assert reserve.stopping_seconds(history) == costs.STOPPING + more
        assert reserve.stopping_seconds(ended(history)) == costs.STOPPING


def test_a_slow_start_counts_by_its_root_and_within_bounds():
    assert costs.slowness_of(costs.FIRST_RESULT) == 1.0
    assert costs.slowness_of(2.25 * costs.FIRST_RESULT) == pytest.approx(1.5)
    assert (costs.slowness_of(0.0), costs.slowness_of(1e3)) == costs.SLOWNESS


def test_where_processes_start_slowly_more_is_kept(make_study):
    kept = [Reserve(make_study(), 1e6, 1.25, 1.5, slowness=s)(History()) for s in (1.0, 2.0)]
    fixed = costs.FINETUNING + costs.EVALUATION + costs.REPORT
    assert kept[1] - kept[0] == pytest.approx(fixed)


def test_a_running_recipe_is_reserved_for_before_it_leads(make_study):
    study = make_study()
    history, _ = history_with(study, [1.0, 1.0])
    reserve = Reserve(study, 1e6, 1.25, 1.5)
    quick = reserve(ended(history))
    history.take(events.trial_proposed(1, "thawed", study.recipe_points["thawed"], 1))
    slow = Measurement(1, 1, 0.5, 1, 0.1, 1e-3, {"train": 50.0})
    history.take(events.trial_measured(1, slow))
    assert history.incumbent(study.objective).number == 0
    assert reserve(history) > quick + 50.0
    history.take(events.trial_ended(1, events.COMPLETE, "max_epochs"))
    assert reserve(history) == pytest.approx(quick + costs.EACH_MODEL)


def test_one_slow_epoch_does_not_take_all_the_time(make_study):
    history, _ = history_with(make_study(), [1e5])
    assert Reserve(make_study(), 600, 1.25, 1.5)(history) == LARGEST * 600
