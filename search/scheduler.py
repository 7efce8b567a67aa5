"""The scheduler: asynchronous successive halving on Ray Tune's interface."""

from __future__ import annotations

import math
from typing import Any

from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler

from search.ending import Ending
from search.rungs import Rungs
from spaces.study import Study


class Asha(FIFOScheduler):
    """Stops a trial at a rung that it does not pass.

    With `promote`, every trial stops at its rung, and `Dispatch` goes on with those that come to
    be among its best. Recipes and repeats of finalists are never stopped: a baseline that was cut
    short would be beaten too easily.

    Args:
        study: Says metric, and whether trials are promoted.
        rungs: Know what other trials have reached.
        ending: Stops every trial when the search is to end.
    """

    def __init__(self, study: Study, rungs: Rungs, ending: Ending) -> None:
        super().__init__()
        self._metric, self._mode = study.objective.metric, study.objective.mode
        self._promote, self._rungs, self._ending = study.budget.promote, rungs, ending

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its scheduler; ours follows from the ledger, and Tune's copy is not read."""
        return {"_metric": self._metric, "_mode": self._mode}

    def on_trial_result(self, controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Stop the trial, or let it go on."""
        value, epoch = result[self._metric], result["epoch"]
        if self._ending.has_begun or not math.isfinite(value):
            return self.STOP
        number = trial.config["trial"]
        is_judged = epoch in self._rungs.milestones
        if not is_judged or trial.config["is_never_stopped"]:
            return self.CONTINUE
        if self._promote or not self._rungs.is_among_the_best(number, epoch, value):
            return self.STOP
        return self.CONTINUE
