"""A run open for writing: every event reaches the ledger first, then all that depends on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout
from rich.console import Console

from search.live.early_end import Ending
from search.records import events
from search.records.history import History, value_of
from search.records.ledger import Ledger, read_ledger
from search.records.run import Run, write_json
from search.records.tables import write_tables
from search.remote.ledger_upload import carried
from search.strategy import finalists
from search.strategy.dispatch import Dispatch
from search.strategy.importance import importance
from search.strategy.optuna_journal import Journal
from search.strategy.searcher import OptunaSearcher
from search.strategy.successive_halving import Rungs
from spaces.errors import RunStateError
from spaces.study import Study
from trainables.training.checkpoints import Checkpoints


class OpenRun:
    """A run, what its ledger says, and what follows from that.

    Attributes:
        history: What has happened.
        rungs: Which trials stand where.
        dispatch: What is next.
        ending: Whether the search is to end before its time.
        watchers: Are told of each event; what goes wrong in them is theirs.

    Args:
        run: Where it stands.
        study: What is searched.
        ledger: Open for appending.
        past: Events that are in it.
        ending: Is told when nothing can be written any more.
        console: Where a person is told what is out of the ordinary.
    """

    def __init__(
        self,
        run: Run,
        study: Study,
        ledger: Ledger,
        past: list[events.Event],
        ending: Ending,
        console: Console,
    ) -> None:
        self.run, self.study, self.ending = run, study, ending
        self._ledger, self._console = ledger, console
        self.history, self.rungs = History(), Rungs(study)
        self._searcher = OptunaSearcher(study)
        self._learners = (self.history, self._searcher, self.rungs)
        for event in past:
            self._learn(event)
        self.dispatch = Dispatch(
            study, self.history, self.rungs, self._searcher, self.take, ending.seconds_left
        )
        self._journal = Journal(run.journal, study, self.history)
        self.watchers: list[events.EventSink] = []
        self._with_checkpoints = [t.number for t in self.history.trials.values() if t.is_over]
        self._remove_checkpoints()

    def take(self, *happened: events.Event) -> None:
        """Write events, then let all that depends on them know.

        Where they cannot be written, nothing depends on them, and the search ends.
        """
        if self.ending.reason == "storage":
            return
        try:
            self._ledger.append(*happened)
            for event in happened:
                self._learn(event)
                self._journal.take(event)
        except OSError as error:
            self.ending.storage_failed(f"{self.run.folder} cannot be written: {error}")
            return
        for event in happened:
            self._tell(event)

    def _tell(self, event: events.Event) -> None:
        self._say(event)
        for watcher in self.watchers:
            watcher(event)
        if event["event"] == "trial_ended":
            self._with_checkpoints.append(event["trial"])
            self._remove_checkpoints()

    def note(self, text: str) -> None:
        """Tell a person something, once a run."""
        if text not in self.history.notes:
            self.take(events.noted(text))

    def checkpoints_of(self, number: int) -> Checkpoints:
        """The checkpoints of a trial."""
        return Checkpoints(self.run.trial_checkpoints(number))

    def write_derived(self) -> None:
        """Write what follows from the ledger: tables, and the rest as far as there is any."""
        write_tables(self.run, self.history, self.study.objective)
        found = {
            self.run.finalists: finalists.summary(self.study, self.history),
        }
        if self.dispatch.is_over:  # one that is ended early has seconds, and this may take minutes
            found[self.run.importance] = importance(self.study, self.history)
        for path, values in found.items():
            if values is not None:
                write_json(path, values)

    def _learn(self, event: events.Event) -> None:
        for learner in self._learners:
            learner.take(event)

    def say(self, text: str) -> None:
        """Tell the person at the terminal, and nobody else."""
        self._console.print(text, highlight=False, soft_wrap=True)

    def _say(self, event: events.Event) -> None:
        text = said(event)
        if text:
            self.say(text)

    def _remove_checkpoints(self) -> None:
        """Of trials that are over, keep those of recipes, of finalists and of the best.

        Finalists keep theirs even when better trials have displaced them, and so do their repeats:
        any of them may be the one that is chosen, and then tested.
        """
        objective = self.study.objective
        sign = -1 if objective.mode == "max" else 1
        repeated = set(self.history.repeated)
        ranked = []
        for number in self._with_checkpoints:
            trial = self.history.trials[number]
            best = None if trial.state == events.FAIL else trial.best(objective)
            if best is None:
                self.checkpoints_of(number).remove()
            elif trial.is_never_stopped or number in repeated:
                self.checkpoints_of(number).keep_newest(1)
            else:
                ranked.append((sign * value_of(best, objective), number))
        ranked.sort()
        kept = max(1, self.study.finalists.count)
        for _, number in ranked[kept:]:
            self.checkpoints_of(number).remove()
        for _, number in ranked[:kept]:
            self.checkpoints_of(number).keep_newest(1)
        self._with_checkpoints = [number for _, number in ranked[:kept]]


@contextmanager
def opened(run: Run, study: Study, ending: Ending, console: Console) -> Iterator[OpenRun]:
    """The run, for this process alone.

    Raises:
        RunStateError: If another process drives it, or nothing can be written.
    """
    try:
        with (
            FileLock(run.folder / ".lock", timeout=0),
            carried(run, ending.storage_failed),
            Ledger(run.ledger) as ledger,
        ):
            yield OpenRun(run, study, ledger, read_ledger(run.ledger), ending, console)
    except Timeout as error:
        raise RunStateError(
            f"Another process drives the run in {run.place}. Wait for it, or stop it first."
        ) from error
    except OSError as error:
        raise RunStateError(
            f"{run.folder} cannot be written: {error.strerror or error}. Make room there, or make "
            "it writable, and go on by --resume."
        ) from error


def said(event: events.Event) -> str | None:
    """What a person at the terminal is told about an event, if anything."""
    match event["event"]:
        case "noted":
            return str(event["text"])
        case "attempt_failed" if event["reason"] == "out_of_memory":
            return f"trial {event['trial']} ran out of memory: once more, each batch in two parts"
        case "attempt_failed":
            return f"trial {event['trial']} lost its worker and is gone on with"
        case "trial_started" if event["damaged"]:
            since = f"goes on after epoch {event['resumed']}" if event["resumed"] else "begins anew"
            return f"trial {event['trial']} {since}. " + " ".join(event["damaged"])
    return None
