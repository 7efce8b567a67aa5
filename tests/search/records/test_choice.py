"""Who is chosen: one answer for search, fine-tuning, evaluation and report."""

from __future__ import annotations

import dataclasses
import math

import pytest

from search.records import events
from search.records.choice import choose, is_unfinished
from search.records.history import History
from spaces.hyperparameters import Hyperparameters

FULL, PRUNED_AT = 9, 3


@pytest.fixture
def study(make_study):
    return make_study(finalists={"count": 2, "seeds": 3}, recipes={})


@pytest.fixture
def past(make_measurement):
    """Makes a history of searched trials (accuracy, state) and repeats (of, accuracy, ending)."""

    def make(searched, repeats=(), **point):
        history = History()
        values = dataclasses.replace(Hyperparameters(epochs=FULL), **point)
        rows = [(None, accuracy, state) for accuracy, state in searched] + list(repeats)
        for number, (of, accuracy, ending) in enumerate(rows):
            epochs = PRUNED_AT if ending == "PRUNED" else FULL
            history.take(events.trial_proposed(number, None, values, number, of))
            for epoch in range(1, epochs + 1):
                # The best epoch is the one before the last.
                value = accuracy if epoch == epochs - 1 else accuracy - 0.1
                history.take(events.trial_measured(number, make_measurement(epoch, value)))
            if ending != "RUNNING":
                state = ending if ending in ("COMPLETE", "PRUNED") else "FAIL"
                history.take(events.trial_ended(number, state, ending))
        return history

    return make


def thrice(of, *accuracies):
    return [(of, accuracy, "COMPLETE") for accuracy in accuracies]


def test_a_pruned_trial_that_wins_is_trained_for_the_full_length(study, past):
    history = past(
        [(0.80, "COMPLETE"), (0.82, "PRUNED")],
        [*thrice(0, 0.8, 0.8, 0.8), *thrice(1, 0.9, 0.9, 0.9)],
    )
    choice = choose(study, history)
    assert choice.trial.number == 1
    assert choice.trial.epochs == PRUNED_AT
    assert choice.epochs == FULL
    assert [t.epochs for t in choice.repeats] == [FULL] * 3


def test_with_early_stopping_the_best_epoch_of_the_repeats_counts(study, past):
    history = past(
        [(0.80, "COMPLETE"), (0.82, "PRUNED")],
        [*thrice(0, 0.8, 0.8, 0.8), *thrice(1, 0.9, 0.9, 0.9)],
        early_stopping=3,
    )
    assert choose(study, history).epochs == FULL - 1


@pytest.mark.parametrize(("state", "epochs"), [("COMPLETE", FULL), ("PRUNED", FULL)])
def test_without_finalists_the_best_of_the_search_is_trained_in_full(
    make_study, past, state, epochs
):
    study = make_study(finalists={"count": 0})
    choice = choose(study, past([(0.7, "COMPLETE"), (0.9, state)]))
    assert (choice.trial.number, choice.is_final, choice.epochs) == (1, True, epochs)
    assert choice.repeats == ()


def test_repeats_without_a_metric_choose_nothing(study, past):
    history = past([(0.9, "COMPLETE"), (0.8, "COMPLETE")], thrice(0, *[math.nan] * 3))
    history.take(events.trial_ended(1, "FAIL", "error"))
    assert choose(study, history).trial.number == 0
    assert choose(study, history).repeats == ()


def test_a_finalist_that_fails_with_two_seeds_does_not_win_by_the_third(study, past):
    lucky = [(0, 0.951, "COMPLETE"), (0, 0.5, "non_finite"), (0, 0.5, "non_finite")]
    history = past([(0.9, "COMPLETE"), (0.8, "COMPLETE")], [*lucky, *thrice(1, 0.95, 0.95, 0.95)])
    choice = choose(study, history)
    assert (choice.trial.number, choice.is_final) == (1, True)


def test_a_configuration_that_failed_is_not_the_incumbent_either(study, past):
    history = past([(0.9, "COMPLETE"), (0.8, "COMPLETE")], [(0, 0.9, "out_of_memory")])
    assert choose(study, history).trial.number == 1


@pytest.mark.parametrize("reason", ["worker_lost", "data"])
def test_a_repeat_that_was_lost_makes_the_finalists_unfinished(study, past, reason):
    repeats = [*thrice(0, 0.9, 0.9), *thrice(1, 0.8, 0.8, 0.8), (0, 0.5, reason)]
    history = past([(0.9, "COMPLETE"), (0.8, "COMPLETE")], repeats)
    assert is_unfinished(study, history)
    assert not choose(study, history).is_final


def test_until_all_finalists_are_trained_the_incumbent_stands_in(study, past):
    searched = [(0.9, "COMPLETE"), (0.8, "COMPLETE")]
    repeats = [*thrice(0, 0.7, 0.7, 0.7), *thrice(1, 0.8, 0.8)]
    choice = choose(study, past(searched, repeats))
    assert (choice.trial.number, choice.is_final, choice.repeats) == (0, False, ())
    choice = choose(study, past(searched, [*repeats, (1, 0.8, "COMPLETE")]))
    assert (choice.trial.number, choice.is_final) == (1, True)


def test_more_seeds_asked_for_make_finished_finalists_due_again(make_study, past):
    repeats = [*thrice(0, 0.9, 0.9, 0.9), *thrice(1, 0.8, 0.8, 0.8)]
    history = past([(0.9, "COMPLETE"), (0.8, "COMPLETE")], repeats)
    assert choose(make_study(finalists={"count": 2, "seeds": 3}, recipes={}), history).is_final
    assert not choose(make_study(finalists={"count": 2, "seeds": 4}, recipes={}), history).is_final


def test_a_finalist_that_later_trials_displaced_can_still_win(make_study, past):
    study = make_study(finalists={"count": 1, "seeds": 1}, recipes={})
    history = past(
        [(0.8, "COMPLETE"), (0.9, "COMPLETE")], [(0, 0.95, "COMPLETE"), (1, 0.9, "COMPLETE")]
    )
    choice = choose(study, history)
    assert (choice.trial.number, choice.repeats[0].number) == (0, 2)


def test_a_running_trial_keeps_the_choice_open(study, past):
    repeats = [*thrice(0, 0.9, 0.9, 0.9)]
    history = past([(0.9, "COMPLETE"), (0.8, "RUNNING")], repeats)
    assert not choose(study, history).is_final


def test_nothing_measured_nothing_chosen(study):
    assert choose(study, History()) is None
