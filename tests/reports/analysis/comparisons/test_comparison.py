"""Tests for the comparison of winner and recipe."""

from __future__ import annotations

import dataclasses

import pytest

from reports.analysis.comparisons.comparison import Comparison, compare
from reports.data.run_data import read_run
from reports.statistics.proportions import Interval


@pytest.fixture
def searched(make_run):
    """A run with one trial that is better than both recipes, on validation."""
    maker = make_run()
    for recipe, accuracy in (("linear_probe", 0.94), ("two_phase", 0.95), (None, 0.97)):
        maker.one_epoch(recipe, accuracy)
    return maker.close()


def test_on_the_test_set_by_the_same_images(searched, open_test) -> None:
    open_test(searched, {"final": 0.99, "winner": 0.98, "linear_probe": 0.99, "two_phase": 0.94})
    found = compare(read_run(searched))
    assert (found.on, found.images) == ("test", 360)
    assert found.rivalry is not None
    assert found.recipe.recipe == "two_phase", "chosen on validation, though the other tests better"
    assert (found.winner_value, found.recipe_value) == (0.98, 0.94)
    assert found.outcome == "better"
    assert found.difference == found.rivalry.result.interval


@pytest.mark.parametrize(
    ("recipe", "outcome"),
    [(0.94, "better"), (0.975, "open"), (0.98, "open"), (0.985, "open"), (1.0, "worse")],
)
@pytest.mark.parametrize("has_predictions", [True, False])
def test_without_evidence_either_way_they_could_not_be_told_apart(
    searched, open_test, recipe, outcome, has_predictions
) -> None:
    accuracies = {"winner": 0.98, "linear_probe": 0.9, "two_phase": recipe}
    open_test(searched, accuracies, predictions=has_predictions)
    found = compare(read_run(searched))
    assert (found.rivalry is not None) is has_predictions
    assert found.outcome == outcome


def test_before_the_test_on_validation(searched) -> None:
    found = compare(read_run(searched))
    assert (found.on, found.rivalry, found.images) == ("validation", None, 360)
    assert (found.winner_value, found.recipe_value) == (0.97, 0.95)
    assert found.outcome == "untested"


def test_validation_never_gives_a_verdict_however_large_the_difference(make_run) -> None:
    """The winner is the maximum over trials and epochs on these very images."""
    maker = make_run()
    for recipe, accuracy in (("linear_probe", 0.5), ("two_phase", 0.5), (None, 0.99)):
        maker.one_epoch(recipe, accuracy)
    found = compare(read_run(maker.close()))
    assert (found.outcome, found.difference) == ("untested", None)


def test_before_the_test_the_means_of_new_seeds_are_compared(sealed_full) -> None:
    found = compare(sealed_full)
    rows = {one.trial: one for one in sealed_full.finalists.finalists}
    assert found.winner_value == rows[found.winner.number].mean
    assert found.recipe_value == rows[found.recipe.number].mean
    assert found.recipe.recipe == "linear_probe", "the one recipe that has a mean"
    assert found.seeds == 3


def test_a_loss_has_no_interval(read) -> None:
    found = compare(read("minimising"))
    assert found.difference is None


def test_a_recipe_that_was_not_tested_is_not_compared_on_the_test(searched, open_test) -> None:
    open_test(searched, {"final": 0.99, "winner": 0.98})
    assert compare(read_run(searched)).on == "validation"


def test_a_winner_that_is_the_recipe_equals_it(read) -> None:
    found = compare(read("one_trial"))
    assert found.is_of_one_trial
    assert found.outcome == "equal"


@pytest.mark.parametrize("name", ["empty", "nothing_finished", "all_failed"])
def test_nothing_to_compare(read, name) -> None:
    assert compare(read(name)) is None


def test_a_failed_recipe_is_no_rival(make_run) -> None:
    maker = make_run()
    for recipe, accuracy in (("linear_probe", 0.99), (None, 0.9)):
        trial, _ = maker.propose(recipe)
        maker.measure(trial, 1, accuracy)
        maker.end(trial, "FAIL" if recipe else "COMPLETE")
    data = read_run(maker.close())
    assert data.winner.number == 1
    assert compare(data) is None


def test_outcome_by_interval(searched) -> None:
    base = compare(read_run(searched))
    for low, high, outcome in (
        (0.01, 0.1, "better"),
        (-0.1, 0.1, "open"),
        (-0.008, 0.009, "equal"),
        (-0.2, -0.1, "worse"),
    ):
        found = dataclasses.replace(base, difference=Interval(low, high))
        assert isinstance(found, Comparison)
        assert found.outcome == outcome
