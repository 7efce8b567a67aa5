"""Tests for the sentence at the head of the page."""

from __future__ import annotations

import dataclasses

import pytest

from reports.analysis.comparisons.comparison import compare
from reports.analysis.comparisons.verdict import _headline, verdict
from reports.data.run_data import read_run
from reports.statistics.paired import Paired


def text_of(data) -> str:
    found = verdict(data)
    return " ".join([found.headline, *found.basis]).replace("\u00a0", " ")


def test_beaten_on_the_test_set(read) -> None:
    found = text_of(read("complete"))
    assert found.startswith("This model beat the recipe two_phase: 98.3 % against 95.0 %")
    assert "on the same 360 test images" in found
    assert "Like for like" in found
    assert "One training of each was tested, so this is said of these two models" in found
    assert "paired, Tango" in found
    assert "right on 12 images, the recipe alone on 0: McNemar's mid-p test, p = 0.0002" in found
    assert "the one comparison planned before the test set was opened" in found
    assert "With 360 images and as many disagreements, a difference of 2.7 points" in found


def test_the_verdict_and_its_interval_agree(make_run, open_test) -> None:
    maker = make_run()
    for recipe, accuracy in (("two_phase", 0.95), (None, 0.96)):
        maker.one_epoch(recipe, accuracy)
    run = maker.close()
    found = text_of(read_run(run))
    assert "On validation, trial 1 is ahead of the recipe two_phase: 96.0 % against 95.0 %" in found
    assert "Whether it is better, only the test set can say" in found
    assert "a maximum flatters, so it has no interval" in found
    assert "The test set is still sealed" in found
    for words in ("beat", "equal", "95 %"):
        assert words not in found
    open_test(run, {"winner": 0.96, "two_phase": 0.97})
    assert "This model and the recipe two_phase could not be told apart: 96.0 %" in text_of(
        read_run(run)
    )
    open_test(run, {"winner": 0.9, "two_phase": 0.97})
    assert "This model did worse than the recipe two_phase" in text_of(read_run(run))


def test_equal_is_said_with_its_margin(read) -> None:
    data = read("complete")
    comparison = compare(data)
    same = dataclasses.replace(
        comparison.rivalry, result=Paired(40, 41, 10_000), p=Paired(40, 41, 10_000).p
    )
    comparison = dataclasses.replace(comparison, rivalry=same, images=10_000)
    text = _headline(data, comparison)
    assert text.startswith("This model and the recipe two_phase are equal within ±1 point: ")


def test_before_the_test_means_of_new_seeds_are_named(sealed_full) -> None:
    found = text_of(sealed_full)
    assert "means of 3 new seeds each. Whether it is better, only the test set can say." in found
    assert "new seeds are judged on them too, so its value flatters" in found


def test_a_search_that_found_nothing_better(read) -> None:
    assert "nothing better than its recipes: the winner is" in text_of(read("one_trial"))
    assert "So far, on validation" in text_of(read("under_way"))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("empty", "No trial has started yet."),
        ("nothing_finished", "No trial has reported a usable epoch yet."),
        ("all_failed", "All 3 trials failed, so there is no winner (non_finite: 3)."),
    ],
)
def test_without_a_winner(read, name, sentence) -> None:
    assert text_of(read(name)) == sentence


def test_without_a_recipe(make_run) -> None:
    maker = make_run(recipes={})
    trial, _ = maker.propose()
    maker.measure(trial, 1, 0.9)
    found = text_of(read_run(maker.close(reason=None)))
    assert found == (
        "Trial 0 is the best so far, with a validation accuracy of 90.0 %. "
        "The study has no recipe to compare it with."
    )


def test_a_loss_that_is_smaller_is_ahead(make_run) -> None:
    maker = make_run(objective={"metric": "val_loss", "mode": "min"})
    for recipe, loss in (("two_phase", 0.2), (None, 0.1)):
        trial, _ = maker.propose(recipe)
        maker.measure(trial, 1, 0.9, loss)
        maker.end(trial)
    found = text_of(read_run(maker.close()))
    assert "trial 1 is ahead of the recipe two_phase: 0.1 against 0.2. Whether it is" in found


def test_a_recipe_that_was_stopped_early_is_said_to_be(make_run) -> None:
    maker = make_run()
    for recipe, state in (("two_phase", "PRUNED"), (None, "COMPLETE")):
        trial, _ = maker.propose(recipe)
        maker.measure(trial, 1, 0.8 if recipe else 0.97)
        maker.end(trial, state)
    found = text_of(read_run(maker.close()))
    assert "The recipe was stopped by the scheduler after 1 of 9 epochs." in found
    assert "On validation, trial 1 is ahead" in found
