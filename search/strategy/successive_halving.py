"""Asynchronous successive halving: which trials are in which rung, and which continue.

After Li et al., A System for Massively Parallel Hyperparameter Tuning (MLSys 2020); η is the
reduction factor, and the resource is the epoch. Everything follows from the ledger's events.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from search.records.events import Event
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

    def take(self, event: Event) -> None:
        """Learn from an event of the ledger."""
        if event["event"] == "trial_proposed" and event["finalist_of"] is not None:
            self._repeats.add(event["trial"])
        elif event["event"] == "trial_measured" and event["trial"] not in self._repeats:
            measurement = Measurement.from_dict(event["measurement"])
            value = getattr(measurement, self._metric)
            if measurement.epoch in self.values and math.isfinite(value):
                self.values[measurement.epoch][event["trial"]] = value

    def is_among_the_best(self, trial: int, milestone: int, value: float) -> bool:
        """Whether a trial continues beyond a rung, in a search without promotion.

        It does if it is among the best 1/η of the trials that have reached the rung so far,
        itself included; at least one continues. Ties continue together.
        """
        others = [v for t, v in self.values[milestone].items() if t != trial]
        better = sum(self._is_better(other, value) for other in others)
        return better < max(1, math.floor((len(others) + 1) / self._factor))

    def promotable(self, paused: Iterable[int]) -> int | None:
        """The waiting trial in the highest rung that is among the best 1/η there, or None."""
        waiting = set(paused)
        for milestone in reversed(self.milestones):
            rung = self.values[milestone]
            best = sorted(rung, key=lambda t: self._rank(rung[t]))
            for trial in best[: math.floor(len(rung) / self._factor)]:
                if trial in waiting and self.height(trial) == milestone:
                    return trial
        return None

    def height(self, trial: int) -> int | None:
        """The highest rung that a trial has reached, or None."""
        return max((m for m in self.milestones if trial in self.values[m]), default=None)

    def _rank(self, value: float) -> float:
        return -value if self._mode == "max" else value

    def _is_better(self, one: float, other: float) -> bool:
        return self._rank(one) < self._rank(other)
