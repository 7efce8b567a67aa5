"""Decides which trial is trained next, from the events of the ledger alone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from search.records import events
from search.records.events import EventSink
from search.records.history import History
from search.records.trial import Trial
from search.strategy.finalists import next_repeat, seconds_of_another, seconds_of_repeats
from search.strategy.searcher import OptunaSearcher
from search.strategy.successive_halving import Rungs
from spaces.hyperparameters import Hyperparameters
from spaces.studies.study import Study

_MARGIN = 1.25
"""Factor by which the time reserved for finalists exceeds its estimate."""

_AGAIN = (
    "The space has few points: some are tried more than once, with other seeds. Lower "
    "budget.trials, or widen the space."
)


@dataclass(frozen=True)
class Assignment:
    """A trial to start or resume.

    Attributes:
        epochs: Number of epochs in the ledger; checkpoints of later epochs are ignored.
        attempt: Number of the attempt, from 1.
        accumulate: Number of parts into which each batch is split.
        evaluation_parts: Into how many parts the batches of an evaluation are split.
        is_never_stopped: Whether the scheduler must not stop it.
    """

    number: int
    recipe: str | None
    point: Hyperparameters
    seed: int
    epochs: int
    attempt: int
    accumulate: int
    evaluation_parts: int
    is_never_stopped: bool


class Dispatch:
    """Hands out trials: interrupted ones, then promoted ones, new ones, repeats of finalists.

    Everything follows from the history, so a resumed search, a trial that lost its worker and a
    trial that waits in a rung all resume in the same way.

    Args:
        study: Determines the number of trials.
        history: The run so far; it grows with the events that `sink` takes.
        rungs: Decide which trials continue.
        searcher: Proposes new points.
        sink: Takes events.
        seconds_left: Returns the rest of the search's time budget; None means no limit.

    Attributes:
        running: Numbers of the trials that have a worker.
        is_closed: Whether no new points are tried any more, to leave time for the finalists.
    """

    def __init__(
        self,
        study: Study,
        history: History,
        rungs: Rungs,
        searcher: OptunaSearcher,
        sink: EventSink,
        seconds_left: Callable[[], float | None] = lambda: None,
    ) -> None:
        self._study, self._history, self._rungs = study, history, rungs
        self._searcher, self._sink, self._seconds_left = searcher, sink, seconds_left
        self.running: set[int] = set()
        self.is_closed = False
        self._workers = 1

    def settle(self) -> None:
        """Judge the trials that an earlier driver left in a rung."""
        for trial in self._left():
            is_judged = trial.epochs in self._rungs.milestones and not trial.is_never_stopped
            value = self._rungs.values.get(trial.epochs, {}).get(trial.number)
            if not is_judged or value is None:
                continue
            if self._study.budget.promote:
                self._sink(events.trial_paused(trial.number, trial.epochs))
            elif not self._rungs.is_among_the_best(trial.number, trial.epochs, value):
                self._sink(events.trial_ended(trial.number, events.PRUNED, "scheduler"))

    def next(self) -> Assignment | None:
        """Return the next trial and mark it as running.

        Returns:
            None if there is nothing to do now; if nothing is running either, the search is over.
        """
        trial = self._broken_off() or self._promoted() or self._new() or self._repeat()
        if trial is None:
            return None
        self.running.add(trial.number)
        self._workers = max(self._workers, len(self.running))
        return _assignment(trial)

    @property
    def is_over(self) -> bool:
        """Whether every trial has ended, repeats of finalists among them."""
        return (
            self._has_tried_all
            and not (self._history.active or self._history.paused)
            and next_repeat(self._study, self._history) is None
        )

    def released(self, number: int) -> None:
        """The trial has no worker any more."""
        self.running.discard(number)

    def _left(self) -> list[Trial]:
        return [t for t in self._history.active if t.number not in self.running]

    def _broken_off(self) -> Trial | None:
        return next(iter(self._left()), None)

    def _promoted(self) -> Trial | None:
        number = self._rungs.promotable(self._history.paused, self.running)
        return None if number is None else self._history.trials[number]

    @property
    def _has_tried_all(self) -> bool:
        tried = len(self._history.searched)
        return self.is_closed or tried >= self._study.budget.trials or not self._searcher.has_more

    def _new(self) -> Trial | None:
        if self._is_time_for_finalists() or self._has_tried_all:
            return None
        number = len(self._history.trials)
        recipe, point = self._searcher.propose(number)
        if recipe is None and self._searcher.has_tried(point) and _AGAIN not in self._history.notes:
            self._sink(events.noted(_AGAIN))
        seed = trial_seed(self._study.seed, number)
        self._sink(events.trial_proposed(number, recipe, point, seed))
        return self._history.trials[number]

    def _is_time_for_finalists(self) -> bool:
        """Whether the finalists need the time that is left, estimated from the trials so far.

        If they took less than estimated, the search continues while there is time for another trial
        with its repeats.
        """
        left = self._seconds_left()
        if left is None:
            return self.is_closed
        due = seconds_of_repeats(self._study, self._history) / self._workers
        if self.is_closed and due:
            return True
        another = seconds_of_another(self._study, self._history)
        if another:
            self.is_closed = left < _MARGIN * (due + another)
        else:
            self.is_closed = self.is_closed or 0 < left < _MARGIN * due
        return self.is_closed

    def _repeat(self) -> Trial | None:
        """Propose a repeat of a finalist, once the search itself is over.

        Recipes that ran to their end are finalists for certain: they need not wait for the last
        trials.
        """
        is_searching = any(self._history.trials[n].finalist_of is None for n in self.running)
        if not is_searching:
            self._end_paused()
        due = next_repeat(self._study, self._history, recipes_alone=is_searching)
        if due is None:
            return None
        repeated, seed = due
        number = len(self._history.trials)
        self._sink(
            events.trial_proposed(number, repeated.recipe, repeated.point, seed, repeated.number)
        )
        return self._history.trials[number]

    def _end_paused(self) -> None:
        """Prune the trials that wait in a rung, since no new trials will join it."""
        for number in sorted(self._history.paused.keys() - self.running):
            self._sink(events.trial_ended(number, events.PRUNED, "scheduler"))


def trial_seed(seed: int, number: int) -> int:
    """The seed of a trial's initial weights, dropout, augmentation and order of examples."""
    return int(np.random.SeedSequence([seed, number]).generate_state(1)[0]) % 2**31


def _assignment(trial: Trial) -> Assignment:
    return Assignment(
        trial.number,
        trial.recipe,
        trial.point,
        trial.seed,
        trial.epochs,
        len(trial.failures) + 1,
        2 ** trial.halvings("batch"),
        2 ** trial.halvings("evaluation"),
        trial.is_never_stopped,
    )
