"""Asynchronous successive halving: which trials are in which rung, and which continue.

After Li et al., A System for Massively Parallel Hyperparameter Tuning (MLSys 2020); η is the
reduction factor, and the resource is the epoch. Everything follows from the ledger's events.
"""

from __future__ import annotations

import math
from collections.abc import Container

from search.records.events import Event
from search.records.ranking import Ranking
from spaces.studies.study import Study
from trainables.training.measurement import Measurement


class Rungs:
    """The rungs of one search.

    Attributes:
        milestones: Epochs at which trials are judged, in order: grace_period · η^k.
        values: The metric of each trial, by milestone. Values that are not finite are left out.

    Args:
        study: Determines grace period, η, largest number of epochs and objective.
    """

    def __init__(self, study: Study) -> None:
        self.milestones = study.budget.rungs
        self.values: dict[int, dict[int, float]] = {m: {} for m in self.milestones}
        self._factor = study.budget.reduction_factor
        self._metric, self._mode = study.objective.metric, study.objective.mode
        self._repeats: set[int] = set()
        self._order = {m: Ranking() for m in self.milestones}
        self._here = {m: Ranking() for m in self.milestones}

    def take(self, event: Event) -> None:
        """Learn from an event of the ledger."""
        if event["event"] == "trial_proposed" and event["finalist_of"] is not None:
            self._repeats.add(event["trial"])
        elif event["event"] == "trial_measured" and event["trial"] not in self._repeats:
            measurement = Measurement.from_dict(event["measurement"])
            value = getattr(measurement, self._metric)
            if measurement.epoch in self.values and math.isfinite(value):
                self._put(event["trial"], measurement.epoch, value)
        elif event["event"] == "trial_ended":
            for here in self._here.values():
                here.place(event["trial"], None)

    def _put(self, trial: int, milestone: int, value: float) -> None:
        self.values[milestone][trial] = value
        self._order[milestone].place(trial, self._rank(value))
        height = self.height(trial)
        for other, here in self._here.items():
            here.place(trial, self._rank(self.values[other][trial]) if other == height else None)

    def is_among_the_best(self, trial: int, milestone: int, value: float) -> bool:
        """Whether a trial continues beyond a rung, in a search without promotion.

        It does if it is among the best 1/η of the trials that have reached the rung so far,
        itself included; at least one continues. Ties continue together.
        """
        others = len(self.values[milestone]) - (trial in self.values[milestone])
        better = self._order[milestone].better_than(self._rank(value), but=trial)
        return better < max(1, math.floor((others + 1) / self._factor))

    def promotable(self, paused: Container[int], running: Container[int] = ()) -> int | None:
        """The waiting trial in the highest rung that is among the best 1/η there, or None.

        Args:
            paused: The trials that wait.
            running: Those of them that have been resumed.
        """
        for milestone in reversed(self.milestones):
            order, here = self._order[milestone], self._here[milestone]
            for trial in here:
                if order.position(trial) >= math.floor(len(order) / self._factor):
                    break
                if trial in paused and trial not in running:
                    return trial
        return None

    def height(self, trial: int) -> int | None:
        """The highest rung that a trial has reached, or None."""
        return max((m for m in self.milestones if trial in self.values[m]), default=None)

    def _rank(self, value: float) -> float:
        return -value if self._mode == "max" else value
