"""Finalists: which is repeated next, with which seed, and what finalists.json says."""

from __future__ import annotations

import pytest

from search.records import events
from search.records.choice import finalists
from search.records.history import History
from search.strategy.finalists import next_repeat, repeat_seed, seconds_of_repeats, summary
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
        slots = {}
        for number, (recipe, of, accuracy, state) in enumerate(rows):
            seed = number if of is None else repeat_seed(0, slots.get(of, 0))
            slots[of] = slots.get(of, 0) + 1
            made.take(events.trial_proposed(number, recipe, Hyperparameters(), seed, of))
            made.take(events.trial_measured(number, make_measurement(1, accuracy)))
            reason = state if state in ("worker_lost", "non_finite") else "made"
            made.take(events.trial_ended(number, "FAIL" if reason == state else state, reason))
        return made

    return make


ALL = [(1, 0.5, "COMPLETE"), (2, 0.8, "COMPLETE"), (0, 0.7, "COMPLETE")] * 2


def test_the_best_that_did_not_fail_and_recipes_that_reached_their_end(study, history):
    assert [t.number for t in finalists(study, history())] == [1, 2, 0]


def test_without_finalists_nothing_is_repeated(make_study, history):
    study = make_study(finalists={"count": 0})
    assert finalists(study, history()) == []
    assert next_repeat(study, history()) is None
    assert summary(study, history()) is None


@pytest.mark.parametrize(("made", "expected"), [(0, 1), (1, 2), (2, 0), (3, 1), (5, 0), (6, None)])
def test_each_is_repeated_in_turn(study, history, made, expected):
    following = next_repeat(study, history(ALL[:made]))
    assert (following[0].number if following else None) == expected


def test_all_finalists_have_the_same_seeds(study, history):
    seeds = [next_repeat(study, history(ALL[:made]))[1] for made in range(6)]
    assert seeds == [repeat_seed(0, 0)] * 3 + [repeat_seed(0, 1)] * 3
    assert len(set(seeds)) == 2


def test_a_repeat_that_lost_its_worker_is_made_again_with_its_seed(study, history):
    made = history([(1, 0.9, "COMPLETE"), (2, 0.8, "worker_lost"), (0, 0.7, "COMPLETE")])
    finalist, seed = next_repeat(study, made)
    assert (finalist.number, seed) == (2, repeat_seed(0, 0))


def test_a_finalist_that_loses_worker_after_worker_is_given_up(study, history):
    made = history([*ALL[:1], *ALL[2:4], *ALL[5:], *[(2, 0.8, "worker_lost")] * 3])
    assert next_repeat(study, made) is None


def test_a_finalist_that_fails_by_its_own_fault_is_not_repeated_further(study, history):
    made = history([(1, 0.9, "non_finite"), *ALL[1:3], *ALL[4:]])
    assert next_repeat(study, made) is None
    rows = {row["trial"]: row["is_disqualified"] for row in summary(study, made)["finalists"]}
    assert rows == {1: True, 2: False, 0: False}


def test_the_time_of_repeats_is_that_of_full_trainings(study, history):
    """Trials of one epoch of 0.75 s, whose configurations have 10: three finalists, two seeds."""
    assert Hyperparameters().epochs == 10
    assert seconds_of_repeats(study, history()) == pytest.approx(3 * 2 * 10 * 0.75)
    assert seconds_of_repeats(study, history(ALL)) == 0


def test_the_summary_has_means_the_choice_and_the_bias(study, history):
    repeats = [(1, 0.8, "COMPLETE"), (2, 0.75, "COMPLETE"), (0, 0.7, "COMPLETE")]
    repeats += [(1, 0.9, "COMPLETE"), (2, 0.7, "COMPLETE"), (0, 0.65, "COMPLETE")]
    found = summary(study, history(repeats))
    assert found["chosen"] == 1
    assert found["is_finished"]
    assert found["selection_bias"] == pytest.approx(0.9 - 0.85)
    means = [(row["name"], row["mean"]) for row in found["finalists"]]
    assert means == [
        ("trial 1", pytest.approx(0.85)),
        ("trial 2", pytest.approx(0.725)),
        ("probe", pytest.approx(0.675)),
    ]


def test_there_is_no_bias_of_a_trial_that_was_pruned(study, history):
    found = summary(study, history(ALL))
    assert (found["chosen"], found["selection_bias"]) == (2, None)


def test_before_all_repeats_are_made_none_is_chosen(study, history):
    found = summary(study, history(ALL[:4]))
    assert (found["chosen"], found["is_finished"]) == (None, False)


def test_a_loss_is_chosen_the_other_way_round(make_study, history):
    study = make_study(
        objective={"metric": "val_loss", "mode": "min"}, finalists={"count": 1, "seeds": 1}
    )
    found = summary(study, history([(1, 0.8, "COMPLETE"), (0, 0.7, "COMPLETE")]))
    assert found["chosen"] == 1
    assert found["finalists"][0]["mean"] == pytest.approx(0.4)
    assert found["selection_bias"] == pytest.approx(0.4 - 0.3)
