"""Tests for models against each other on the same images."""

from __future__ import annotations

import pytest

from reports.analysis.rivals import rivalries, rivals_table, sentence
from reports.data.run_data import read_run


@pytest.fixture
def tested(make_run, open_test):
    """Opens the test set with these accuracies; the errors of the worse model are a superset."""

    def make(**accuracies: float):
        maker = make_run()
        for recipe, accuracy in (("linear_probe", 0.94), ("two_phase", 0.95), (None, 0.97)):
            trial, _ = maker.propose(recipe)
            maker.measure(trial, 1, accuracy)
            maker.end(trial)
        run = maker.close()
        open_test(run, accuracies)
        return read_run(run)

    return make


def test_the_winner_meets_every_recipe_and_the_final_model_the_best(tested) -> None:
    data = tested(final=0.99, winner=0.98, linear_probe=0.90, two_phase=0.95)
    found = rivalries(data)
    assert [(r.first.name, r.second.name) for r in found] == [
        ("winner", "linear_probe"), ("winner", "two_phase"), ("final", "two_phase"),
    ]  # fmt: skip
    assert [r.of for r in found] == [3, 3, 3]
    first = found[0]
    assert (first.result.only_first, first.result.only_second) == (29, 0)
    assert first.result.p == pytest.approx(2 / 2**29)
    assert first.corrected == pytest.approx(3 * first.result.p)
    assert first.difference == pytest.approx(29 / 360)
    assert first.interval.low < first.difference < first.interval.high


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (0.90, "The winner as searched beat the recipe two_phase: 98.0 % against 90.0 %"),
        (0.975, "equalled the recipe two_phase"),
        (1.0, "did worse than the recipe two_phase"),
    ],
)
def test_sentences(tested, recipe, words) -> None:
    [found] = rivalries(tested(winner=0.98, two_phase=recipe))
    text = sentence(found).replace("\u00a0", " ")
    assert words in text
    assert "on the same 360 test images" in text
    assert ("a difference that may be chance" in text) is (found.outcome == "equalled")


def test_the_correction_can_take_a_victory_away(tested) -> None:
    """Six images to none is p = 0.031 alone, and 0.062 among two."""
    alone = rivalries(tested(winner=1.0, two_phase=1 - 6 / 360))
    assert [r.outcome for r in alone] == ["beat"]


def test_the_correction_is_for_all_of_them(make_run, open_test) -> None:
    maker = make_run()
    for recipe, accuracy in (("linear_probe", 0.94), ("two_phase", 0.95), (None, 0.97)):
        trial, _ = maker.propose(recipe)
        maker.measure(trial, 1, accuracy)
    run = maker.close()
    open_test(run, {"winner": 1.0, "two_phase": 1 - 6 / 360, "linear_probe": 1 - 6 / 360})
    assert [r.outcome for r in rivalries(read_run(run))] == ["equalled", "equalled"]


def test_without_predictions_nobody_is_compared(make_run, open_test, read) -> None:
    assert rivalries(read("under_way")) == []
    assert rivalries(read("minimising")) == []
    assert rivals_table([]).rows == ()
