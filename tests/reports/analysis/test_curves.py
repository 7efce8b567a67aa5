"""Tests for curves as numbers."""

from __future__ import annotations

import math

import pytest

from reports.analysis.curves import (
    incumbents,
    incumbents_by_cost,
    learning_curves,
    recipe_costs,
    recipe_marks,
    sensible_limits,
    validation_curves,
)
from reports.data.run_data import read_run


def two_trials(make_run, **changes):
    """Trial 0 (recipe) and trial 1 by epochs that take turns, as when they run side by side."""
    maker = make_run(**changes)
    a, _ = maker.propose("linear_probe")
    b, _ = maker.propose()
    for epoch, (first, second) in enumerate([(0.5, 0.4), (0.6, 0.7), (math.nan, 0.65)], start=1):
        maker.measure(a, epoch, first, 1.0 - 0.1 * epoch)
        maker.measure(b, epoch, second, 2.0 - 0.8 * epoch)
    return maker, a, b


def test_incumbents(make_run) -> None:
    maker, a, b = two_trials(make_run)
    data = read_run(maker.close())
    steps = incumbents(data.history, data.objective, data.working_time)
    assert [(s.trial, s.epoch, s.value) for s in steps] == [(a, 1, 0.5), (a, 2, 0.6), (b, 2, 0.7)]
    assert [s.seconds for s in steps] == sorted(s.seconds for s in steps)


def test_incumbents_of_a_loss_get_smaller(make_run) -> None:
    maker, a, b = two_trials(make_run, objective={"metric": "val_loss", "mode": "min"})
    data = read_run(maker.close())
    steps = incumbents(data.history, data.objective, data.working_time)
    assert [s.trial for s in steps] == [a, a, b, b]
    assert steps[-1].value == pytest.approx(-0.4)


def test_a_failed_trial_is_never_the_incumbent(make_run) -> None:
    maker, _, b = two_trials(make_run)
    maker.end(b, "FAIL", "non_finite")
    data = read_run(maker.close())
    steps = incumbents(data.history, data.objective, data.working_time)
    assert steps[-1].value == 0.6


def test_values_that_are_not_finite_are_gaps(make_run) -> None:
    maker, *_ = two_trials(make_run)
    data = read_run(maker.close())
    first, second = validation_curves(data.history, data.objective)
    assert first.epochs == (1, 2, 3)
    assert math.isnan(first.values[2])
    assert second.values == (0.4, 0.7, 0.65)


def test_an_epoch_trained_twice_counts_once(make_run) -> None:
    maker = make_run()
    trial, _ = maker.propose()
    for epoch, accuracy in ((1, 0.5), (2, 0.6), (2, 0.62), (3, 0.7)):
        maker.measure(trial, epoch, accuracy)
    data = read_run(maker.close())
    (found,) = validation_curves(data.history, data.objective)
    assert (found.epochs, found.values) == ((1, 2, 3), (0.5, 0.62, 0.7))


def test_recipes_are_marked_at_their_best(make_run) -> None:
    maker, *_ = two_trials(make_run)
    (mark,) = recipe_marks(read_run(maker.close()))
    assert (mark.recipe, mark.value) == ("linear_probe", 0.6)


def test_learning_curves_have_the_winner_first_and_no_trial_twice(read) -> None:
    labels = [c.label for c in learning_curves(read("complete"), "val_loss")]
    assert labels[0].startswith("winner: trial ")
    assert labels[1:] == ["two_phase", "linear_probe"], "the better recipe first"
    assert [c.trial for c in learning_curves(read("one_trial"), "val_loss")] == [0]
    assert learning_curves(read("all_failed"), "val_loss") == []
    assert len(learning_curves(read("complete"), "val_loss", most=2)) == 2


@pytest.mark.parametrize("name", ["empty", "nothing_finished"])
def test_no_curves(read, name) -> None:
    data = read(name)
    assert validation_curves(data.history, data.objective) == []
    assert incumbents(data.history, data.objective, data.working_time) == []


def test_limits_leave_out_what_is_wild() -> None:
    values = [1.0, 1.1, 1.2, 1.3, 1.4, 1e6, math.nan, math.inf]
    low, high = sensible_limits(values)
    assert low < 1.0
    assert 1.4 < high < 2
    assert sensible_limits(values, always=[5.0])[1] > 5
    assert sensible_limits([math.nan]) == (0, 1)
    low, high = sensible_limits([0.9])
    assert low < 0.9 < high
    low, high = sensible_limits([0.0, 0.0])
    assert low < 0 < high


def test_incumbents_by_cost_count_what_all_trials_took(make_run) -> None:
    maker, a, b = two_trials(make_run)
    failed, _ = maker.propose()
    maker.measure(failed, 1, 0.99)
    maker.end(failed, "FAIL", "non_finite")
    data = read_run(maker.close())
    steps = incumbents_by_cost(data.history, data.objective)
    assert [(s.trial, s.value) for s in steps] == [(a, 0.5), (a, 0.6), (b, 0.7)]
    spent = [sum(m.seconds.values()) for t in data.trials for m in t.measurements]
    first, last = data.trials[0].measurements[0], data.trials[1].measurements[1]
    assert steps[0].seconds == pytest.approx(sum(first.seconds.values()))
    assert steps[-1].seconds == pytest.approx(sum(spent) - spent[2] - spent[5] - spent[6])
    assert last.val_accuracy == 0.7
    [mark] = recipe_costs(data)
    assert mark.seconds == pytest.approx(spent[0] + spent[1]), "its own until its best epoch"
