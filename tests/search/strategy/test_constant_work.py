"""The driver's work for an event does not grow with the number of trials before it."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import numpy as np
import pytest

from search.records import events
from search.records.history import History
from search.strategy.dispatch import Dispatch
from search.strategy.searcher import OptunaSearcher
from search.strategy.successive_halving import Rungs

CONCURRENT, EPOCHS, COUNTED = 8, 9, 40


class Driver:
    """A search whose trials return at once, a random one at a time."""

    def __init__(self, study, make_measurement) -> None:
        self.study, self.make = study, make_measurement
        self.history, self.rungs = History(), Rungs(study)
        self.searcher = OptunaSearcher(study)
        self.dispatch = Dispatch(
            study, self.history, self.rungs, self.searcher, self.take, lambda: 1e9
        )
        self.chance, self.running = np.random.default_rng(0), {}

    def take(self, event) -> None:
        for learner in (self.history, self.searcher, self.rungs):
            learner.take(event)

    def search(self, trials: int) -> None:
        """Train until so many trials have been proposed."""
        while len(self.history.trials) < trials:
            while len(self.running) < CONCURRENT:
                given = self.dispatch.next()
                self.running[given.number] = given.epochs
                self.take(events.trial_started(given.number, "node", 10, 5, given.epochs))
            self.train(int(self.chance.choice(list(self.running))))

    def train(self, number: int) -> None:
        """An epoch of a trial, and what follows from it."""
        self.running[number] += 1
        epoch, accuracy = self.running[number], float(self.chance.random())
        self.take(events.trial_measured(number, self.make(epoch, accuracy)))
        self.history.incumbent(self.study.objective)
        ends = None
        if epoch == EPOCHS:
            ends = events.trial_ended(number, events.COMPLETE, "max_epochs")
        elif epoch in self.rungs.milestones and not self.history.trials[number].is_never_stopped:
            if self.study.budget.promote:
                ends = events.trial_paused(number, epoch)
            elif not self.rungs.is_among_the_best(number, epoch, accuracy):
                ends = events.trial_ended(number, events.PRUNED, "scheduler")
        if ends is not None:
            self.take(ends)
            self.dispatch.released(number)
            del self.running[number]


def steps_of(act) -> int:
    """Instructions of the interpreter that thawtune's own code takes."""
    count = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal count
        if "/search/" not in frame.f_code.co_filename or "/tests/" in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        act()
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize("promote", [False, True])
def test_a_trial_costs_as_much_after_a_thousand_as_after_a_hundred(
    make_study, make_measurement, promote
):
    study = make_study(
        searcher="random",
        budget={"trials": 5000, "max_epochs": EPOCHS, "grace_period": 1, "promote": promote},
        finalists={"count": 3, "seeds": 2},
    )
    driver, counted = Driver(study, make_measurement), []
    for trials in (100, 1000):
        driver.search(trials)
        counted.append(steps_of(lambda end=trials + COUNTED: driver.search(end)))
    assert counted[1] < 1.3 * counted[0]
