"""What is shown while a search runs: a live table on a terminal, a line a minute elsewhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from search.live.progress_lines import Estimate, Progress, Seconds, best_trials, in_words
from search.records.events import COMPLETE, FAIL, PRUNED, RUNNING
from search.records.history import History
from search.records.trial import Trial
from spaces.studies.study import Study

EVERY = 60.0
"""Seconds between two lines where there is no terminal."""


class View:
    """A live table on a terminal, and a line a minute anywhere else.

    Args:
        study: The study that is searched.
        history: The run's history, which grows while the search runs.
        console: Where it is drawn.
        seconds_left: Returns the rest of the search's time limit; None: it has no limit.
        every: Seconds between two lines.
    """

    def __init__(
        self,
        study: Study,
        history: History,
        console: Console,
        seconds_left: Seconds = lambda: None,
        every: float = EVERY,
    ) -> None:
        self._study, self._history, self._console = study, history, console
        self._began, self._every = time.monotonic(), every
        self._estimate = Estimate(study, history, seconds_left)
        self._is_over = threading.Event()
        self._live: Live | None = None
        self._lines = threading.Thread(target=self._print_lines, daemon=True)
        if console.is_terminal:
            self._live = Live(get_renderable=self._table, console=console, refresh_per_second=2)

    def __enter__(self) -> View:
        if self._live:
            self._live.start()
        else:
            self._lines.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()
        else:
            self._is_over.set()
            self._lines.join()

    def _table(self) -> Table:
        progress = self._estimate.after(time.monotonic() - self._began)
        table = Table(title=f"thawtune search {self._study.name}", show_header=False)
        if progress.done is not None:
            table.add_row("progress", ProgressBar(total=1.0, completed=progress.done, width=40))
        table.add_row("now", progress.doing)
        table.add_row("time", self._time(progress))
        for name, value in status(self._study, self._history).items():
            table.add_row(name, value)
        running = self._history.active
        for name, trials in (
            ("best", best_trials(self._study, self._history)),
            ("running", running),
        ):
            if trials:
                table.add_row(name, "\n".join(in_words(trial, self._study) for trial in trials))
        return table

    def _print_lines(self) -> None:
        while not self._is_over.wait(self._every):
            self._console.print(self._line(), highlight=False, soft_wrap=True)

    def _line(self) -> str:
        progress = self._estimate.after(time.monotonic() - self._began)
        over = sum(trial.is_over for trial in self._history.searched)
        best = best_trials(self._study, self._history)
        shown = in_words(best[0], self._study) if best else "none yet"
        return f"{self._time(progress)}: {progress.doing}, {over} trials ended; best: {shown}"

    def _time(self, progress: Progress) -> str:
        elapsed = _clock(time.monotonic() - self._began)
        if progress.left is None:
            return f"{elapsed}, no trial has finished yet"
        return f"{elapsed}, about {_clock(progress.left)} left"


def status(study: Study, history: History, unended: str = RUNNING) -> dict[str, str]:
    """The state of a search in words, by heading; `unended` names trials without an end."""
    lines = {"trials": f"{_counts(history.searched, unended)} of {study.budget.trials_in_words}"}
    if len(history.searched) < len(history.trials):
        repeats = [trial for trial in history.trials.values() if trial.finalist_of is not None]
        lines["finalists"] = f"{_counts(repeats, unended)} (repeats with other seeds)"
    incumbent = history.incumbent(study.objective)
    if incumbent is None:
        lines["incumbent"] = "none yet"
    else:
        best = incumbent.best(study.objective)
        value = getattr(best, study.objective.metric)
        name = f", recipe {incumbent.recipe}" if incumbent.recipe else ""
        lines["incumbent"] = (
            f"{study.objective.metric} {value:.4f} by trial {incumbent.number}{name}"
        )
    lines["epochs"] = str(sum(trial.epochs for trial in history.trials.values()))
    if history.hits or history.misses:
        lines["features"] = f"{history.hits:,} rows found in the cache, {history.misses:,} computed"
    return lines


def _counts(trials: Sequence[Trial], unended: str) -> str:
    states = [trial.state for trial in trials]
    words = {RUNNING: unended, COMPLETE: COMPLETE, PRUNED: PRUNED, FAIL: FAIL}
    return ", ".join(f"{states.count(state)} {word}" for state, word in words.items())


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
