"""The history of a run, replayed from its ledger: trials with their measurements and states."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from search.records.events import FAIL, RUNNING, Event
from spaces.hyperparameters import Hyperparameters
from spaces.study import Objective
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


@dataclass
class Trial:
    """One configuration and all that happened to it.

    Attributes:
        finalist_of: The trial that this one repeats with another seed.
        resumed: How often it resumed from a checkpoint, not counting pauses at a rung.
        checkpoints: Size in bytes of the state after an epoch, by epoch.
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
    is_paused: bool = False

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
        finite = [m for m in self.measurements if math.isfinite(value_of(m, objective))]
        return max(finite, key=lambda m: (_score(m, objective), -m.epoch)) if finite else None

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


@dataclass
class History:
    """All trials of a run in the order of their numbers, and the events that made them.

    Attributes:
        features: The `features_stored` events, at most one per driver.
        notes: What a reader should know, without repetitions.
        study_hash: Hash of the study as it was last changed.
        options: Options of the command line that hold, by name.
        seconds: Time during which drivers worked on the run, up to the last event.
    """

    trials: dict[int, Trial] = field(default_factory=dict)
    opened: Event | None = None
    drivers: int = 0
    started: float | None = None
    last_time: float | None = None
    stopped: Event | None = None
    features: list[Event] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    study_hash: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    _repeats: dict[int, list[int]] = field(default_factory=dict)

    @classmethod
    def of(cls, events: Iterable[Event]) -> History:
        """Replay a ledger."""
        history = cls()
        for event in events:
            history.take(event)
        return history

    def take(self, event: Event) -> None:
        """Apply one event; events that this version does not know are ignored."""
        is_between = event["event"] in ("driver_started", "study_changed")
        if self.drivers and self.stopped is None and not is_between:
            self.seconds += max(0.0, event["time"] - (self.last_time or event["time"]))
        self.last_time = event["time"]
        handler = getattr(self, f"_on_{event['event']}", None)
        if handler is not None:
            handler(event)

    @property
    def searched(self) -> list[Trial]:
        """The trials that are not repeats of finalists."""
        return [trial for trial in self.trials.values() if trial.finalist_of is None]

    @property
    def repeated(self) -> list[int]:
        """Numbers of the finalists that were trained again, in the order of their first repeat."""
        return list(self._repeats)

    def repeats_of(self, number: int) -> list[Trial]:
        """The repeats of a finalist with other seeds, in whatever state, in order."""
        return [self.trials[repeat] for repeat in self._repeats.get(number, ())]

    def in_state(self, *states: str) -> list[Trial]:
        """The trials in these states."""
        return [trial for trial in self.trials.values() if trial.state in states]

    def incumbent(self, objective: Objective, among: Iterable[Trial] | None = None) -> Trial | None:
        """The best trial so far, the earliest if several are equal.

        A failed trial is never the incumbent, nor is a repeat of a finalist.

        Args:
            objective: The metric and its mode.
            among: Consider only these trials; None considers all that are not repeats.
        """
        trials = self.searched if among is None else among
        scored = [
            (trial, best)
            for trial in trials
            if trial.state != FAIL and (best := trial.best(objective)) is not None
        ]
        if not scored:
            return None
        return max(scored, key=lambda pair: (_score(pair[1], objective), -pair[0].number))[0]

    def _on_study_opened(self, event: Event) -> None:
        self.opened = event
        self._on_study_changed(event)

    def _on_study_changed(self, event: Event) -> None:
        self.study_hash, self.options = event["hash"], event["options"]
        self.stopped = None

    def _on_driver_started(self, event: Event) -> None:
        self.drivers += 1
        self.started = self.started or event["time"]
        self.stopped = None

    def _on_driver_stopped(self, event: Event) -> None:
        self.stopped = event

    def _on_features_stored(self, event: Event) -> None:
        self.features.append(event)

    def _on_noted(self, event: Event) -> None:
        if event["text"] not in self.notes:
            self.notes.append(event["text"])

    def _on_trial_proposed(self, event: Event) -> None:
        if event["finalist_of"] is not None:
            self.trials[event["finalist_of"]]
        self.trials[event["trial"]] = Trial(
            event["trial"],
            event["recipe"],
            Hyperparameters.from_dict(event["hyperparameters"]),
            event["seed"],
            event["time"],
            event["finalist_of"],
        )
        if event["finalist_of"] is not None:
            self._repeats.setdefault(event["finalist_of"], []).append(event["trial"])

    def _on_trial_started(self, event: Event) -> None:
        trial = self.trials[event["trial"]]
        trial.node = event["node"]
        trial.total_params = event["total_params"]
        trial.trainable_params = event["trainable_params"]
        trial.accumulate = event["accumulate"]
        trial.resumed += bool(event["resumed"]) and not trial.is_paused
        trial.is_paused = False
        # Epochs after the checkpoint that it resumes from are trained and reported again.
        del trial.measurements[event["resumed"] :]
        del trial.times[event["resumed"] :]

    def _on_trial_checkpointed(self, event: Event) -> None:
        self.trials[event["trial"]].checkpoints[event["epoch"]] = event["bytes"]

    def _on_trial_paused(self, event: Event) -> None:
        self.trials[event["trial"]].is_paused = True

    def _on_attempt_failed(self, event: Event) -> None:
        trial = self.trials[event["trial"]]
        trial.failures.append(
            Failure(trial.epochs, event["reason"], event["error"], event["too_large"])
        )

    def _on_trial_measured(self, event: Event) -> None:
        trial = self.trials[event["trial"]]
        trial.measurements.append(Measurement.from_dict(event["measurement"]))
        trial.times.append(event["time"])

    def _on_trial_ended(self, event: Event) -> None:
        trial = self.trials[event["trial"]]
        trial.state, trial.reason, trial.error = event["state"], event["reason"], event["error"]
        trial.ended = event["time"]


def value_of(measurement: Measurement, objective: Objective) -> float:
    """The value of the metric that trials are judged by; NaN if it was not measured."""
    value: float | None = getattr(measurement, objective.metric)
    return math.nan if value is None else value


def _score(measurement: Measurement, objective: Objective) -> float:
    value = value_of(measurement, objective)
    return value if objective.mode == "max" else -value
