"""What a ledger says, trial by trial: states, epochs, incumbents, and trials that were resumed."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search.records import events
from search.records.history import History
from search.records.trial import value_of
from spaces.errors import RunStateError
from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import Objective

MAX = Objective(metric="val_accuracy", mode="max")
MIN = Objective(metric="val_loss", mode="min")


def proposed(number=0, recipe=None):
    return events.trial_proposed(number, recipe, Hyperparameters(), number + 100)


def started(number=0, resumed=0):
    return events.trial_started(number, "10.0.0.1", 1000, 10, resumed)


@pytest.fixture(scope="module")
def measured(make_measurement):
    def event(number, epoch, accuracy=0.5, **changes):
        return events.trial_measured(number, make_measurement(epoch, accuracy, **changes))

    return event


def test_an_empty_ledger_has_no_trials():
    history = History.of([])
    assert history.trials == {}
    assert history.incumbent(MAX) is None
    assert history.opened is None


def test_a_configuration_that_is_allowed_no_longer_is_told_with_its_trial():
    event = proposed(3)
    event["hyperparameters"] |= {"decay": "step", "decay_factor": 2.0}
    with pytest.raises(RunStateError, match=r"Trial 3 .*decay_factor is 2\.0, must be at most 1"):
        History.of([event])


def test_a_trial_from_proposal_to_end(measured):
    history = History.of([proposed(4, "probe")])
    trial = history.trials[4]
    assert (trial.state, trial.recipe, trial.seed, trial.is_over) == (
        "RUNNING",
        "probe",
        104,
        False,
    )
    assert trial.point == Hyperparameters()
    for event in (started(4), measured(4, 1), measured(4, 2)):
        history.take(event)
    assert (trial.node, trial.total_params, trial.trainable_params) == ("10.0.0.1", 1000, 10)
    assert (trial.epochs, trial.resumed) == (2, 0)
    end = events.trial_ended(4, events.PRUNED, "scheduler")
    history.take(end)
    assert (trial.state, trial.reason, trial.error) == ("PRUNED", "scheduler", None)
    assert trial.is_over
    assert trial.ended == end["time"] == history.last_time


@pytest.mark.parametrize("state", ["COMPLETE", "PRUNED", "FAIL"])
def test_trials_are_found_by_their_state(state):
    history = History.of([proposed(0), proposed(1), events.trial_ended(1, state, "why", "text")])
    assert [t.number for t in history.in_state(state)] == [1]
    assert [t.number for t in history.in_state("RUNNING", state)] == [0, 1]
    assert history.trials[1].error == "text"


class TestResuming:
    """A trial goes on after its checkpoint: what came after it is done again, and counts once."""

    @pytest.mark.parametrize("resumed", [0, 1, 2, 3])
    def test_each_epoch_is_there_once(self, measured, resumed):
        before = [measured(0, epoch, 0.1 * epoch) for epoch in (1, 2, 3)]
        after = [measured(0, epoch, 0.15 * epoch) for epoch in range(resumed + 1, 6)]
        history = History.of([proposed(), started(), *before, started(resumed=resumed), *after])
        trial = history.trials[0]
        assert [m.epoch for m in trial.measurements] == [1, 2, 3, 4, 5]
        assert trial.epochs == 5
        assert len(trial.times) == 5
        factors = [m.val_accuracy / m.epoch for m in trial.measurements]
        assert factors == pytest.approx([0.1] * resumed + [0.15] * (5 - resumed))

    def test_an_epoch_that_is_done_again_is_not_the_best(self, measured):
        lost = measured(0, 3, 0.99)
        history = History.of(
            [
                *(proposed(), started(), measured(0, 1, 0.5), measured(0, 2, 0.6), lost),
                *(started(resumed=2), measured(0, 3, 0.7)),
            ]
        )
        assert history.trials[0].best(MAX).val_accuracy == 0.7

    def test_what_is_not_done_again_is_not_there(self, measured):
        history = History.of(
            [proposed(), started(), measured(0, 1, 0.5), measured(0, 2, 0.9), started(resumed=1)]
        )
        trial = history.trials[0]
        assert [m.epoch for m in trial.measurements] == [1]
        assert trial.best(MAX).val_accuracy == 0.5

    def test_it_counts_how_often_a_trial_was_resumed(self, measured):
        begun = [proposed(), started(), measured(0, 1), started(resumed=1), measured(0, 2)]
        assert History.of(begun).trials[0].resumed == 1
        assert History.of([*begun, started(resumed=2)]).trials[0].resumed == 2


class TestIncumbent:
    def history(self, measured, *accuracies, state="COMPLETE"):
        ledger = []
        for number, accuracy in enumerate(accuracies):
            ledger += [proposed(number), started(number), measured(number, 1, accuracy)]
            ledger.append(events.trial_ended(number, state, "why"))
        return History.of(ledger)

    @pytest.mark.parametrize("objective", [MAX, MIN], ids=["max", "min"])
    def test_it_is_the_best_trial(self, measured, objective):
        assert self.history(measured, 0.3, 0.8, 0.5).incumbent(objective).number == 1

    @pytest.mark.parametrize("objective", [MAX, MIN], ids=["max", "min"])
    def test_of_equals_it_is_the_earliest(self, measured, objective):
        history = self.history(measured, 0.5, 0.8, 0.8)
        assert history.incumbent(objective).number == 1
        trial = history.trials[0]
        history.take(measured(0, 2, 0.5))
        assert trial.best(objective).epoch == 1

    @pytest.mark.parametrize("objective", [MAX, MIN], ids=["max", "min"])
    def test_a_failed_trial_is_never_it(self, measured, objective):
        history = self.history(measured, 0.3, 0.9)
        history.take(events.trial_ended(1, "FAIL", "worker_lost"))
        assert history.incumbent(objective).number == 0
        assert self.history(measured, 0.3, 0.9, state="FAIL").incumbent(objective) is None

    @pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf], ids=str)
    @pytest.mark.parametrize("objective", [MAX, MIN], ids=["max", "min"])
    def test_what_is_not_finite_is_never_the_best(self, measured, objective, bad):
        wrong = measured(1, 1, 0.5, val_loss=bad, val_accuracy=bad)
        history = History.of([proposed(0), measured(0, 1, 0.01), proposed(1), wrong])
        assert history.trials[1].best(objective) is None
        assert history.incumbent(objective).number == 0
        history.take(measured(1, 2, 0.02))
        assert history.trials[1].best(objective).epoch == 2

    def test_a_bad_trial_is_better_than_none(self, measured):
        assert self.history(measured, 0.0).incumbent(MAX).number == 0
        history = History.of([proposed(0), measured(0, 1, 0.0, val_loss=1e9)])
        assert history.incumbent(MIN).number == 0

    def test_a_running_or_pruned_trial_can_be_it(self, measured):
        assert self.history(measured, 0.3, 0.4, state="PRUNED").incumbent(MAX).number == 1
        running = History.of([proposed(0), measured(0, 1, 0.2)])
        assert running.incumbent(MAX).number == 0

    def test_it_can_be_asked_for_among_some(self, measured):
        history = self.history(measured, 0.3, 0.9, 0.5)
        some = [history.trials[0], history.trials[2]]
        assert history.incumbent(MAX, among=some).number == 2
        assert history.incumbent(MAX, among=[]) is None

    @pytest.mark.parametrize(("objective", "epoch"), [(MAX, 2), (MIN, 3)], ids=["max", "min"])
    def test_the_best_epoch_is_by_the_metric(self, measured, objective, epoch):
        ledger = [proposed(0), measured(0, 1, 0.5, val_loss=0.9)]
        ledger += [measured(0, 2, 0.8, val_loss=0.7), measured(0, 3, 0.6, val_loss=0.2)]
        assert History.of(ledger).trials[0].best(objective).epoch == epoch


def test_seconds_are_summed_by_kind(measured):
    ledger = [proposed(0), measured(0, 1, seconds={"start": 2.0, "train": 1.0})]
    ledger.append(measured(0, 2, seconds={"train": 1.5}))
    trial = History.of(ledger).trials[0]
    assert trial.seconds("train") == 2.5
    assert trial.seconds("start") == 2.0
    assert trial.seconds("data") == 0.0
    assert trial.total_seconds == 4.5


def test_drivers_are_counted_and_the_last_one_says_how_it_ended():
    opened = events.study_opened("study", "hash", {})
    first = events.driver_started("host", 1)
    history = History.of([opened, first, events.driver_stopped("SIGTERM")])
    assert history.opened == opened
    assert history.stopped["reason"] == "SIGTERM"
    history.take(events.driver_started("host", 2))
    assert history.stopped is None
    assert (history.drivers, history.started) == (2, first["time"])


def test_an_event_of_a_later_version_is_passed_over():
    history = History.of([{"event": "moon_risen", "time": 5.0}, proposed(0)])
    assert list(history.trials) == [0]


def test_a_ledger_read_back_makes_the_same_history(measured, tmp_path):
    from search.records.ledger import Ledger, read_ledger

    written = [proposed(0, "probe"), started(0), measured(0, 1), measured(0, 2, val_loss=math.inf)]
    written.append(events.trial_ended(0, "COMPLETE", "early_stopping"))
    with Ledger(tmp_path / "ledger.jsonl") as ledger:
        for event in written:
            ledger.append(event)
    assert History.of(read_ledger(tmp_path / "ledger.jsonl")) == History.of(written)


happened = st.lists(
    st.tuples(
        st.integers(0, 5),
        st.sampled_from(["started", "measured", "COMPLETE", "PRUNED", "FAIL", "paused"]),
        st.integers(0, 4),
    ),
    max_size=40,
)


@given(happened=happened)
def test_what_is_kept_up_to_date_is_what_a_scan_finds(happened, measured):
    numbers = range(6)
    history = History.of(
        events.trial_proposed(n, "r" if n < 2 else None, Hyperparameters(), 0, 2 if n > 4 else None)
        for n in numbers
    )
    for objective in (MAX, MIN):  # asked for before anything has happened, and after each event
        assert history.incumbent(objective) is None
    history.take({"event": "of_a_later_version", "time": 0.0, "trial": 99})
    for number, what, value in happened:
        trial = history.trials[number]
        if trial.is_over:
            continue
        if what == "started":
            history.take(started(number, min(value, trial.epochs)))
        elif what == "measured":
            history.take(measured(number, trial.epochs + 1, value / 4 if value else math.nan))
        elif what == "paused":
            history.take(events.trial_paused(number, trial.epochs))
        else:
            history.take(events.trial_ended(number, what, "why"))
        check_against_a_scan(history)


def check_against_a_scan(history: History) -> None:
    trials = list(history.trials.values())
    assert history.searched == [t for t in trials if t.finalist_of is None]
    assert history.recipes == [t for t in history.searched if t.recipe]
    assert history.active == [t for t in trials if not (t.is_over or t.is_paused)]
    assert set(history.paused) == {t.number for t in trials if t.is_paused and not t.is_over}
    for objective, sign in ((MAX, -1), (MIN, 1)):
        ranks = {}
        for trial in trials:
            values = [value_of(m, objective) for m in trial.measurements]
            finite = [sign * value for value in values if math.isfinite(value)]
            assert trial.best_value(objective) == (sign * min(finite) if finite else None)
            if finite and trial.state != "FAIL" and trial.finalist_of is None:
                ranks[trial.number] = min(finite), trial.number
        expected = sorted(ranks, key=lambda n: ranks[n])
        assert [t.number for t in history.ranked(objective)] == expected
        over = [n for n in expected if history.trials[n].is_over]
        assert [t.number for t in history.ranked(objective, is_over=True)] == over
