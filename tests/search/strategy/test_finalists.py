"""Finalists: who they are, what their repeats come to, and who is chosen."""

from __future__ import annotations

import pytest

from search.records import events
from search.records.history import History
from search.strategy.finalists import finalists, next_repeat, summary, winner
from spaces.hyperparameters import Hyperparameters


@pytest.fixture
def study(make_study):
    return make_study(finalists={"count": 2, "seeds": 2})


@pytest.fixture
def history(make_measurement):
    """Accuracies of five trials, 0 and 4 recipes, 3 failed, 4 pruned; then of repeats."""

    def make(repeats=()):
        made = History()
        searched = [
            ("probe", 0.7, "COMPLETE"),
            (None, 0.9, "COMPLETE"),
            (None, 0.8, "PRUNED"),
            (None, 0.99, "FAIL"),
            ("thawed", 0.6, "PRUNED"),
        ]
        rows = [(recipe, None, accuracy, state) for recipe, accuracy, state in searched]
        rows += [(None, of, accuracy, state) for of, accuracy, state in repeats]
        for number, (recipe, of, accuracy, state) in enumerate(rows):
            made.take(events.trial_proposed(number, recipe, Hyperparameters(), number, of))
            made.take(events.trial_measured(number, make_measurement(1, accuracy)))
            made.take(events.trial_ended(number, state, "made"))
        return made

    return make


ALL = [(1, 0.5, "COMPLETE"), (2, 0.8, "COMPLETE"), (0, 0.7, "COMPLETE")] * 2


def test_the_best_that_did_not_fail_and_recipes_that_reached_their_end(study, history):
    assert [t.number for t in finalists(study, history())] == [1, 2, 0]


def test_without_finalists_the_best_of_the_search_wins(make_study, history):
    study = make_study(finalists={"count": 0})
    assert finalists(study, history()) == []
    assert next_repeat(study, history()) is None
    assert summary(study, history()) is None
    assert winner(study, history()).number == 1


@pytest.mark.parametrize(("made", "expected"), [(0, 1), (1, 2), (2, 0), (3, 1), (5, 0), (6, None)])
def test_each_is_repeated_in_turn(study, history, made, expected):
    following = next_repeat(study, history(ALL[:made]))
    assert (following.number if following else None) == expected


def test_the_mean_over_seeds_chooses_and_the_bias_is_told(study, history):
    repeats = [(1, 0.6, "COMPLETE"), (2, 0.8, "COMPLETE"), (0, 0.7, "COMPLETE")]
    repeats += [(1, 0.8, "COMPLETE"), (2, 0.7, "COMPLETE"), (0, 0.65, "COMPLETE")]
    found = summary(study, history(repeats))
    assert found["chosen"] == 2
    assert found["selection_bias"] == pytest.approx(0.8 - 0.75)
    means = {row["name"]: row["mean"] for row in found["finalists"]}
    assert means == {
        "trial 1": pytest.approx(0.7),
        "trial 2": pytest.approx(0.75),
        "probe": pytest.approx(0.675),
    }
    assert winner(study, history(repeats)).number == 2


def test_a_repeat_that_failed_does_not_count_but_is_shown(study, history):
    repeats = [(1, 0.9, "FAIL"), (2, 0.7, "COMPLETE"), (0, 0.3, "COMPLETE"), *ALL[3:]]
    found = summary(study, history(repeats))
    row = next(row for row in found["finalists"] if row["trial"] == 1)
    assert row["mean"] == pytest.approx(0.5)
    assert [v["state"] for v in row["values"]] == ["FAIL", "COMPLETE"]


def test_before_all_repeats_are_made_the_best_of_the_search_wins(study, history):
    assert winner(study, history(ALL[:4])).number == 1
    assert winner(study, history(ALL)).number == 2


def test_a_loss_is_chosen_the_other_way_round(make_study, history):
    study = make_study(
        objective={"metric": "val_loss", "mode": "min"}, finalists={"count": 1, "seeds": 1}
    )
    found = summary(study, history([(1, 0.8, "COMPLETE")]))
    assert found["finalists"][0]["mean"] == pytest.approx(0.4)
    assert found["selection_bias"] == pytest.approx(0.4 - 0.3)
