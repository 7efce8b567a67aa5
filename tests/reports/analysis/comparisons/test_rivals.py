"""Tests for models against each other on the same images."""

from __future__ import annotations

import json

import pytest

from reports.analysis.comparisons.rivals import rivalries, rivals_table, sentence
from reports.data.run_data import read_run
from reports.statistics.paired import Paired


@pytest.fixture
def tested(make_run, open_test):
    """Opens the test set with these accuracies; the errors of the worse model are a superset."""

    def make(**accuracies: float):
        maker = make_run()
        for recipe, accuracy in (("linear_probe", 0.94), ("two_phase", 0.95), (None, 0.97)):
            maker.one_epoch(recipe, accuracy)
        run = maker.close()
        open_test(run, accuracies)
        return read_run(run)

    return make


def test_the_planned_comparison_comes_first_and_is_not_corrected(tested) -> None:
    data = tested(final=0.99, winner=0.98, linear_probe=0.90, two_phase=0.95)
    found = rivalries(data)
    assert [(r.first.name, r.second.name) for r in found] == [
        ("winner", "two_phase"), ("winner", "linear_probe"), ("final", "two_phase"),
    ]  # fmt: skip
    assert [r.of for r in found] == [1, 2, 2]
    assert found[0].p == found[0].result.p
    second = found[1]
    assert (second.result.only_first, second.result.only_second) == (29, 0)
    assert second.result.p == pytest.approx(1 / 2**29)
    assert second.p == pytest.approx(2 * second.result.p)
    assert second.result.difference == pytest.approx(29 / 360)
    assert second.result.interval.contains(second.result.difference)


@pytest.mark.parametrize(
    ("recipe", "words"),
    [
        (0.90, "The winner as searched beat the recipe two_phase: 98.0 % against 90.0 %"),
        (0.975, "The winner as searched and the recipe two_phase could not be told apart: 98.0 %"),
        (1.0, "did worse than the recipe two_phase"),
    ],
)
def test_sentences(tested, recipe, words) -> None:
    [found] = rivalries(tested(winner=0.98, two_phase=recipe))
    text = sentence(found).replace("\u00a0", " ")
    assert words in text
    assert "on the same 360 test images" in text
    assert "after Holm's correction" not in text


def test_many_recipes_take_nothing_from_the_planned_comparison(make_run, open_test) -> None:
    """Six images to none: p = 0.016 by itself, 0.16 among ten, with an interval above zero."""
    names = [f"recipe_{index}" for index in range(11)]
    maker = make_run(recipes={n: {"learning_rate": 1e-3 * (i + 1)} for i, n in enumerate(names)})
    for index, name in enumerate([*names, None]):
        trial, _ = maker.propose(name)
        maker.measure(trial, 1, 0.95 if index == 0 else 0.97 if name is None else 0.9)
        maker.end(trial)
    run = maker.close()
    open_test(run, {"winner": 1.0} | dict.fromkeys(names, 1 - 6 / 360))
    planned, *others = rivalries(read_run(run))
    assert (planned.second.name, planned.of, planned.outcome) == ("recipe_0", 1, "better")
    assert planned.result.interval.low > 0
    assert {(one.of, one.outcome) for one in others} == {(10, "open")}
    assert all(one.result.interval.low > 0 for one in others)
    assert "by itself it would count as a difference" in sentence(others[0])


def test_nine_images_to_two_of_sixty_is_a_difference_as_its_interval_says(tested) -> None:
    """90.0 % against 78.3 %: McNemar's exact p is 0.065, the interval was +0.7 to +21.9."""
    assert Paired(9, 2, 60).outcome() == "better"
    assert Paired(9, 2, 60).interval.low > 0


def test_a_random_search_in_another_run_is_compared_whatever_its_number(make_run, open_test):
    maker = make_run()
    for recipe, accuracy in (("two_phase", 0.95), (None, 0.97)):
        maker.one_epoch(recipe, accuracy)
    run = maker.close()
    open_test(run, {"winner": 0.98, "two_phase": 0.95, "random": 0.96})
    values = json.loads(run.test.read_text())
    for number in (1, 150):
        for model in values["models"]:
            if model["name"] == "random":
                model |= {"role": "random", "trial": number}
        run.test.write_text(json.dumps(values))
        found = [(r.first.name, r.second.name) for r in rivalries(read_run(run))]
        assert found == [("winner", "two_phase"), ("winner", "random")], number


def test_the_correction_is_for_all_others(make_run, open_test) -> None:
    maker = make_run()
    for recipe, accuracy in (("linear_probe", 0.94), ("two_phase", 0.95), (None, 0.97)):
        trial, _ = maker.propose(recipe)
        maker.measure(trial, 1, accuracy)
    run = maker.close()
    open_test(run, {"final": 1.0, "winner": 1.0, "two_phase": 0.95, "linear_probe": 1 - 5 / 360})
    found = rivalries(read_run(run))
    assert [r.of for r in found] == [1, 2, 2]
    assert [r.outcome for r in found] == ["better", "better", "better"]
    open_test(run, {"final": 0.95, "winner": 1.0, "two_phase": 0.95, "linear_probe": 1 - 5 / 360})
    assert [r.outcome for r in rivalries(read_run(run))] == ["better", "open", "open"]


def test_without_predictions_nobody_is_compared(make_run, open_test, read) -> None:
    assert rivalries(read("under_way")) == []
    assert rivalries(read("minimising")) == []
    assert rivals_table([]).rows == ()
