"""What state a run is in, from its files alone: for `thawtune status`, `list` and `stop`."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

from search.live.lock import Holder, holder
from search.records import events
from search.records.choice import choose
from search.records.events import STATES
from search.records.history import History
from search.records.run import Run
from search.records.trial import Trial
from spaces.studies.study import Study

RUNNING, FINISHED, OUT_OF_TIME = "running", "finished", "out of time"
STOPPED, KILLED, UNSTARTED = "stopped", "killed", "not started"
INTERRUPTED = "INTERRUPTED"
"""Of a trial without an end whose driver has ended; it resumes with the run."""

UNKNOWN = "running or killed"
"""Of a run whose driver is on another machine, or was: its end cannot be seen from here."""


@dataclass(frozen=True)
class Status:
    """A run as its files show it.

    Attributes:
        run: The run.
        study: Its study as run.
        history: Its history so far.
        holder: The process that writes to it, as far as is known.
        is_finetuned: Whether the winner has been fine-tuned.
        is_tested: Whether the test set has been opened.
    """

    run: Run
    study: Study
    history: History
    holder: Holder | None
    is_finetuned: bool
    is_tested: bool

    @property
    def state(self) -> str:
        """One of the states above; of a search that has ended, how it ended."""
        by, stopped = self.holder, self.history.stopped
        if by is not None and not by.has_gone:
            return RUNNING if by.is_here else UNKNOWN
        if stopped is not None:
            return {"done": FINISHED, "seconds": OUT_OF_TIME}.get(stopped["reason"], STOPPED)
        if not self.history.drivers:
            return UNSTARTED
        return KILLED if self.run.remote is None else UNKNOWN

    @property
    def unended(self) -> str:
        """What a trial without an end is: RUNNING or, if no process works on it, INTERRUPTED."""
        return events.RUNNING if self.state in (RUNNING, UNKNOWN) else INTERRUPTED

    def _state_of(self, trial: Trial) -> str:
        return trial.state if trial.is_over else self.unended

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON. `last_event` counts from 1970; `seconds` is the time spent."""
        choice = choose(self.study, self.history)
        objective = self.study.objective
        by = self.holder if self.state in (RUNNING, UNKNOWN) else None
        best = None
        if choice is not None:
            best = {
                "trial": choice.trial.number,
                "recipe": choice.trial.recipe,
                "metric": objective.metric,
                "value": choice.trial.best_value(objective),
                "is_final": choice.is_final and self.state == FINISHED,
            }
        states = (INTERRUPTED, *STATES)
        searched = Counter(self._state_of(trial) for trial in self.history.searched)
        repeats = Counter(
            self._state_of(trial)
            for trial in self.history.trials.values()
            if trial.finalist_of is not None
        )
        return {
            "run": self.run.place,
            "study": self.study.name,
            "state": self.state,
            "process": None if by is None else {"host": by.host, "pid": by.pid, "does": by.command},
            "trials": {state: searched[state] for state in states},
            "planned": self.study.budget.trials,
            "repeats": {state: repeats[state] for state in states},
            "epochs": sum(trial.epochs for trial in self.history.trials.values()),
            "features": {"hits": self.history.hits, "misses": self.history.misses},
            "best": best,
            "seconds": round(self.history.seconds, 1),
            "last_event": self.history.last_time,
            "is_finetuned": self.is_finetuned,
            "is_tested": self.is_tested,
        }


def status_of(run: Run) -> Status:
    """Read the state of a run; nothing is written.

    Raises:
        RunStateError: If it is no run, or its study or ledger is damaged.
    """
    study = run.study()
    return Status(
        run,
        study,
        run.history(),
        holder(run),
        run.finetune.is_file(),
        run.test.is_file(),
    )
