"""The adapter between Ray Tune and the ledger: searcher, scheduler and stopper."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from ray.tune import Callback, Stopper
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher

from search.cluster.placement import fits_somewhere
from search.driver.room import Room
from search.live.early_end import Ending
from search.live.live_run import OpenRun
from search.strategy.dispatch import Assignment
from search.strategy.successive_halving import Rungs
from spaces.studies.study import Resources, Study


class NotPickled:
    """A mix-in for what Tune pickles: its copy is empty, and never read."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class EndStopper(NotPickled, Stopper):
    """Stops all trials when the time for running epochs to finish is over."""

    def __init__(self, ending: Ending) -> None:
        self._ending = ending

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """Stop no single trial."""
        return False

    def stop_all(self) -> bool:
        """Whether to stop all trials."""
        return self._ending.is_out_of_patience


class DispatchedSearcher(NotPickled, Searcher):
    """Passes the trials that `Dispatch` chooses to Tune.

    Args:
        current: The run; its dispatch decides which trial is next.
        room: What a trial occupies, and how many run at once.
    """

    def __init__(self, current: OpenRun, room: Room) -> None:
        objective = current.study.objective
        super().__init__(metric=objective.metric, mode=objective.mode)
        self._current, self._room = current, room

    def set_search_properties(self, *_: Any, **__: Any) -> bool:
        """Accept Tune's metric and mode, which are the study's."""
        return True

    def suggest(self, trial_id: str) -> Any:
        """The next trial's configuration."""
        dispatch = self._current.dispatch
        if self._current.ending.has_begun:
            return Searcher.FINISHED
        if len(dispatch.running) >= self._room.concurrent:
            return None
        assignment = dispatch.next()
        if assignment is not None:
            folder = self._current.checkpoints_of(assignment.number).folder
            return _config(self._current.study.name, assignment, folder, self._room.cpu)
        return None if dispatch.running else Searcher.FINISHED

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Do nothing: Optuna learns from the ledger's events."""


def _config(study: str, trial: Assignment, folder: str, cpu: float) -> dict[str, Any]:
    return {
        "study": study,
        "cpu": cpu,
        "trial": trial.number,
        "hyperparameters": trial.point.to_dict(),
        "seed": trial.seed,
        "epochs": trial.epochs,
        "attempt": trial.attempt,
        "accumulate": trial.accumulate,
        "evaluation_parts": trial.evaluation_parts,
        "checkpoints": folder,
        "is_never_stopped": trial.is_never_stopped,
    }


class Asha(FIFOScheduler):
    """Asynchronous successive halving: stops a trial at a rung that it does not pass.

    With `promote`, every trial stops at its rung, and `Dispatch` resumes those that turn out to be
    among its best. Recipes and repeats of finalists are never stopped: a baseline that was cut
    short would be too easy to beat.

    Args:
        study: Determines the metric, and whether trials are promoted.
        rungs: The results of all trials at each rung.
        ending: Stops every trial when the search ends early.
    """

    def __init__(self, study: Study, rungs: Rungs, ending: Ending) -> None:
        super().__init__()
        self._metric, self._mode = study.objective.metric, study.objective.mode
        self._promote, self._rungs, self._ending = study.budget.promote, rungs, ending

    def __getstate__(self) -> dict[str, Any]:
        """Tune pickles its scheduler, but its copy is not read: ours follows from the ledger."""
        return {"_metric": self._metric, "_mode": self._mode}

    def on_trial_result(self, controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        """Stop the trial, or let it continue."""
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


EVERY = 10.0
"""Seconds between two checks of the machines."""


class Waiting(NotPickled, Callback):
    """Prints a message when no machine is left that could run a trial, and when one is back.

    Args:
        resources: Resources of a trial.
        say: Prints the message.
    """

    def __init__(self, resources: Resources, say: Callable[[str], None]) -> None:
        self._resources, self._say = resources, say
        self._is_waiting, self._next_look = False, time.monotonic() + EVERY

    def on_step_begin(self, iteration: int, trials: list[Any], **_: Any) -> None:
        """Check the machines, if it is time to."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + EVERY
        cpu, gpu = self._resources.cpu, self._resources.gpu or 0
        is_waiting = not fits_somewhere(cpu, gpu)
        if is_waiting and not self._is_waiting:
            self._say(
                f"No machine has {cpu:g} CPU and {gpu:g} GPU for a trial any more; waiting for "
                "one. Press Ctrl-C to end the search with everything saved."
            )
        elif self._is_waiting and not is_waiting:
            self._say("A machine for trials is available again; the search continues.")
        self._is_waiting = is_waiting
