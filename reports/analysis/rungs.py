"""Rungs: how many trials reached each, and what happened to them there."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass

from reports.data.run_data import RunData
from reports.text.table import Cell, Column, Table, row
from search.records.events import COMPLETE, FAIL, PRUNED, RUNNING
from search.records.trial import Trial

WENT_ON, STOPPED, FAILED, WAITS, ENDED = "continued", "stopped here", "failed", "under way", "ended"
FATES = (WENT_ON, ENDED, STOPPED, FAILED, WAITS)
"""What happens to a trial that reached a rung: it reaches the next one, ends by itself before that
(at the last rung: after its full length), is stopped by the scheduler, fails, or is still running.
"""

_OF_STATE = {COMPLETE: ENDED, PRUNED: STOPPED, FAIL: FAILED, RUNNING: WAITS}


@dataclass(frozen=True)
class Rung:
    """One rung.

    Attributes:
        epoch: The epoch at which trials are judged; 0 is the start, the last one the end.
        fates: Number of trials by fate, with every one of `FATES`.
    """

    epoch: int
    fates: dict[str, int]

    @property
    def reached(self) -> int:
        """How many trials reached it."""
        return sum(self.fates.values())


def rungs(data: RunData) -> list[Rung]:
    """The start, every rung, and the end; empty without a trial."""
    if not data.trials:
        return []
    epochs = [0, *data.study.budget.rungs, data.study.budget.max_epochs]
    return [
        Rung(here, _fates(data.trials, here, above))
        for here, above in itertools.zip_longest(epochs, epochs[1:])
    ]


def _fates(trials: list[Trial], here: int, above: int | None) -> dict[str, int]:
    counts = Counter(
        WENT_ON if above is not None and trial.epochs >= above else _OF_STATE[trial.state]
        for trial in trials
        if trial.epochs >= here
    )
    return {fate: counts[fate] for fate in FATES}


def rungs_table(found: list[Rung]) -> Table:
    """Counts of trials by rung and fate."""
    shown = [fate for fate in FATES if any(rung.fates[fate] for rung in found)]
    columns = (
        Column("epoch", "epoch"),
        Column("reached", "reached"),
        *(Column(fate.replace(" ", "_"), fate) for fate in shown),
        Column("share", "share that continued"),
    )
    rows = [
        row(
            [
                Cell.of(rung.epoch, rung_name(rung, found)),
                Cell.of(rung.reached),
                *(Cell.of(rung.fates[fate]) for fate in shown),
                _share(rung, rung is found[-1]),
            ]
        )
        for rung in found
    ]
    caption = "Trials by the rungs they reached, and what happened to them before the next one."
    return Table("rungs", caption, columns, tuple(rows))


def rung_name(rung: Rung, found: list[Rung]) -> str:
    """The name of a rung."""
    if rung.epoch == 0:
        return "start"
    return f"end ({rung.epoch})" if rung is found[-1] else str(rung.epoch)


def _share(rung: Rung, is_last: bool) -> Cell:
    if is_last or not rung.reached:
        return Cell.of(None)
    share = rung.fates[WENT_ON] / rung.reached
    return Cell.of(share, f"{100 * share:.0f}\u00a0%")
