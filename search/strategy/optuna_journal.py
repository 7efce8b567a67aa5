"""The Optuna study as a journal, for optuna-dashboard, written from the ledger's events."""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import BaseJournalBackend
from optuna.trial import FrozenTrial, TrialState

from search.records import events
from search.records.history import History
from search.records.trial import Trial, value_of
from search.strategy.distributions import distribution, encoded
from spaces.studies.study import Study

_STATES = {
    events.RUNNING: TrialState.RUNNING,
    events.COMPLETE: TrialState.COMPLETE,
    events.PRUNED: TrialState.PRUNED,
    events.FAIL: TrialState.FAIL,
}


class Journal:
    """The journal: rewritten from the history when a run is opened, then extended by each event.

    It is derived from the ledger, so nothing waits for the disk or for a lock, and its failure is
    said once and ends nothing.

    Args:
        path: Path of the journal file.
        study: The study that is searched.
        history: The run so far; it takes each event before `take` does.
        say: Called with a message if the journal cannot be written.
    """

    def __init__(
        self, path: Path, study: Study, history: History, say: Callable[[str], None] = print
    ) -> None:
        self._path, self._study, self._history, self._say = path, study, history, say
        self._trials: dict[int, int] = {}
        self._lines: _Lines | None = None
        with self._tolerant():
            self._lines = _Lines(path)
            self._storage = JournalStorage(self._lines)
            maximize = study.objective.mode == "max"
            direction = optuna.study.StudyDirection(2 if maximize else 1)
            self._id = self._storage.create_new_study([direction], study.name)
            for trial in history.searched:
                self._add(trial)
            self._lines.write()

    def take(self, event: events.Event) -> None:
        """Learn from an event of the ledger."""
        trial = self._history.trials.get(event.get("trial", -1))
        if self._lines is None or trial is None or trial.finalist_of is not None:
            return
        with self._tolerant():
            if event["event"] == "trial_proposed":
                self._add(trial)
            elif event["event"] == "trial_ended":
                self._end(trial)
            self._lines.write()

    def close(self) -> None:
        """Close the file."""
        if self._lines is not None:
            self._lines.close()

    @contextmanager
    def _tolerant(self) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # nothing depends on the journal, so nothing may fail with it
            self.close()
            self._lines = None
            self._say(f"{self._path} is no longer written, the search continues: {error}")

    def _add(self, trial: Trial) -> None:
        frozen = frozen_trial(trial, self._study)
        self._trials[trial.number] = self._storage.create_new_trial(self._id, frozen)

    def _end(self, trial: Trial) -> None:
        key = self._trials[trial.number]
        frozen = frozen_trial(trial, self._study)
        for epoch, value in frozen.intermediate_values.items():
            self._storage.set_trial_intermediate_value(key, epoch, value)
        for name, value in frozen.user_attrs.items():
            self._storage.set_trial_user_attr(key, name, value)
        self._storage.set_trial_state_values(key, frozen.state, frozen.values)


class _Lines(BaseJournalBackend):
    """The journal's file for one writer: whole events at a time, without lock and without fsync.

    `JournalStorage` keeps a copy of all that it reads. It reads here only what it needs to number
    studies and trials.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb", buffering=0)
        self._unwritten: list[bytes] = []
        self._unread: list[dict[str, Any]] = []

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Take logs; `write` writes them."""
        self._unwritten += [json.dumps(log, separators=(",", ":")).encode() for log in logs]
        self._unread += [log | _FORGOTTEN for log in logs if "trial_id" not in log]

    def read_logs(self, log_number_from: int) -> list[dict[str, Any]]:
        """The logs since the last call that create something."""
        unread, self._unread = self._unread, []
        return unread

    def write(self) -> None:
        """Write all that was taken since the last call."""
        if self._unwritten:
            self._file.write(b"\n".join(self._unwritten) + b"\n")
            self._unwritten.clear()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


_FORGOTTEN: dict[str, Any] = {"intermediate_values": {}, "user_attrs": {}}


def frozen_trial(trial: Trial, study: Study) -> FrozenTrial:
    """A trial as Optuna stores it: its true state, the metric of every epoch, and any error."""
    space = study.search_space
    parameters = {p.key: p for p in space.parameters}
    choices = space.choices_of(trial.point)
    best = trial.best(study.objective)
    is_complete = trial.state == events.COMPLETE and best is not None
    return FrozenTrial(
        number=trial.number,
        trial_id=-1,
        state=_STATES[trial.state],
        value=value_of(best, study.objective) if is_complete and best else None,
        values=None,
        datetime_start=datetime.datetime.fromtimestamp(trial.proposed),
        datetime_complete=datetime.datetime.fromtimestamp(trial.ended) if trial.ended else None,
        params={key: encoded(parameters[key], value) for key, value in choices.items()},
        distributions={key: distribution(parameters[key]) for key in choices},
        user_attrs=_attributes(trial),
        system_attrs={},
        intermediate_values={
            m.epoch: value_of(m, study.objective) for m in trial.measurements if m.is_finite
        },
    )


def _attributes(trial: Trial) -> dict[str, Any]:
    about = {
        "recipe": trial.recipe,
        "reason": trial.reason,
        "epochs": trial.epochs or None,
        "error": trial.error,
    }
    return {name: value for name, value in about.items() if value is not None}
