"""Tests for the sentence at the head of the page."""

from __future__ import annotations

import pytest

from reports.analysis.verdict import verdict
from reports.data.run_data import read_run


def text_of(data) -> str:
    found = verdict(data)
    return " ".join([found.headline, *found.basis]).replace("\u00a0", " ")


def test_beaten_on_the_test_set(read) -> None:
    found = text_of(read("complete"))
    assert "The search beat the recipe two_phase: 98.3 % against 95.0 %" in found
    assert "on the same 360 test images" in found
    assert "Like for like" in found
    assert "paired, Agresti–Min" in found
    assert "right on 12 images, the recipe alone on 0: McNemar's exact test, p = 0.0005" in found
    assert "after Holm's correction for 3 comparisons" in found


def test_equal_is_said_to_be_within_the_uncertainty(make_run, open_test) -> None:
    maker = make_run()
    for recipe, accuracy in (("two_phase", 0.95), (None, 0.96)):
        trial, _ = maker.propose(recipe)
        maker.measure(trial, 1, accuracy)
        maker.end(trial)
    run = maker.close()
    found = text_of(read_run(run))
    assert "On validation, the search equalled the recipe two_phase" in found
    assert "a difference within the uncertainty" in found
    assert "which flatters it" in found
    assert "The test set is still sealed" in found
    open_test(run, {"winner": 0.9, "two_phase": 0.97})
    assert "The search did worse than the recipe two_phase" in text_of(read_run(run))


def test_a_search_that_found_nothing_better(read) -> None:
    assert "nothing better than its recipes: the winner is" in text_of(read("one_trial"))
    assert "So far, on validation" in text_of(read("under_way"))


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("empty", "No trial has been started yet."),
        ("nothing_finished", "No trial has reported a usable epoch yet."),
        ("all_failed", "Every one of the 3 trials failed, so there is no winner (non_finite: 3)."),
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


def test_a_loss_gives_no_interval(make_run) -> None:
    maker = make_run(objective={"metric": "val_loss", "mode": "min"})
    for recipe, loss in (("two_phase", 0.2), (None, 0.1)):
        trial, _ = maker.propose(recipe)
        maker.measure(trial, 1, 0.9, loss)
        maker.end(trial)
    found = text_of(read_run(maker.close()))
    assert "0.1 against 0.2; whether that is more than chance cannot be said" in found
    assert "A mean loss alone gives no interval" in found


def test_a_recipe_that_was_stopped_early_is_said_to_be(make_run) -> None:
    maker = make_run()
    for recipe, state in (("two_phase", "PRUNED"), (None, "COMPLETE")):
        trial, _ = maker.propose(recipe)
        maker.measure(trial, 1, 0.8 if recipe else 0.97)
        maker.end(trial, state)
    found = text_of(read_run(maker.close()))
    assert "The recipe was stopped by the scheduler after 1 of 9 epochs." in found
    assert "On validation, the search beat" in found
