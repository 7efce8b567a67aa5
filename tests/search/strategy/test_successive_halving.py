"""Successive halving: who stands in which rung, who goes on, and that order does not matter."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.records import events
from search.strategy.successive_halving import Rungs
from spaces.hyperparameters import Hyperparameters


@pytest.mark.parametrize(
    ("grace", "factor", "most", "expected"),
    [
        (1, 3, 9, (1, 3)),
        (1, 3, 10, (1, 3, 9)),
        (3, 3, 9, (3,)),
        (2, 2, 20, (2, 4, 8, 16)),
        (1, 1.5, 5, (1, 2, 3)),
        (4, 3, 4, ()),
        (1, 4, 1, ()),
    ],
)
def test_milestones_lie_below_the_end(make_study, grace, factor, most, expected):
    budget = {"max_epochs": most, "grace_period": grace, "reduction_factor": factor}
    assert Rungs(make_study(budget=budget)).milestones == expected


@pytest.fixture
def rungs(make_study):
    return Rungs(make_study(budget={"trials": 20, "max_epochs": 9, "grace_period": 1}))


@pytest.fixture(scope="module")
def measured(make_measurement):
    def make(trial, epoch, accuracy):
        return events.trial_measured(trial, make_measurement(epoch, accuracy))

    return make


def test_only_milestones_and_finite_values_stand_in_rungs(rungs, measured):
    for trial, epoch, accuracy in [(0, 1, 0.5), (0, 2, 0.6), (0, 3, 0.7), (1, 1, math.nan)]:
        rungs.take(measured(trial, epoch, accuracy))
    assert rungs.values == {1: {0: 0.5}, 3: {0: 0.7}}


def test_repeats_of_finalists_stand_in_none(rungs, measured):
    point = Hyperparameters()
    rungs.take(events.trial_proposed(5, None, point, seed=1, finalist_of=0))
    rungs.take(measured(5, 1, 0.9))
    assert rungs.values[1] == {}


def test_the_first_goes_on_and_later_ones_have_to_be_among_the_best_third(rungs, measured):
    decisions = []
    for trial, accuracy in enumerate([0.5, 0.4, 0.6, 0.55, 0.45, 0.58, 0.6]):
        decisions.append(rungs.is_among_the_best(trial, 1, accuracy))
        rungs.take(measured(trial, 1, accuracy))
    # Of one to five, one goes on; of six and seven, two; equals go on together.
    assert decisions == [True, False, True, False, False, True, True]


def test_a_loss_is_judged_the_other_way_round(make_study, measured):
    rungs = Rungs(make_study(objective={"metric": "val_loss", "mode": "min"}))
    rungs.take(measured(0, 1, 0.5))
    assert rungs.is_among_the_best(1, 1, 0.1)
    assert not rungs.is_among_the_best(1, 1, 0.9)


def test_promotion_waits_until_a_third_has_been_beaten(rungs, measured):
    for trial, accuracy in enumerate([0.5, 0.7]):
        rungs.take(measured(trial, 1, accuracy))
        assert rungs.promotable({0, 1}) is None
    rungs.take(measured(2, 1, 0.6))
    assert rungs.promotable({0, 1, 2}) == 1
    assert rungs.promotable({0, 2}) is None, "the best is not waiting: it runs"
    rungs.take(measured(1, 3, 0.8))
    assert rungs.promotable({0, 1, 2}) is None, "a rung of one promotes none"


def test_the_highest_rung_is_promoted_first(rungs, measured):
    for trial in range(9):
        rungs.take(measured(trial, 1, 0.1 * trial))
    for trial in (6, 7, 8):
        rungs.take(measured(trial, 3, 0.1 * trial))
    assert rungs.promotable(range(9)) == 8
    assert rungs.promotable(set(range(9)) - {8}) is None
    for trial in range(9, 12):
        rungs.take(measured(trial, 1, 0.95))
    assert rungs.promotable(set(range(12)) - {8}) == 9


results = st.lists(
    st.tuples(st.integers(0, 6), st.sampled_from([1, 2, 3, 5]), st.floats(0, 1)),
    unique_by=lambda r: r[:2],
)


@given(results=results, shuffled=st.randoms(use_true_random=False))
def test_rungs_follow_from_the_measurements_in_whatever_order(
    results, shuffled, make_study, measured
):
    study = make_study(budget={"trials": 20, "max_epochs": 9})
    first, second = Rungs(study), Rungs(study)
    for result in results:
        first.take(measured(*result))
    shuffled.shuffle(results)
    for result in results + results[:3]:  # some are told twice, as after a lost worker
        second.take(measured(*result))
    assert first.values == second.values


@given(results=results, waiting=st.sets(st.integers(0, 6)), loss=st.booleans())
def test_judgements_are_those_of_the_definition(results, waiting, loss, make_study, measured):
    objective = {"metric": "val_loss" if loss else "val_accuracy"}
    study = make_study(budget={"trials": 20, "max_epochs": 9}, objective=objective)
    rungs = Rungs(study)
    for trial, epoch, value in results:
        accuracy = 1.2 - value if loss else value
        rungs.take(measured(trial, epoch, accuracy))
    sign = 1 if loss else -1
    promoted = []
    for milestone in (3, 1):
        ranks = {t: sign * v for t, v in rungs.values[milestone].items()}
        for trial, rank in ranks.items():
            better = sum(other < rank for other in ranks.values())
            among = better < max(1, len(ranks) // 3)
            assert rungs.is_among_the_best(trial, milestone, sign * rank) == among
        best = sorted(ranks, key=lambda t: (ranks[t], t))[: len(ranks) // 3]
        higher = rungs.values[3] if milestone == 1 else {}
        promoted += [t for t in best if t in waiting and t not in higher]
    assert rungs.promotable(waiting) == next(iter(promoted), None)
    assert rungs.promotable(waiting, running=waiting) is None
