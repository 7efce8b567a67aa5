"""Whether a search has finished: its time, its trials, and what to say of either."""

from __future__ import annotations

import math

from search.records import events
from search.records.choice import is_unfinished
from search.records.history import History
from search.records.run import Run
from spaces.errors import EveryTrialFailedError
from spaces.studies.study import Study


def is_finished(run: Run, history: History) -> bool:
    """Whether a search ended by itself, and its derived files have been written since."""
    has_ended = history.stopped is not None and history.stopped["reason"] in ("done", "seconds")
    if not has_ended or not run.epochs.is_file():
        return False
    return run.epochs.stat().st_mtime_ns >= run.ledger.stat().st_mtime_ns


def finished_sentence(run: Run, study: Study) -> str | None:
    """What to say of a search that has nothing left to do, and how to give it more; or None."""
    history = run.history()
    if not is_finished(run, history):
        return None
    tried = len(history.searched)
    if tried < study.budget.trials and study.budget.seconds is not None:
        return time_sentence(run, study, history)
    more = run.command("resume", "--trials", str(2 * max(tried, study.budget.trials)))
    return f"The search has finished: there is nothing left to do. For more trials: {more}"


def seconds_left(study: Study, history: History) -> float | None:
    """Of the search's time, whatever number of processes has spent of it; None: no limit."""
    limit = study.budget.seconds
    return None if limit is None else max(0.0, limit - history.seconds)


def time_sentence(run: Run, study: Study, history: History) -> str:
    """What the end of the time has left undone, and how to go on."""
    limit = study.budget.seconds or 0.0
    tried, wanted = len(history.searched), study.budget.trials_in_words
    unfinished = is_unfinished(study, history)
    more = run.command("resume", "--minutes", f"{max(1, math.ceil(2 * limit / 60))}")
    return (
        f"The time of {limit:g} s is over after {tried} of {wanted} trials"
        + (", and not all finalists have been trained" if unfinished else "")
        + f". To continue: {more}"
    )


def raise_if_all_failed(history: History) -> None:
    """Refuse a search without a result.

    Raises:
        EveryTrialFailedError: If there are trials, and all have failed.
    """
    failed = history.in_state(events.FAIL)
    if failed and len(failed) == len(history.trials):
        said = (failed[0].error or failed[0].reason or "").strip().splitlines()[-1]
        raise EveryTrialFailedError(
            f"Every one of {len(failed)} trials failed. The first error was: {said}"
        )
