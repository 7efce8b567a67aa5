"""A searcher and its events, without trials: tests say what each trial did."""

from __future__ import annotations

from search.records import events
from search.strategy.searcher import OptunaSearcher
from trainables.training.measurement import Measurement


class Driver:
    """A searcher and the ledger of its events, as a search has them."""

    def __init__(self, study) -> None:
        self.study, self.searcher = study, OptunaSearcher(study)
        self.events: list[events.Event] = []

    def take(self, event):
        self.events.append(event)
        self.searcher.take(event)

    def propose(self, number):
        recipe, point = self.searcher.propose(number)
        self.take(events.trial_proposed(number, recipe, point, number))
        return recipe, point

    def measure(self, number, epoch, accuracy, loss=None):
        loss = 1 - accuracy if loss is None else loss
        scores = [accuracy] * 3
        measurement = Measurement(epoch, 1.0, 0.5, loss, accuracy, 1e-3, {}, *scores)
        self.take(events.trial_measured(number, measurement))

    def end(self, number, state, reason="why"):
        self.take(events.trial_ended(number, state, reason))
