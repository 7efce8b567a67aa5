"""The Optuna study as a journal, for optuna-dashboard, written from the ledger's events."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import optuna
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from optuna.trial import FrozenTrial, TrialState

from search.records import events
from search.records.history import History, Trial, value_of
from search.strategy.distributions import distribution, encoded
from spaces.study import Study

_STATES = {
    events.RUNNING: TrialState.RUNNING,
    events.COMPLETE: TrialState.COMPLETE,
    events.PRUNED: TrialState.PRUNED,
    events.FAIL: TrialState.FAIL,
}


class Journal:
    """The journal: rewritten from the history when a run is opened, then extended by each event.

    Args:
        path: Path of the journal file.
        study: The study that is searched.
        history: The run so far; it takes each event before `take` does.
    """

    def __init__(self, path: Path, study: Study, history: History) -> None:
        self._study, self._history = study, history
        path.unlink(missing_ok=True)
        self._storage = JournalStorage(JournalFileBackend(str(path)))
        maximize = study.objective.mode == "max"
        direction = optuna.study.StudyDirection(2 if maximize else 1)
        self._id = self._storage.create_new_study([direction], study.name)
        self._trials: dict[int, int] = {}
        for trial in history.searched:
            self._add(trial)

    def take(self, event: events.Event) -> None:
        """Learn from an event of the ledger."""
        trial = self._history.trials.get(event.get("trial", -1))
        if trial is None or trial.finalist_of is not None:
            return
        if event["event"] == "trial_proposed":
            self._add(trial)
        elif event["event"] == "trial_ended":
            self._end(trial)

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
