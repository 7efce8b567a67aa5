"""One trial of a run: its configuration, measurements, failures and state."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from search.records.events import RUNNING
from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import Objective
from trainables.training.measurement import KINDS, Measurement


@dataclass(frozen=True)
class Failure:
    """A failed attempt at a trial, which was retried.

    Attributes:
        epoch: Epochs that had been recorded.
        reason: As for trials that fail.
        error: The error message.
        too_large: What is made smaller in the next attempt, if memory ran out; None in old ledgers
            means the batch.
    """

    epoch: int
    reason: str
    error: str | None
    too_large: str | None = None


@dataclass(frozen=True)
class _Best:
    """The best of a trial's first epochs, kept so that an event costs the same at any length.

    Attributes:
        epochs: How many have been looked at.
        last: The last of them: if it is another one now, the trial was cut and trained again.
        best: The best of them; None if no metric is finite.
    """

    epochs: int = 0
    last: Measurement | None = None
    best: Measurement | None = None

    def is_of(self, measurements: list[Measurement]) -> bool:
        """Whether these are still its epochs, with or without later ones."""
        return not self.epochs or (
            len(measurements) >= self.epochs and measurements[self.epochs - 1] is self.last
        )

    def after(self, new: Measurement, objective: Objective) -> _Best:
        """With one more epoch."""
        is_better = math.isfinite(value_of(new, objective)) and (
            self.best is None or rank_of(new, objective) < rank_of(self.best, objective)
        )
        return _Best(self.epochs + 1, new, new if is_better else self.best)


@dataclass
class Trial:
    """One configuration and all that happened to it.

    Attributes:
        finalist_of: The trial that this one repeats with another seed.
        resumed: How often it resumed from a checkpoint, not counting pauses at a rung.
        checkpoints: Size in bytes of the state after an epoch, by epoch.
        precision: What its network computed in, the last time that it started.
        is_paused: Whether it waits at a rung.
    """

    number: int
    recipe: str | None
    point: Hyperparameters
    seed: int
    proposed: float
    finalist_of: int | None = None
    state: str = RUNNING
    reason: str | None = None
    error: str | None = None
    node: str | None = None
    total_params: int | None = None
    trainable_params: int | None = None
    resumed: int = 0
    ended: float | None = None
    measurements: list[Measurement] = field(default_factory=list)
    times: list[float] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    checkpoints: dict[int, int] = field(default_factory=dict)
    accumulate: int = 1
    precision: str = "float32"
    is_paused: bool = False
    _best: dict[str, _Best] = field(default_factory=dict, repr=False, compare=False)

    @property
    def epochs(self) -> int:
        """Number of finished epochs."""
        return len(self.measurements)

    def halvings(self, too_large: str) -> int:
        """How often its batches ("batch") or those of its evaluation were halved for memory."""
        return sum(
            failure.reason == "out_of_memory" and (failure.too_large or "batch") == too_large
            for failure in self.failures
        )

    @property
    def is_over(self) -> bool:
        """Whether it has ended, in whatever state."""
        return self.state != RUNNING

    @property
    def is_never_stopped(self) -> bool:
        """Whether the scheduler leaves it alone: a recipe, or a repeat of a finalist."""
        return self.recipe is not None or self.finalist_of is not None

    def best(self, objective: Objective) -> Measurement | None:
        """The epoch with the best metric, the earliest if several are equal; None if none."""
        seen = self._best.get(objective.metric)
        if seen is None or not seen.is_of(self.measurements):
            seen = _Best()
        for measurement in self.measurements[seen.epochs :]:
            seen = seen.after(measurement, objective)
        self._best[objective.metric] = seen
        return seen.best

    def best_value(self, objective: Objective) -> float | None:
        """The metric of the best epoch; None if there is none."""
        best = self.best(objective)
        return None if best is None else value_of(best, objective)

    def seconds(self, kind: str) -> float:
        """Wall time of one kind, over all its epochs."""
        return math.fsum(m.seconds.get(kind, 0.0) for m in self.measurements)

    @property
    def total_seconds(self) -> float:
        """Wall time of all its epochs."""
        return math.fsum(self.seconds(kind) for kind in KINDS)


def value_of(measurement: Measurement, objective: Objective) -> float:
    """The value of the metric that trials are judged by; NaN if it was not measured."""
    value: float | None = getattr(measurement, objective.metric)
    return math.nan if value is None else value


def rank_of(measurement: Measurement, objective: Objective) -> float:
    """The value that trials are ordered by: the smaller, the better."""
    value = value_of(measurement, objective)
    return -value if objective.mode == "max" else value
