"""Tables of trials: all, incumbents, failures and failed attempts."""

from __future__ import annotations

import math

from reports.analysis.curves import incumbents
from reports.data.run_data import RunData
from reports.text import formats
from reports.text.table import Cell, Column, Row, Table, row
from search.records.events import FAIL
from search.records.trial import Trial, value_of

_TEXT = {"is_number": False}


def trials_table(data: RunData) -> Table:
    """Every trial, the best first, those without a result last."""
    name = formats.metric_name(data.objective)
    columns = [
        Column("trial", "trial"),
        Column("state", "state", **_TEXT),
        Column("reason", "reason", **_TEXT),
        Column("recipe", "recipe", **_TEXT),
        Column("metric", name),
        Column("metric_epoch", "at epoch"),
        Column("epochs", "epochs"),
        Column("seconds", "seconds"),
        Column("trainable_params", "trained parameters"),
        *(Column(name, name.replace("_", " "), _is_number(data, name)) for name in data.searched),
        Column("seed", "seed"),
    ]
    order = sorted(data.trials, key=lambda trial: _rank(data, trial))
    rows = [_trial_row(data, trial) for trial in order]
    caption = (
        f"All trials, the best {name} first. A failed trial has no result, whatever it reported "
        "before; a dash means that the trial does not have that hyperparameter."
    )
    return Table("trials", caption, tuple(columns), tuple(rows))


def incumbents_table(data: RunData) -> Table:
    """Each time the search found a better trial."""
    columns = (
        Column("seconds", "search time"),
        Column("trial", "trial"),
        Column("recipe", "recipe", is_number=False),
        Column("epoch", "epoch"),
        Column("metric", formats.metric_name(data.objective)),
    )
    rows = [
        row(
            [
                Cell.of(step.seconds, formats.duration(step.seconds)),
                Cell.of(step.trial),
                Cell.of(data.history.trials[step.trial].recipe),
                Cell.of(step.epoch),
                Cell.of(step.value, formats.metric(step.value, data.objective)),
            ]
        )
        for step in incumbents(data.history, data.objective, data.working_time)
    ]
    caption = "Incumbents: each new best result in chronological order."
    empty = "There is no incumbent yet."
    return Table("incumbents", caption, columns, tuple(rows), empty=empty)


def failures_table(data: RunData) -> Table:
    """Failed trials with their reasons."""
    columns = (
        Column("trial", "trial"),
        Column("reason", "reason", is_number=False),
        Column("recipe", "recipe", is_number=False),
        Column("epochs", "epochs"),
        Column("error", "error", is_number=False),
    )
    rows = [
        row(
            [
                Cell.of(trial.number),
                Cell.of(trial.reason),
                Cell.of(trial.recipe),
                Cell.of(trial.epochs),
                Cell.of(data.without_folders(trial.error or "")),
            ]
        )
        for trial in data.history.in_state(FAIL)
    ]
    return Table(
        "failures", "Why trials failed.", columns, tuple(rows), empty="No trial has failed."
    )


def attempts_table(data: RunData) -> Table:
    """Attempts at trials that failed and were retried."""
    columns = (
        Column("trial", "trial"),
        Column("epoch", "after epoch"),
        Column("reason", "reason", is_number=False),
        Column("error", "error", is_number=False),
        Column("state", "state of the trial", is_number=False),
    )
    rows = [
        row(
            [
                Cell.of(trial.number),
                Cell.of(failure.epoch),
                Cell.of(failure.reason),
                Cell.of(data.without_folders(failure.error or "")),
                Cell.of(trial.state),
            ]
        )
        for trial in data.history.trials.values()
        for failure in trial.failures
    ]
    caption = "Attempts that failed; each trial was retried afterwards."
    empty = "No attempt at a trial has failed and been retried."
    return Table("attempts", caption, columns, tuple(rows), empty=empty)


def _trial_row(data: RunData, trial: Trial) -> Row:
    best = None if trial.state == FAIL else trial.best(data.objective)
    value = value_of(best, data.objective) if best else None
    points = [getattr(trial.point, name) for name in data.searched]
    cells = [
        Cell.of(trial.number),
        Cell.of(trial.state),
        Cell.of(trial.reason),
        Cell.of(trial.recipe),
        Cell.of(value, formats.metric(value, data.objective)),
        Cell.of(best.epoch if best else None),
        Cell.of(trial.epochs),
        Cell.of(trial.total_seconds, formats.seconds(trial.total_seconds)),
        Cell.of(trial.trainable_params),
        *(Cell.of(value, formats.hyperparameter(value)) for value in points),
        Cell.of(trial.seed, str(trial.seed)),
    ]
    is_winner = data.winner is not None and trial.number == data.winner.number
    return row(cells, "winner" if is_winner else None)


def _rank(data: RunData, trial: Trial) -> tuple[bool, float, int]:
    best = None if trial.state == FAIL else trial.best(data.objective)
    if best is None:
        return True, math.inf, trial.number
    value = value_of(best, data.objective)
    return False, -value if data.objective.mode == "max" else value, trial.number


def _is_number(data: RunData, name: str) -> bool:
    values = [getattr(trial.point, name) for trial in data.trials]
    given = [value for value in values if value is not None]
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in given)
