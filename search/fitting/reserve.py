"""The time that is left, and what of it is kept for fine-tuning, test and report."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field

from search.fitting.study import costs
from search.records.history import History
from search.records.trial import Trial
from spaces.studies.study import Study

_LAST = 3
"""Epochs at a trial's end that tell how long one takes."""

LARGEST = 0.5
"""Share of the whole time that is kept for the end at most: a single slow epoch must not end a
search that has hardly begun."""


@dataclass
class Clock:
    """Counts from its creation.

    Attributes:
        seconds: The time that everything may take; None for no limit.
    """

    seconds: float | None
    _began: float = field(default_factory=time.monotonic)

    @property
    def taken(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self._began

    @property
    def left(self) -> float | None:
        """Seconds until the end; negative after it."""
        return None if self.seconds is None else self.seconds - self.taken


@dataclass(frozen=True)
class Reserve:
    """Estimates how long everything after the search will take.

    Attributes:
        study: Says how many models are tested.
        seconds: The whole time.
        grown: Images that the final model is trained on, for each that a trial is trained on.
        speed: How much faster a fine-tuning is, which has all cores, than a trial.
        each_model: Seconds of the clock to test one model.
    """

    study: Study
    seconds: float
    grown: float
    speed: float
    each_model: float = costs.EACH_MODEL

    def __call__(self, history: History) -> float:
        """Seconds of the clock, from the incumbent's epochs so far."""
        trial = history.incumbent(self.study.objective)
        training = 0.0 if trial is None else self.training_seconds(trial)
        models = 2 + sum(bool(t.epochs) for t in history.recipes)
        needed = (
            costs.STOPPING
            + costs.FINETUNING
            + training
            + costs.EVALUATION
            + models * self.each_model
            + costs.REPORT
        )
        return min(needed, LARGEST * self.seconds)

    def training_seconds(self, trial: Trial) -> float:
        """Seconds to train a trial's configuration anew, on training and validation images.

        By its last epochs: the first of a phase also waits for the graph to be traced.
        """
        taken = [m.seconds.get("train", 0.0) for m in trial.measurements[-_LAST:]]
        epoch = statistics.median(taken) if taken else 0.0
        return costs.TRACING + self.grown * epoch * trial.point.epochs / self.speed
