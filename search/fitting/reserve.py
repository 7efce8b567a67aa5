"""The time that is left, and what of it is kept for fine-tuning, test and report."""

from __future__ import annotations

import statistics
import time
from dataclasses import dataclass, field

from search.fitting.study import costs
from search.live.early_end import PATIENCE
from search.records.history import History
from search.records.trial import Trial
from spaces.studies.study import Study

LARGEST = 0.5
"""Share of the whole time that is kept for the end at most: a single slow epoch must not end a
search that has hardly begun."""


@dataclass
class Clock:
    """Counts from its creation.

    Attributes:
        seconds: The time that everything may take; None for no limit.
        began: By `time.monotonic`.
    """

    seconds: float | None
    began: float = field(default_factory=time.monotonic)

    @property
    def taken(self) -> float:
        """Seconds since the beginning."""
        return time.monotonic() - self.began

    @property
    def left(self) -> float | None:
        """Seconds until the end; negative after it."""
        return None if self.seconds is None else self.seconds - self.taken


def _measured(history: History) -> list[Trial]:
    return [trial for trial in history.trials.values() if trial.measurements]


@dataclass(frozen=True)
class Reserve:
    """Estimates how long everything after the search will take.

    Attributes:
        study: Says how many models are tested.
        seconds: The whole time.
        grown: Images that the final model is trained on, for each that a trial is trained on.
        speed: How much faster a fine-tuning is, which has all cores, than a trial.
        each_model: Seconds of the clock to test one model.
        slowness: How much longer than where `costs` was measured a process takes to start here,
            until the search's own workers have shown it.
    """

    study: Study
    seconds: float
    grown: float
    speed: float
    each_model: float = costs.EACH_MODEL
    slowness: float = 1.0

    def __call__(self, history: History) -> float:
        """Seconds of the clock, from the trials so far.

        A recipe that is still running counts as if it won: it may overtake the incumbent when there
        is no time left to train it again.
        """
        running = [t for t in history.active if t.is_never_stopped and t.measurements]
        trial = history.incumbent(self.study.objective)
        winners = running + ([] if trial is None else [trial])
        training = max(map(self.training_seconds, winners), default=0.0)
        models = 2 + sum(bool(t.epochs) for t in history.recipes)
        fixed = self.slowness_now(history) * (costs.FINETUNING + costs.EVALUATION + costs.REPORT)
        needed = self.stopping_seconds(history) + fixed + training + models * self.each_model
        return min(needed, LARGEST * self.seconds)

    def slowness_now(self, history: History) -> float:
        """How much longer processes take to start, by the first trials of this search's workers."""
        first = [t.measurements[0].seconds.get("start", 0.0) for t in _measured(history)]
        starts = [seconds for seconds in first if seconds > costs.IN_A_WORKER]
        if not starts:
            return self.slowness
        least = costs.SLOWNESS[0]
        return min(costs.SLOWEST, max(least, statistics.median(starts) / costs.WORKER_START))

    def stopping_seconds(self, history: History) -> float:
        """Seconds from the end of the search's time until its workers have stopped.

        Running epochs get some time to end; see `search.live.early_end.PATIENCE`.
        """
        running = [t for t in history.active if t.measurements]
        epochs = [sum(t.measurements[-1].seconds.values()) for t in running]
        longest = max(epochs, default=0.0)
        return costs.STOPPING + (longest if longest < PATIENCE else PATIENCE + costs.KILLING)

    def training_seconds(self, trial: Trial) -> float:
        """Seconds to train a trial's configuration anew, on training and validation images.

        By the median of all its epochs, those of the head alone and the others: its last ones may
        be of a moment when the machine had less to do.
        """
        taken = [m.seconds.get("train", 0.0) for m in trial.measurements]
        heads = min(trial.point.head_epochs or 0, trial.point.epochs)
        phases = ((heads, taken[:heads]), (trial.point.epochs - heads, taken[heads:]))
        seconds = sum(count * statistics.median(own or taken or [0.0]) for count, own in phases)
        return costs.TRACING + self.grown * seconds / self.speed
