"""The live table that a terminal shows while a search runs."""

from __future__ import annotations

import time
from types import TracebackType

from rich.console import Console
from rich.live import Live
from rich.table import Table

from search.records.events import COMPLETE, FAIL, PRUNED, RUNNING
from search.records.history import History, Trial
from spaces.study import Study


class View:
    """A live table on a terminal; prints nothing anywhere else.

    Args:
        study: The study that is searched.
        history: The run's history, which grows while the search runs.
        console: Where the table is drawn.
    """

    def __init__(self, study: Study, history: History, console: Console) -> None:
        self._study, self._history = study, history
        self._began = time.monotonic()
        self._over_before = sum(trial.is_over for trial in history.searched)
        self._live = (
            Live(get_renderable=self._table, console=console, refresh_per_second=2)
            if console.is_terminal
            else None
        )

    def __enter__(self) -> View:
        if self._live:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live:
            self._live.stop()

    def _table(self) -> Table:
        table = Table(title=f"thawtune search {self._study.name}", show_header=False)
        for name, value in status(self._study, self._history).items():
            table.add_row(name, value)
        table.add_row("time", self._time())
        return table

    def _time(self) -> str:
        elapsed = time.monotonic() - self._began
        over = sum(trial.is_over for trial in self._history.searched) - self._over_before
        if over == 0:
            return f"{_clock(elapsed)}, no trial has finished yet"
        left = self._study.budget.trials - self._over_before - over
        return f"{_clock(elapsed)}, about {_clock(elapsed / over * left)} left"


def status(study: Study, history: History) -> dict[str, str]:
    """The state of a search in words, by heading."""
    lines = {"trials": f"{_counts(history.searched)} of {study.budget.trials}"}
    if len(history.searched) < len(history.trials):
        repeats = [trial for trial in history.trials.values() if trial.finalist_of is not None]
        lines["finalists"] = f"{_counts(repeats)} (repeats with other seeds)"
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


def _counts(trials: list[Trial]) -> str:
    states = [trial.state for trial in trials]
    return ", ".join(f"{states.count(s)} {s}" for s in (RUNNING, COMPLETE, PRUNED, FAIL))


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d}"
