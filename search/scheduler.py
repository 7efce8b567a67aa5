"""The scheduler: asynchronous successive halving over epochs."""

from __future__ import annotations

import math
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import ASHAScheduler

from spaces.study import Study


class Asha(ASHAScheduler):
    """Ray's ASHA, in which a result that is not finite neither passes a rung nor stands in one.

    Recipes stand in the rungs but are never stopped: a baseline that was cut short would be beaten
    too easily.
    """

    def on_trial_result(self, controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Stop the trial, or let it go on."""
        if not math.isfinite(result[self._metric]):
            return self.STOP
        decision = super().on_trial_result(controller, trial, result)
        return self.CONTINUE if trial.config["recipe"] else decision

    def on_trial_complete(self, controller: Any, trial: Trial, result: dict[str, Any]) -> None:
        """Take note of a last result."""
        if math.isfinite(result[self._metric]):
            super().on_trial_complete(controller, trial, result)


def scheduler(study: Study) -> Asha:
    """ASHA with the study's rungs."""
    budget = study.budget
    return Asha(
        time_attr="epoch",
        metric=study.objective.metric,
        mode=study.objective.mode,
        max_t=budget.max_epochs,
        grace_period=budget.grace_period,
        reduction_factor=budget.reduction_factor,
    )
