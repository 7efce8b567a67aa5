"""Between Ray Tune and the ledger: what Tune asks for is proposed, what it sees is recorded."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from ray.tune import Callback
from ray.tune.experiment import Trial as TuneTrial
from ray.tune.search import Searcher

from search.records import events
from search.records.events import EventSink
from search.searcher import OptunaSearcher
from spaces.hyperparameters import Hyperparameters
from spaces.study import Study
from trainables.measurement import Measurement


@dataclass(frozen=True)
class Assignment:
    """A trial to be trained, or to be gone on with where an earlier driver left it.

    Attributes:
        checkpoint: Folder to go on from; None begins it anew.
    """

    number: int
    recipe: str | None
    point: Hyperparameters
    seed: int
    checkpoint: Path | None


class _NotPickled:
    """Tune pickles what it is given; ours stands in the ledger, and Tune's copy is never read."""

    def __getstate__(self) -> dict[str, Any]:
        return {}


class RecordedSearcher(_NotPickled, Searcher):
    """Hands Tune the trials that were left unfinished, then new ones, and records those.

    Args:
        study: Says how many trials there are.
        searcher: Proposes new ones.
        sink: Takes their events.
        left: What is to be gone on with.
        first: Number of the first new trial.
    """

    def __init__(
        self,
        study: Study,
        searcher: OptunaSearcher,
        sink: EventSink,
        left: Sequence[Assignment] = (),
        first: int = 0,
    ) -> None:
        super().__init__(metric=study.objective.metric, mode=study.objective.mode)
        self._study, self._searcher, self._sink = study, searcher, sink
        self._left, self._next = deque(left), first

    def set_search_properties(self, *_: Any, **__: Any) -> bool:
        """Accept Tune's metric and mode: they are the study's."""
        return True

    def suggest(self, trial_id: str) -> Any:
        """The next trial's configuration."""
        if self._left:
            trial = self._left.popleft()
            return _config(trial)
        if self._next >= self._study.budget.trials:
            return Searcher.FINISHED
        number, self._next = self._next, self._next + 1
        recipe, point = self._searcher.propose(number)
        seed = trial_seed(self._study, number)
        self._sink(events.trial_proposed(number, recipe, point, seed))
        return _config(Assignment(number, recipe, point, seed, None))

    def on_trial_complete(
        self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False
    ) -> None:
        """Nothing: Optuna learns from the ledger's events."""


class Recorder(_NotPickled, Callback):
    """Records what Tune sees of each trial.

    Args:
        study: Says when a trial is at its end.
        sink: Takes the events.
    """

    def __init__(self, study: Study, sink: EventSink) -> None:
        self._study, self._sink = study, sink
        self._ends: dict[int, tuple[str, str, str | None]] = {}

    def on_trial_result(
        self,
        iteration: int,
        trials: list[TuneTrial],
        trial: TuneTrial,
        result: dict[str, Any],
        **_: Any,
    ) -> None:
        """An epoch is done, or the trial failed in it."""
        number = trial.config["trial"]
        if "started" in result:
            self._sink(events.trial_started(number, **result["started"]))
        if "measurement" in result:
            measurement = Measurement.from_dict(result["measurement"])
            self._sink(events.trial_measured(number, measurement))
            if measurement.epoch >= self._study.budget.max_epochs:
                self._ends[number] = (events.COMPLETE, "max_epochs", None)
        if "end" in result:
            self._ends[number] = tuple(result["end"])

    def on_trial_complete(
        self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **_: Any
    ) -> None:
        """The trial came to its own end, or was stopped."""
        number = trial.config["trial"]
        end = self._ends.pop(number, (events.PRUNED, "scheduler", None))
        self._sink(events.trial_ended(number, *end))

    def on_trial_error(
        self, iteration: int, trials: list[TuneTrial], trial: TuneTrial, **_: Any
    ) -> None:
        """The trial's process died."""
        error = trial.get_error()
        text = str(error)[-4000:] if error else None
        self._sink(events.trial_ended(trial.config["trial"], events.FAIL, "worker_lost", text))


def trial_seed(study: Study, number: int) -> int:
    """The seed of a trial's initial weights, dropout, augmentation and order of examples."""
    return int(np.random.SeedSequence([study.seed, number]).generate_state(1)[0]) % 2**31


def _config(trial: Assignment) -> dict[str, Any]:
    return {
        "trial": trial.number,
        "recipe": trial.recipe,
        "hyperparameters": trial.point.to_dict(),
        "seed": trial.seed,
        "checkpoint": str(trial.checkpoint) if trial.checkpoint else None,
    }
