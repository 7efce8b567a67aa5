"""What is trained next: it follows from the history, whoever drove the search before."""

from __future__ import annotations

from functools import partial

import pytest

from search.records import events
from search.records.history import History
from search.strategy.dispatch import Dispatch
from search.strategy.searcher import OptunaSearcher
from search.strategy.successive_halving import Rungs


class Search:
    """A search without workers: tests say what each trial does."""

    def __init__(self, study, make_measurement, past=()):
        self.study, self.make, self.log = study, make_measurement, []
        self.history, self.rungs = History(), Rungs(study)
        self.searcher = OptunaSearcher(study)
        self.dispatch = Dispatch(study, self.history, self.rungs, self.searcher, self.take)
        for event in past:
            self.take(event)

    def take(self, event):
        self.log.append(event)
        for learner in (self.history, self.searcher, self.rungs):
            learner.take(event)

    def train(self, number, until, accuracy):
        done = self.history.trials[number].epochs
        self.take(events.trial_started(number, "node", 10, 5, done))
        for epoch in range(done + 1, until + 1):
            self.take(events.trial_measured(number, self.make(epoch, accuracy)))

    def end(self, number, state="COMPLETE", reason="max_epochs"):
        self.take(events.trial_ended(number, state, reason))
        self.dispatch.released(number)


@pytest.fixture
def begin(make_study, make_measurement):
    def make(past=(), finalists=0, seeds=2, **budget):
        budget = {"trials": 4, "max_epochs": 9, "grace_period": 1} | budget
        study = make_study(budget=budget, finalists={"count": finalists, "seeds": seeds})
        return Search(study, make_measurement, past)

    return make


def test_recipes_come_first_then_new_points_then_nothing(begin):
    search = begin()
    handed = [search.dispatch.next() for _ in range(5)]
    assert [a and (a.number, a.recipe) for a in handed] == [
        (0, "probe"),
        (1, "thawed"),
        (2, None),
        (3, None),
        None,
    ]
    assert not search.dispatch.is_over
    for number in range(4):
        search.end(number)
    assert search.dispatch.next() is None
    assert search.dispatch.is_over


def test_what_another_driver_left_is_handed_out_first_and_with_its_epochs(begin):
    before = begin()
    for _ in range(3):
        before.dispatch.next()
    before.train(0, 2, 0.5)
    before.end(1)
    after = begin(past=before.log)
    handed = [after.dispatch.next() for _ in range(3)]
    assert [(a.number, a.epochs, a.attempt) for a in handed] == [(0, 2, 1), (2, 0, 1), (3, 0, 1)]
    assert handed[0].seed == before.history.trials[0].seed


def test_a_trial_that_lost_its_worker_is_handed_out_once_more(begin):
    search = begin()
    first = search.dispatch.next()
    search.train(0, 3, 0.5)
    search.take(events.attempt_failed(0, "worker_lost", "gone"))
    search.dispatch.released(0)
    again = search.dispatch.next()
    assert (again.number, again.epochs, again.attempt) == (first.number, 3, 2)
    assert again.accumulate == 1


def test_after_running_out_of_memory_batches_are_taken_in_two_parts(begin):
    search = begin()
    search.dispatch.next()
    search.take(events.attempt_failed(0, "out_of_memory", "no"))
    search.dispatch.released(0)
    assert search.dispatch.next().accumulate == 2


def test_only_what_was_too_large_is_made_smaller(begin):
    search = begin()
    search.dispatch.next()
    for too_large in ("evaluation", "share", "evaluation", "batch"):
        search.take(events.attempt_failed(0, "out_of_memory", "no", too_large))
    search.dispatch.released(0)
    again = search.dispatch.next()
    assert (again.accumulate, again.evaluation_parts, again.attempt) == (2, 4, 5)


@pytest.mark.parametrize(("accuracy", "state"), [(0.3, "PRUNED"), (0.9, "RUNNING")])
def test_who_was_left_in_a_rung_is_judged_on_resuming(begin, accuracy, state):
    search = begin()
    for _ in range(4):
        search.dispatch.next()
    search.train(2, 1, 0.8)
    search.train(3, 1, accuracy)
    after = begin(past=search.log)
    after.dispatch.settle()
    assert after.history.trials[3].state == state
    assert after.history.trials[0].state == "RUNNING", "recipes are not judged"


