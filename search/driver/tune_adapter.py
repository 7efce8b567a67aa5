"""Between Tune and the ledger: what Tune is to run, and what it saw."""

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
    """A mix-in: Tune's copy is empty, and never read."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class EndStopper(NotPickled, Stopper):
    """Tells Tune to stop everything when patience has run out."""

    def __init__(self, ending: Ending) -> None:
        self._ending = ending

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        """No single trial is stopped here."""
        return False

    def stop_all(self) -> bool:
        """Whether to stop everything."""
        return self._ending.is_out_of_patience


class DispatchedSearcher(NotPickled, Searcher):
    """Hands Tune the trials that `Dispatch` names.

    Args:
        current: The run; says what is next.
        concurrent: Trials at once.
    """

    def __init__(self, current: OpenRun, concurrent: int) -> None:
        objective = current.study.objective
        super().__init__(metric=objective.metric, mode=objective.mode)
        self._current, self._concurrent = current, concurrent

    def set_search_properties(self, *_: Any, **__: Any) -> bool:
        """Accept Tune's metric and mode: they are the study's."""
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
        """Nothing: Optuna learns from the ledger's events."""


class Recorder(NotPickled, Callback):
    """Records what Tune sees of each trial.

    Args:
        current: The run; takes the events.
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
        """Some epochs are done, or the trial failed in one."""
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
        """The trial came to its own end, or was stopped in a rung."""
        number = trial.config["trial"]
        end = self._ends.pop(number, None)
        if end is None and self._current.ending.has_begun:
            pass  # broken off, to be gone on with
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
        """The trial's process died."""
        number = trial.config["trial"]
        error = _error_of(trial)
        reason = _reason(error)
        retries = {"worker_lost": self._study.resources.max_failures, "out_of_memory": 1}
        text = str(error)[-4000:] if error else None
        if reason == "recycled":
            pass  # nothing of the trial was done yet
        elif reason == "preempted":
            self._sink(events.attempt_failed(number, reason, text))
        else:
            self._failed(number, reason, text, retries.get(reason, 0))
        self._dispatch.released(number)

    def _failed(self, number: int, reason: str, text: str | None, tries: int) -> None:
        """Try again, unless that has been done as often as it may be."""
        failures = [f for f in self._history.trials[number].failures if f.reason == reason]
        if len(failures) < tries:
            self._sink(events.attempt_failed(number, reason, text))
        else:
            self._sink(events.trial_ended(number, events.FAIL, reason, text))


def _error_of(trial: TuneTrial) -> Exception | None:
    """What Tune has just written beside the trial: its own getter looks where it is copied to."""
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


EVERY = 10.0
"""Seconds between two looks at the machines."""


class Waiting(NotPickled, Callback):
    """Says when the last machine that could run a trial is gone, and when there is one again.

    Args:
        resources: Of a trial.
        say: Takes the sentence.
    """

    def __init__(self, resources: Resources, say: Callable[[str], None]) -> None:
        self._resources, self._say = resources, say
        self._is_waiting, self._next_look = False, time.monotonic() + EVERY

    def on_step_begin(self, iteration: int, trials: list[Any], **_: Any) -> None:
        """Look, if it is time to."""
        if time.monotonic() < self._next_look:
            return
        self._next_look = time.monotonic() + EVERY
        cpu, gpu = self._resources.cpu, self._resources.gpu or 0
        is_waiting = not fits_somewhere(cpu, gpu)
        if is_waiting and not self._is_waiting:
            self._say(
                f"No machine is there any more that has {cpu:g} CPU and {gpu:g} GPU for a trial: "
                "the search waits for one. Ctrl-C ends it, with everything saved."
            )
        elif self._is_waiting and not is_waiting:
            self._say("A machine is there again: the search goes on.")
        self._is_waiting = is_waiting
