"""What a person at the terminal sees, and that nobody else is bothered."""

from __future__ import annotations

import io
import math

import pytest
from rich.console import Console

from search.live.live_table import View, status
from search.live.progress_lines import Estimate
from search.records import events
from search.records.history import History
from spaces.hyperparameters import Hyperparameters


@pytest.fixture
def ledger(make_measurement):
    def measured(number, epoch, accuracy):
        return events.trial_measured(number, make_measurement(epoch, accuracy))

    point = Hyperparameters()
    return [
        events.trial_proposed(0, "probe", point, 0),
        measured(0, 1, 0.5),
        measured(0, 2, 0.8125),
        events.trial_ended(0, "COMPLETE", "max_epochs"),
        events.trial_proposed(1, None, point, 1),
        measured(1, 1, 0.9),
        events.trial_ended(1, "FAIL", "worker_lost"),
        events.trial_proposed(2, None, point, 2),
        measured(2, 1, 0.3),
        events.trial_ended(2, "PRUNED", "scheduler"),
        events.trial_proposed(3, None, point, 3),
    ]


def drawn(study, history, terminal=True):
    file = io.StringIO()
    console = Console(file=file, force_terminal=terminal, width=100, color_system=None)
    with View(study, history, console):
        pass
    return file.getvalue()


def test_nothing_has_been_tried_yet(make_study):
    lines = status(make_study(), History())
    assert lines["trials"] == "0 RUNNING, 0 COMPLETE, 0 PRUNED, 0 FAIL of 8"
    assert lines["incumbent"] == "none yet"
    assert lines["epochs"] == "0"
    assert "features" not in lines


def test_rows_of_features_are_counted_in_advance_and_by_trials(make_study, ledger):
    before = History.of(ledger)
    assert "features" not in status(make_study(), before)
    stored = {"seconds": 1, "cores": 2, "bytes": 3, "hits": 2000, "misses": 500, "images": 500}
    before.take(events.features_stored(**stored))
    trial = next(iter(before.trials))
    before.take(events.trial_started(trial, "here", 9, 9, 0, hits=40, misses=2))
    lines = status(make_study(), before)
    assert lines["features"] == "2,040 rows found in the cache, 502 computed"


def test_every_state_is_counted_and_the_best_named(make_study, ledger):
    lines = status(make_study(), History.of(ledger))
    assert lines["trials"] == "1 RUNNING, 1 COMPLETE, 1 PRUNED, 1 FAIL of 8"
    assert lines["incumbent"] == "val_accuracy 0.8125 by trial 0, recipe probe"
    assert lines["epochs"] == "4"


def test_the_incumbent_is_by_the_metric(make_study, ledger, make_measurement):
    study = make_study(objective={"metric": "val_loss", "mode": "min"})
    better = events.trial_measured(3, make_measurement(1, 0.1, val_loss=0.0625))
    lines = status(study, History.of([*ledger, better]))
    assert lines["incumbent"] == "val_loss 0.0625 by trial 3"


def test_a_diverged_trial_is_no_incumbent(make_study, make_measurement):
    bad = make_measurement(1, val_loss=math.nan, val_accuracy=math.nan)
    history = History.of(
        [events.trial_proposed(0, None, Hyperparameters(), 0), events.trial_measured(0, bad)]
    )
    assert status(make_study(), history)["incumbent"] == "none yet"


def test_a_terminal_shows_it_all(make_study, ledger):
    study, history = make_study(), History.of(ledger)
    screen = drawn(study, history)
    assert "thawtune search made" in screen
    for text in status(study, history).values():
        assert text in screen


def test_before_a_trial_has_ended_no_time_is_foretold(make_study, ledger):
    assert "no trial has finished yet" in drawn(make_study(), History.of(ledger[:3]))


def test_after_a_trial_has_ended_the_time_left_is(make_study, ledger):
    history = History.of(ledger[:3])
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100, color_system=None)
    with View(make_study(), history, console):
        history.take(ledger[3])
    assert "left" in file.getvalue().rsplit("thawtune search", 1)[-1]


def test_what_ended_before_says_nothing_of_the_time(make_study, ledger):
    assert "no trial has finished yet" in drawn(make_study(), History.of(ledger))


def test_a_terminal_shows_the_best_and_the_running_trials(make_study, ledger):
    screen = drawn(make_study(), History.of(ledger))
    assert "trial 0, 2 of 10 epochs, val_accuracy 0.8125, recipe probe" in screen
    assert "trial 3, 0 of 10 epochs, no result yet" in screen


def test_a_file_or_a_pipe_sees_a_line_now_and_then(make_study, ledger):
    assert drawn(make_study(), History.of(ledger), terminal=False) == ""
    file = io.StringIO()
    history = History.of(ledger[:3])
    with View(make_study(), history, Console(file=file), lambda: 90.0, every=0.01):
        while file.getvalue().count("\n") < 2:
            pass
    first = file.getvalue().splitlines()[0]
    assert first.startswith("0:00, about 1:30 left: searching, 0 trials ended; best: trial 0, ")


def test_the_time_of_finalists_counts(make_study, ledger):
    """A study whose trials have all ended, but none of its three times three repeats."""
    study = make_study(budget={"trials": 1, "max_epochs": 2}, finalists={"count": 3, "seeds": 3})
    history = History.of(ledger[:3])
    estimate = Estimate(study, history, lambda: None)
    history.take(ledger[3])
    seconds = history.trials[0].total_seconds
    point_epochs = history.trials[0].point.epochs
    assert estimate.after(10.0).left == pytest.approx(3 * seconds / 2 * point_epochs)


def test_a_time_limit_bounds_what_is_left(make_study, ledger):
    history = History.of(ledger[:3])
    estimate = Estimate(make_study(), history, lambda: 30.0)
    progress = estimate.after(10.0)
    assert (progress.left, progress.done) == (30.0, 0.25)
    assert Estimate(make_study(), history, lambda: -5.0).after(10.0).done == 1.0


def test_an_error_inside_passes_and_the_view_is_closed(make_study):
    file = io.StringIO()
    console = Console(file=file, force_terminal=True, width=100, color_system=None)
    with pytest.raises(KeyError), View(make_study(), History(), console):
        raise KeyError
    with View(make_study(), History(), console):  # a second one can be shown: the first has ended
        pass