def test_promotion_pauses_promotes_and_prunes_who_is_left(begin):
    search = begin(trials=6, promote=True)
    for accuracy in (0.9, 0.1, 0.5, 0.7, 0.6, 0.4):
        number = search.dispatch.next().number
        if number < 2:  # recipes run to their end
            search.train(number, 9, accuracy)
            search.end(number)
            continue
        search.train(number, 1, accuracy)
        search.take(events.trial_paused(number, 1))
        search.dispatch.released(number)
    promoted = search.dispatch.next()
    assert (promoted.number, promoted.epochs, promoted.attempt) == (3, 1, 1)
    assert search.dispatch.next() is None
    search.train(3, 9, 0.8)
    search.end(3)
    assert search.history.trials[3].resumed == 0, "a pause is no failure"
    assert search.dispatch.next() is None
    states = [t.state for t in search.history.trials.values()]
    assert states == ["COMPLETE", "COMPLETE", "PRUNED", "COMPLETE", "PRUNED", "PRUNED"]
    assert search.dispatch.is_over


def test_finalists_are_repeated_with_other_seeds_once_the_search_is_over(begin):
    search = begin(finalists=1)
    for accuracy in (0.5, 0.6, 0.9, 0.7):
        number = search.dispatch.next().number
        search.train(number, 9, accuracy)
        if number > 1:
            search.end(number)
    assert search.dispatch.next() is None, "the recipes are still running"
    search.end(0)
    search.end(1)
    repeats = []
    while (assignment := search.dispatch.next()) is not None:
        repeats.append(assignment)
        search.train(assignment.number, 9, 0.6)
        search.end(assignment.number)
    of = [search.history.trials[a.number].finalist_of for a in repeats]
    assert of == [2, 1, 0, 2, 1, 0]
    seeds = [a.seed for a in repeats]
    assert seeds[:3] == seeds[:1] * 3, "all finalists have the same ones"
    assert seeds[3:] == seeds[3:4] * 3
    assert len({t.seed for t in search.history.trials.values()}) == 4 + 2
    assert all(a.is_never_stopped for a in repeats)
    assert [a.point for a in repeats[:3]] == [search.history.trials[n].point for n in (2, 1, 0)]
    assert search.dispatch.is_over
    assert search.history.incumbent(search.study.objective).number == 2


def finish(search, accuracy=0.5, epochs=9):
    """Train what is handed out until nothing is; returns what was."""
    handed = []
    while (assignment := search.dispatch.next()) is not None:
        handed.append(assignment)
        search.train(assignment.number, epochs, accuracy)
        search.end(assignment.number)
    return handed


def test_recipes_are_repeated_while_the_last_trials_still_run(begin):
    """They are finalists for certain: idle workers need not wait for a straggler."""
    search = begin(finalists=2, seeds=2)
    for _ in range(4):
        search.dispatch.next()
    assert search.dispatch.next() is None, "no recipe has ended yet"
    search.train(0, 9, 0.6)
    search.end(0)
    search.train(2, 9, 0.9)
    search.end(2)
    repeats = [search.dispatch.next() for _ in range(3)]
    assert [a and a.recipe for a in repeats] == ["probe", "probe", None]
    assert repeats[2] is None, "trial 2 may yet be displaced by trial 3"
    for number, accuracy in ((1, 0.5), (3, 0.8)):
        search.train(number, 9, accuracy)
        search.end(number)
    later = [search.dispatch.next() for _ in range(6)]
    of = [search.history.trials[a.number].finalist_of for a in [*repeats[:2], *later]]
    assert of[:2] == [0, 0]
    assert sorted(of[2:]) == [1, 1, 2, 2, 3, 3]
    assert search.dispatch.next() is None
    assert repeats[0].seed in {a.seed for a in later}, "all have the same seeds"


def test_who_waits_in_a_rung_is_not_pruned_for_the_repeats_of_recipes(begin):
    """A trial that still runs may let it be promoted."""
    search = begin(finalists=1, seeds=1, trials=4, promote=True, reduction_factor=2)
    for _ in range(4):
        search.dispatch.next()
    search.train(0, 9, 0.6)
    search.end(0)
    search.train(2, 1, 0.5)
    search.take(events.trial_paused(2, 1))
    search.dispatch.released(2)
    assert search.dispatch.next().recipe == "probe"
    assert 2 in search.history.paused


