"""What is shown while a search runs: a live table on a terminal, a line a minute elsewhere."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Iterable
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table

from search.live.progress_lines import Estimate, Progress, Seconds, best_trials, in_words
from search.records.events import RUNNING, STATES
from search.records.history import History, Trial
from spaces.study import Study

INTERRUPTED = "INTERRUPTED"
"""Said of a trial that had not ended when its search did: it continues when the search resumes."""

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
        running = [t for t in self._history.in_state(RUNNING) if not t.is_paused]
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


def status(study: Study, history: History, is_driven: bool | None = None) -> dict[str, str]:
    """The state of a search in words, by heading.

    Args:
        study: The study.
        history: Its trials.
        is_driven: Whether a process runs its trials; without one, those that have not ended are
            interrupted. None: until the ledger says that the driver has stopped.
    """
    if is_driven is None:
        is_driven = history.stopped is None
    lines = {"trials": f"{_counted(history.searched, is_driven)} of {study.budget.trials}"}
    if len(history.searched) < len(history.trials):
        repeats = [trial for trial in history.trials.values() if trial.finalist_of is not None]
        lines["finalists"] = f"{_counted(repeats, is_driven)} (repeats with other seeds)"
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
    return lines


def states_of(trials: Iterable[Trial], is_driven: bool) -> dict[str, int]:
    """How many trials are in each state, those that wait for their search to resume counted apart.

    Args:
        trials: The trials.
        is_driven: Whether a process runs them.
    """
    counts = Counter(trial.state for trial in trials)
    found = {state: counts[state] for state in STATES} | {INTERRUPTED: 0}
    if not is_driven:
        found |= {RUNNING: 0, INTERRUPTED: counts[RUNNING]}
    return found


def _counted(trials: Iterable[Trial], is_driven: bool) -> str:
    found = states_of(trials, is_driven)
    shown = {state: n for state, n in found.items() if n or state != INTERRUPTED}
    return ", ".join(f"{n} {state}" for state, n in shown.items())


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
