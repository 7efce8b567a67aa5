"""The time that a search leaves for fine-tuning, test and report, by what its trials took."""

from __future__ import annotations

from dataclasses import dataclass

from search.fitting import costs
from search.records.history import History, Trial
from spaces.study import Study

LARGEST = 0.5
"""Share of the whole time that is kept for the end at most: a single slow epoch must not end a
search that has hardly begun."""


@dataclass(frozen=True)
class Reserve:
    """Estimates how long everything after the search will take.

    Attributes:
        study: Says how many models are tested.
        seconds: The whole time.
        grown: Images that the final model is trained on, for each that a trial is trained on.
        speed: How much faster a fine-tuning is, which has all cores, than a trial.
    """

    study: Study
    seconds: float
    grown: float
    speed: float

    def __call__(self, history: History) -> float:
        """Seconds of the clock, from the incumbent's epochs so far."""
        trial = history.incumbent(self.study.objective)
        training = 0.0 if trial is None else self.training_seconds(trial)
        models = 2 + sum(t.recipe is not None and bool(t.epochs) for t in history.searched)
        needed = (
            costs.FINETUNING
            + training
            + costs.EVALUATION
            + models * costs.EACH_MODEL
            + costs.REPORT
        )
        return min(needed, LARGEST * self.seconds)

    def training_seconds(self, trial: Trial) -> float:
        """Seconds to train a trial's configuration anew, on training and validation images."""
        slowest = max((m.seconds.get("train", 0.0) for m in trial.measurements), default=0.0)
        return costs.TRACING + self.grown * slowest * trial.point.epochs / self.speed
