"""The history of a run, replayed from its ledger: trials with their measurements and states."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from threading import Lock
from typing import Any

from search.records.events import FAIL, Event
from search.records.ranking import Ranking
from search.records.trial import Failure, Trial, rank_of
from spaces.errors import RunStateError
from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import Objective
from trainables.training.measurement import Measurement

_COUNTS_ROWS = 3
"""The first version of the ledger whose `hits` and `misses` are rows."""


@dataclass
class History:
    """All trials of a run in the order of their numbers, and the events that made them.

    Attributes:
        features: The `features_stored` events, at most one per driver.
        hits, misses: Rows of features that were found and computed, in advance and by trials; None
            in a run that an older version began, which did not count rows.
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
    hits: int | None = 0
    misses: int | None = 0
    notes: list[str] = field(default_factory=list)
    study_hash: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    seconds: float = 0.0
    _repeats: dict[int, list[int]] = field(default_factory=dict)
    _searched: list[Trial] = field(default_factory=list, repr=False)
    _recipes: list[Trial] = field(default_factory=list, repr=False)
    _active: dict[int, Trial] = field(default_factory=dict, repr=False)
    _paused: dict[int, Trial] = field(default_factory=dict, repr=False)
    _rankings: dict[tuple[str, bool], _Ranked] = field(
        default_factory=dict, repr=False, compare=False
    )
    _lock: Lock = field(default_factory=Lock, repr=False, compare=False)

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
        if handler is None:
            return
        handler(event)
        trial = self.trials.get(event.get("trial", -1))
        if trial is not None:
            with self._lock:
                for ranked in self._rankings.values():
                    ranked.place(trial)

    @property
    def searched(self) -> Sequence[Trial]:
        """The trials that are not repeats of finalists."""
        return self._searched

    @property
    def recipes(self) -> Sequence[Trial]:
        """The trials of recipes, without the repeats of finalists."""
        return self._recipes

    @property
    def active(self) -> list[Trial]:
        """The trials that have not ended and do not wait at a rung, in order."""
        return sorted(self._active.values(), key=lambda trial: trial.number)

    @property
    def paused(self) -> Mapping[int, Trial]:
        """The trials that wait at a rung, by number."""
        return self._paused

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
        if among is None:
            return next(self.ranked(objective), None)
        scored = [
            (rank_of(best, objective), trial.number, trial)
            for trial in among
            if trial.state != FAIL and (best := trial.best(objective)) is not None
        ]
        return min(scored, default=(0.0, 0, None))[2]

    def ranked(self, objective: Objective, is_over: bool = False) -> Iterator[Trial]:
        """The searched trials with a result that have not failed, best first, then by number.

        Args:
            objective: The metric and its mode.
            is_over: Leave out those that have not ended.
        """
        key = objective.metric, is_over
        with self._lock:
            if key not in self._rankings:
                self._rankings[key] = ranked = _Ranked(objective, is_over)
                for trial in self._searched:
                    ranked.place(trial)
        return (self.trials[number] for number in self._rankings[key].order)

    def _on_study_opened(self, event: Event) -> None:
        self.opened = event
        if event["version"] < _COUNTS_ROWS:
            self.hits = self.misses = None
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
        self._count_rows(event)

    def _on_noted(self, event: Event) -> None:
        if event["text"] not in self.notes:
            self.notes.append(event["text"])

    def _on_trial_proposed(self, event: Event) -> None:
        if event["trial"] in self.trials:
            raise ValueError(f"trial {event['trial']} is proposed a second time")
        if event["finalist_of"] is not None and event["finalist_of"] not in self.trials:
            raise KeyError(event["finalist_of"])
        trial = Trial(
            event["trial"],
            event["recipe"],
            _point_of(event),
            event["seed"],
            event["time"],
            event["finalist_of"],
        )
        self.trials[trial.number] = self._active[trial.number] = trial
        if trial.finalist_of is None:
            self._searched.append(trial)
            self._recipes += [trial] if trial.recipe is not None else []
        else:
            self._repeats.setdefault(trial.finalist_of, []).append(trial.number)

    def _on_trial_started(self, event: Event) -> None:
        self._count_rows(event)
        trial = self.trials[event["trial"]]
        trial.node = event["node"]
        trial.total_params = event["total_params"]
        trial.trainable_params = event["trainable_params"]
        trial.accumulate = event["accumulate"]
        trial.precision = event["precision"]
        trial.resumed += bool(event["resumed"]) and not trial.is_paused
        trial.is_paused = False
        self._paused.pop(trial.number, None)
        if not trial.is_over:
            self._active[trial.number] = trial
        # Epochs after the checkpoint that it resumes from are trained and reported again.
        del trial.measurements[event["resumed"] :]
        del trial.times[event["resumed"] :]

    def _count_rows(self, event: Event) -> None:
        if self.hits is not None and self.misses is not None:
            self.hits += event["hits"]
            self.misses += event["misses"]

    def _on_trial_checkpointed(self, event: Event) -> None:
        self.trials[event["trial"]].checkpoints[event["epoch"]] = event["bytes"]

    def _on_trial_paused(self, event: Event) -> None:
        trial = self._paused[event["trial"]] = self.trials[event["trial"]]
        trial.is_paused = True
        self._active.pop(trial.number, None)

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
        self._active.pop(trial.number, None)
        self._paused.pop(trial.number, None)


@dataclass
class _Ranked:
    """The searched trials in order of their results, the best first.

    Attributes:
        objective: Says which result is better.
        is_over: Whether it holds only trials that have ended.
        order: Their numbers.
    """

    objective: Objective
    is_over: bool
    order: Ranking = field(default_factory=Ranking)

    def place(self, trial: Trial) -> None:
        """Take note of what has happened to a trial."""
        belongs = trial.finalist_of is None and trial.state != FAIL
        if not belongs or (self.is_over and not trial.is_over):
            self.order.place(trial.number, None)
            return
        best = trial.best(self.objective)
        self.order.place(trial.number, None if best is None else rank_of(best, self.objective))


def _point_of(event: Event) -> Hyperparameters:
    """The configuration of a proposal.

    Raises:
        RunStateError: If it breaks a rule that is younger than the ledger.
    """
    try:
        return Hyperparameters.from_dict(event["hyperparameters"])
    except ValueError as error:
        raise RunStateError(
            f"Trial {event['trial']} of the ledger has a configuration that this version of "
            f"thawtune refuses: {error}. An earlier version began the run: read it with that one, "
            "or begin a new run."
        ) from error
