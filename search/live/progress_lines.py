"""What a search is doing, how far it is, and what is left, as words and rows for any display."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice

from search.records.history import History
from search.records.trial import Trial
from search.strategy.finalists import seconds_of_repeats
from spaces.studies.study import Study

SHOWN = 5
"""Trials in the list of the best."""

Seconds = Callable[[], float | None]


@dataclass(frozen=True)
class Progress:
    """A moment of a search.

    Attributes:
        doing: What is happening, in words.
        done: Share of the search that is done, 0..1; None if unknown.
        left: Seconds until its end; None if unknown.
    """

    doing: str
    done: float | None
    left: float | None


class Estimate:
    """Estimates the time that a search still takes.

    Args:
        study: The study that is searched.
        history: Its trials, which grow.
        seconds_left: Returns the rest of the time limit; None: there is no limit.
    """

    def __init__(self, study: Study, history: History, seconds_left: Seconds) -> None:
        self._study, self._history, self._seconds_left = study, history, seconds_left
        self._over_before = self._over
        self._workers = 1

    def after(self, elapsed: float) -> Progress:
        """The state of the search.

        Args:
            elapsed: Seconds since it began.
        """
        running = self._history.active
        self._workers = max(self._workers, len(running))
        repeats = [trial for trial in running if trial.finalist_of is not None]
        doing = "training the finalists again" if repeats else "searching"
        left = self._left(elapsed)
        if left is None:
            return Progress(doing, None, None)
        left = max(0.0, left)
        return Progress(doing, elapsed / (elapsed + left) if elapsed else 0.0, left)

    def _left(self, elapsed: float) -> float | None:
        limit = self._seconds_left()
        by_trials = self._by_trials(elapsed)
        known = [seconds for seconds in (limit, by_trials) if seconds is not None]
        return min(known, default=None)

    def _by_trials(self, elapsed: float) -> float | None:
        """From the trials that have ended, and what repeats of finalists will take."""
        over = self._over - self._over_before
        if over == 0:
            return None
        trials = max(0, self._study.budget.trials - self._over_before - over)
        repeats = seconds_of_repeats(self._study, self._history) / self._workers
        return elapsed / over * trials + repeats

    @property
    def _over(self) -> int:
        return sum(trial.is_over for trial in self._history.searched)


def best_trials(study: Study, history: History) -> list[Trial]:
    """The best trials of a search so far, at most `SHOWN`, the best first."""
    return list(islice(history.ranked(study.objective), SHOWN))


def in_words(trial: Trial, study: Study) -> str:
    """A trial in a line: its number, state, epochs, best value and recipe."""
    value = trial.best_value(study.objective)
    parts = [
        f"trial {trial.number}",
        f"{trial.epochs} of {trial.point.epochs} epochs",
        f"{study.objective.metric} {value:.4f}" if value is not None else "no result yet",
    ]
    parts += [f"recipe {trial.recipe}"] if trial.recipe else []
    parts += [f"repeats trial {trial.finalist_of}"] if trial.finalist_of is not None else []
    return ", ".join(parts)
