"""The adapter between Ray Tune and the ledger: searcher, scheduler, callbacks and stopper."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray.cloudpickle
import ray.exceptions
from ray.tune import Callback, Stopper
from ray.tune.experiment import Trial
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.schedulers import FIFOScheduler
from ray.tune.search import Searcher

from search.cluster.placement import fits_somewhere
from search.live.early_end import Ending
from search.live.live_run import OpenRun
from search.records import events
from search.strategy.dispatch import Assignment
from search.strategy.successive_halving import Rungs
from spaces.study import Resources, Study
from trainables.training.measurement import Measurement


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
        concurrent: Largest number of concurrent trials.
    """

    def __init__(self, current: OpenRun, concurrent: int) -> None:
        objective = current.study.objective
        super().__init__(metric=objective.metric, mode=objective.mode)
        self._current, self._concurrent = current, concurrent

    def set_search_properties(self, *_: Any, **__: Any) -> bool:
        """Accept Tune's metric and mode, which are the study's."""
        return True

    def suggest(self, trial_id: str) -> Any:
        """The next trial's configuration."""
        dispatch = self._current.dispatch
        if self._current.ending.has_begun:
            return Searcher.FINISHED
        if len(dispatch.running) >= self._concurrent:
            return None
        assignment = dispatch.next()
        if assignment is not None:
            folder = self._current.checkpoints_of(assignment.number).folder
            return _config(assignment, folder)
        return None if dispatch.running else Searcher.FINISHED

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Do nothing: Optuna learns from the ledger's events."""


class Recorder(NotPickled, Callback):
    """Records Tune's results and errors as events.

    Args:
        current: The run that takes the events.
    """

    def __init__(self, current: OpenRun) -> None:
        self._current = current
        self._study, self._history = current.study, current.history
        self._dispatch, self._sink = current.dispatch, current.take
        self._ends: dict[int, tuple[str, str, str | None]] = {}

    def on_trial_result(
        self,
        iteration: int,
        trials: list[TuneTrial],
        trial: TuneTrial,
        result: dict[str, Any],
        **_: Any,
    ) -> None:
        """Record finished epochs, or a failure in one."""
        number = trial.config["trial"]
        happened = []
        if "started" in result:
            happened.append(events.trial_started(number, **result["started"]))
        happened += [
            events.trial_measured(number, Measurement.from_dict(measurement))
            for measurement in result.get("measurements", ())
        ]
        if "checkpoint" in result:
            happened.append(events.trial_checkpointed(number, *result["checkpoint"]))
        happened += [events.noted(text) for text in result.get("notes", ())]
        self._current.take(*happened)
        if "end" in result:
            self._ends[number] = tuple(result["end"])
        if "storage" in result:
            self._current.ending.storage_failed(result["storage"])

    def on_trial_complete(
        self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **_: Any
    ) -> None:
        """Record that the trial ended by itself, or was stopped at a rung."""
        number = trial.config["trial"]
        end = self._ends.pop(number, None)
        if end is None and self._current.ending.has_begun:
            pass  # interrupted; it resumes with the run
        elif end is None and self._study.budget.promote:
            self._sink(events.trial_paused(number, self._history.trials[number].epochs))
        elif end is None:
            self._sink(events.trial_ended(number, events.PRUNED, "scheduler"))
        elif end[1] == "out_of_memory":
            self._failed(number, end[1], end[2], tries=1)
        else:
            self._sink(events.trial_ended(number, *end))
        self._dispatch.released(number)

    def on_trial_error(
        self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **_: Any
    ) -> None:
        """Record that the trial's process died."""
        number = trial.config["trial"]
        error = _error_of(trial)
        reason = _reason(error)
        retries = {"worker_lost": self._study.resources.max_failures, "out_of_memory": 1}
        text = str(error)[-4000:] if error else None
        if reason == "recycled":
            pass  # the trial had not started yet
        elif reason == "preempted":
            self._sink(events.attempt_failed(number, reason, text))
        else:
            self._failed(number, reason, text, retries.get(reason, 0))
        self._dispatch.released(number)

    def _failed(self, number: int, reason: str, text: str | None, tries: int) -> None:
        """Retry the trial, or end it if it has been retried as often as allowed."""
        failures = [f for f in self._history.trials[number].failures if f.reason == reason]
        if len(failures) < tries:
            self._sink(events.attempt_failed(number, reason, text))
        else:
            self._sink(events.trial_ended(number, events.FAIL, reason, text))


def _error_of(trial: TuneTrial) -> Exception | None:
    """The error from the file that Tune has just written; its own getter reads a later copy."""
    path = trial.pickled_error_file
    if path is None or not Path(path).is_file():
        return None
    error: Exception = ray.cloudpickle.loads(Path(path).read_bytes())
    return error


def _reason(error: Exception | None) -> str:
    if isinstance(error, ray.exceptions.OutOfMemoryError):
        return "out_of_memory"
    if isinstance(error, ray.exceptions.RayActorError) and "exit_actor" in str(error):
        return "recycled"
    if isinstance(error, ray.exceptions.RayActorError):
        return "preempted" if error.preempted else "worker_lost"
    return "error"


def _config(trial: Assignment, folder: str) -> dict[str, Any]:
    return {
        "trial": trial.number,
        "hyperparameters": trial.point.to_dict(),
        "seed": trial.seed,
        "epochs": trial.epochs,
        "attempt": trial.attempt,
        "accumulate": trial.accumulate,
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
