"""A run open for writing: each event goes to the ledger first, then to all that depends on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress

from rich.console import Console

from search.live.early_end import Ending
from search.live.lock import writable
from search.records import events
from search.records.history import History
from search.records.ledger import Ledger
from search.records.run import Run, write_json
from search.records.tables import write_tables
from search.records.trial import value_of
from search.remote.ledger_upload import LedgerUpload
from search.strategy import finalists
from search.strategy.dispatch import Dispatch
from search.strategy.importance import importance
from search.strategy.optuna_journal import Journal
from search.strategy.searcher import OptunaSearcher
from search.strategy.successive_halving import Rungs
from spaces.errors import remedy
from spaces.studies.study import Study
from trainables.training.checkpoints import Checkpoints

_GROUPED = {"trial_started", "trial_measured", "trial_checkpointed"}
"""Events that reach the disk in groups: a trial whose last ones are lost trains them again."""

GROUP_SECONDS = 0.5
"""The most that a group waits for others, however many workers report."""


class OpenRun:
    """A run that this process drives, and the state that follows from its ledger.

    Attributes:
        history: The trials so far.
        rungs: The results of the trials at each rung.
        dispatch: Decides what is trained next.
        ending: Whether the search has to end early.
        watchers: Called with each event; they have to handle their own errors.

    Args:
        run: The run's folder.
        study: The study that is searched.
        ledger: The run's ledger, open for appending.
        past: The events in it so far.
        ending: Notified when nothing can be written any more.
        console: Where messages for the user are printed.
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
        self._journal = Journal(run.journal, study, self.history, self.say)
        self.watchers: list[events.EventSink] = []
        there = Checkpoints(run.trial_checkpoints()).folders
        self._with_checkpoints = [
            t.number
            for t in self.history.trials.values()
            if t.is_over and run.trial_folder_name(t.number) in there
        ]
        self._remove_checkpoints()

    def take(self, *happened: events.Event) -> None:
        """Write events to the ledger, then pass them on to everything that depends on them.

        If they cannot be written, they are not passed on, and the search ends.
        """
        if self.ending.reason == "storage":
            return
        waits = not all(event["event"] in _GROUPED for event in happened)
        if not self._wrote(lambda: self._ledger.append(*happened, waits=waits)):
            return
        for event in happened:
            self._learn(event)
            self._journal.take(event)
        for event in happened:
            self._tell(event)
        self.sync()

    def sync(self) -> None:
        """Wait until all events are on disk, if that is due; to be called now and then."""
        if self._ledger.unsafe_seconds >= GROUP_SECONDS:
            self._wrote(self._ledger.sync)

    def _wrote(self, write: Callable[[], None]) -> bool:
        try:
            write()
        except OSError as error:
            self.ending.storage_failed(
                f"{self.run.folder} cannot be written to: {error}. {remedy(error)}"
            )
            return False
        return True

    def stop(self, reason: str) -> None:
        """Record that this driver ends, if anything can still be written."""
        stopped = events.driver_stopped(reason)
        with suppress(OSError):
            self._ledger.append(stopped)
            self._learn(stopped)

    def _tell(self, event: events.Event) -> None:
        self._say(event)
        for watcher in self.watchers:
            watcher(event)
        if event["event"] == "trial_ended":
            self._with_checkpoints.append(event["trial"])
            self._remove_checkpoints()

    def note(self, text: str) -> None:
        """Print a message and record it in the ledger, unless the run has it already."""
        if text not in self.history.notes:
            self.take(events.noted(text))

    def checkpoints_of(self, number: int) -> Checkpoints:
        """The checkpoints of a trial."""
        return Checkpoints(self.run.trial_checkpoints(number))

    def write_derived(self) -> None:
        """Write the files that follow from the ledger: finalists, importance and, last, tables."""
        found = {
            self.run.finalists: finalists.summary(self.study, self.history),
        }
        if self.dispatch.is_over:  # this may take minutes: too long for a search that is stopped
            found[self.run.importance] = importance(self.study, self.history)
        for path, values in found.items():
            if values is not None:
                write_json(path, values)
        write_tables(self.run, self.history, self.study.objective)

    def close(self) -> None:
        """Close the files that follow from the ledger."""
        self._journal.close()

    def _learn(self, event: events.Event) -> None:
        for learner in self._learners:
            learner.take(event)

    def say(self, text: str) -> None:
        """Print a message to the terminal, without recording it."""
        self._console.print(text, highlight=False, soft_wrap=True)

    def _say(self, event: events.Event) -> None:
        text = said(event)
        if text:
            self.say(text)

    def _remove_checkpoints(self) -> None:
        """Remove the checkpoints of ended trials, but for recipes, finalists and the best.

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
                self._keep_checkpoints(number, 0)
            elif trial.is_never_stopped or number in repeated:
                self._keep_checkpoints(number, 1)
            else:
                ranked.append((sign * value_of(best, objective), number))
        ranked.sort()
        kept = max(1, self.study.finalists.count)
        for _, number in ranked[kept:]:
            self._keep_checkpoints(number, 0)
        for _, number in ranked[:kept]:
            self._keep_checkpoints(number, 1)
        self._with_checkpoints = [number for _, number in ranked[:kept]]

    def _keep_checkpoints(self, number: int, count: int) -> None:
        """Remove all but the newest checkpoints of a trial; at a URL, once its events are there."""

        def act() -> None:
            checkpoints = self.checkpoints_of(number)
            checkpoints.keep_newest(count) if count else checkpoints.remove()

        if isinstance(self.run.upload, LedgerUpload):
            self.run.upload.after(act)
        else:
            act()


@contextmanager
def opened(run: Run, study: Study, ending: Ending, console: Console) -> Iterator[OpenRun]:
    """Open a run whose lock this process holds.

    Raises:
        RunStateError: If another process drives it at its URL, or it cannot be written to.
    """
    if isinstance(run.upload, LedgerUpload):
        run.upload.on_failure(ending.storage_failed)
    with ExitStack() as stack:
        with writable(run):
            ledger = stack.enter_context(Ledger(run.ledger))
            current = OpenRun(run, study, ledger, run.events(), ending, console)
        stack.callback(current.close)
        yield current


_SMALLER = {
    "batch": "with each batch split in two",
    "evaluation": "with smaller batches in evaluation",
    "share": "with fewer trials at once on its machine",
}


def said(event: events.Event) -> str | None:
    """The message that the terminal shows for an event, or None."""
    match event["event"]:
        case "noted":
            return str(event["text"])
        case "attempt_failed" if event["reason"] == "out_of_memory":
            how = _SMALLER[event["too_large"] or "batch"]
            return f"trial {event['trial']} ran out of memory; retrying {how}"
        case "attempt_failed":
            return f"trial {event['trial']} lost its worker; retrying"
        case "trial_started" if event["damaged"]:
            how = (
                f"resumes after epoch {event['resumed']}"
                if event["resumed"]
                else "starts from the beginning"
            )
            return f"trial {event['trial']} {how}. " + " ".join(event["damaged"])
    return None