def test_a_grid_goes_on_after_its_finalists(make_study, make_measurement):
    """Repeats of finalists take numbers too, which are no places in the grid."""
    grid = {"unfrozen_depth": {"low": 0, "high": 15}}
    sections = {"searcher": "grid", "space": grid, "recipes": {}}
    sections["finalists"] = {"count": 2, "seeds": 2}
    first = Search(make_study(**sections, budget={"trials": 8, "max_epochs": 9}), make_measurement)
    finish(first)
    assert len(first.history.trials) == 8 + 4
    more = make_study(**sections, budget={"trials": 16, "max_epochs": 9})
    second = Search(more, make_measurement, first.log)
    finish(second)
    depths = [trial.point.unfrozen_depth for trial in second.history.searched]
    assert sorted(depths) == list(range(16))
    assert second.dispatch.is_over


def test_recipes_that_were_not_tried_before_the_finalists_are_tried_first(
    make_study, make_measurement
):
    recipes = {
        name: {"learning_rate": rate} for name, rate in (("r0", 1e-3), ("r1", 2e-3), ("r2", 3e-3))
    }
    sections = {"recipes": recipes, "finalists": {"count": 1, "seeds": 2}}
    first = Search(make_study(**sections, budget={"trials": 2, "max_epochs": 9}), make_measurement)
    finish(first)
    second = Search(
        make_study(**sections, budget={"trials": 10, "max_epochs": 9}), make_measurement, first.log
    )
    handed = finish(second)
    assert handed[0].recipe == "r2"
    assert {t.recipe for t in second.history.searched} == {"r0", "r1", "r2", None}


def test_time_is_kept_for_the_finalists(make_study, make_measurement):
    """Epochs of 0.75 s, nine of them: a repeat takes 6.75 s, three finalists' two seeds 40 s."""
    study = make_study(
        budget={"trials": 100, "max_epochs": 9}, recipes={}, finalists={"count": 3, "seeds": 2}
    )
    search = Search(study, make_measurement)
    left = 120.0
    search.dispatch = Dispatch(
        study, search.history, search.rungs, search.searcher, search.take, lambda: left
    )
    handed = []
    while (assignment := search.dispatch.next()) is not None:
        handed.append(assignment)
        search.train(assignment.number, 9, 0.5)
        search.end(assignment.number)
        left -= 9 * 0.75
    searched, repeats = len(search.history.searched), len(handed) - len(search.history.searched)
    assert repeats == 6, "all finalists had all their seeds"
    assert 8 <= searched <= 12, "and no more time was kept than they need"
    assert left > 0
    assert search.dispatch.is_over
    assert search.dispatch.is_closed


def test_what_the_finalists_leave_of_the_time_is_searched(make_study, make_measurement):
    """Repeats take a tenth of what the trials that they repeat did, so most of the time that was
    kept for them is left: there is time for further trials, and for the repeats of a better one."""
    study = make_study(
        budget={"trials": 100, "max_epochs": 9}, recipes={}, finalists={"count": 1, "seeds": 1}
    )
    search = Search(study, make_measurement)
    left, accuracy = 60.0, 0.5
    search.dispatch = Dispatch(
        study, search.history, search.rungs, search.searcher, search.take, lambda: left
    )
    before, after = [], []
    while (assignment := search.dispatch.next()) is not None:
        number = assignment.number
        is_repeat = search.history.trials[number].finalist_of is not None
        quick = 0.1 if is_repeat or search.history.repeated else 1.0
        search.make = partial(make_measurement, seconds={"train": 0.75 * quick})
        search.train(number, 9, accuracy := accuracy + 0.001)
        search.end(number)
        left -= 9 * 0.75 * quick
        (after if search.history.repeated else before).append(is_repeat)
    assert not any(before)
    assert after.count(False) >= 3, "searched again after the first repeat"
    assert (after[0], after[-1]) == (True, True), "and the better trial has its repeat, too"
    assert 0 <= left < 10
    assert search.dispatch.is_over


def test_without_a_time_limit_nothing_is_kept(begin):
    search = begin(finalists=1)
    finish(search)
    assert not search.dispatch.is_closed
    assert len(search.history.searched) == 4
