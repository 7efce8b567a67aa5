"""Tables of trials: all of them, the incumbents, the recipes, the failed ones."""

from __future__ import annotations

import math

from reports import formats
from reports.curves import incumbents
from reports.run_data import RunData
from reports.table import Cell, Column, Row, Table, row
from search.records.events import FAIL
from search.records.history import Trial, value_of

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
    order = sorted(data.history.trials.values(), key=lambda trial: _rank(data, trial))
    rows = [_trial_row(data, trial) for trial in order]
    caption = (
        f"All trials, the best {name} first. A failed trial has no result, whatever it reported "
        "before it failed; a dash under a hyperparameter means that it does not exist there."
    )
    return Table("trials", caption, tuple(columns), tuple(rows), is_sortable=True)


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
    caption = "Incumbents: each new best result, in the order of time."
    empty = "There has been no incumbent yet."
    return Table("incumbents", caption, columns, tuple(rows), empty=empty)


def recipes_table(data: RunData) -> Table:
    """The winner and every recipe of the study, tried or not."""
    columns = (
        Column("name", "configuration", is_number=False),
        Column("trial", "trial"),
        Column("state", "state", is_number=False),
        Column("metric", formats.metric_name(data.objective)),
        Column("test_accuracy", "test accuracy"),
        Column("epochs", "epochs"),
        Column("trainable_params", "trained parameters"),
        Column("seconds", "seconds"),
    )
    winner = data.winner
    rows = [_recipe_row(data, "winner", winner, "winner")] if winner else []
    rows += [_recipe_row(data, name, trial) for name, trial in data.recipe_trials().items()]
    caption = (
        "Winner and recipes as searched, all trained on the training images alone. "
        "A recipe that the scheduler stopped shows what it had reached by then."
    )
    return Table("recipes", caption, columns, tuple(rows), is_sortable=True)


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


def _recipe_row(data: RunData, name: str, trial: Trial | None, mark: str | None = None) -> Row:
    if trial is None:
        return row([Cell.of(name), Cell.of(None), Cell.of("not tried yet"), *[Cell.of(None)] * 5])
    best = None if trial.state == FAIL else trial.best(data.objective)
    value = value_of(best, data.objective) if best else None
    tested = data.test.of_trial(trial.number) if data.test else None
    accuracy = tested.accuracy if tested else None
    return row(
        [
            Cell.of(name),
            Cell.of(trial.number),
            Cell.of(trial.state),
            Cell.of(value, formats.metric(value, data.objective)),
            Cell.of(accuracy, formats.percent(accuracy)),
            Cell.of(trial.epochs),
            Cell.of(trial.trainable_params),
            Cell.of(trial.total_seconds, formats.seconds(trial.total_seconds)),
        ],
        mark,
    )


def _rank(data: RunData, trial: Trial) -> tuple[bool, float, int]:
    best = None if trial.state == FAIL else trial.best(data.objective)
    if best is None:
        return True, math.inf, trial.number
    value = value_of(best, data.objective)
    return False, -value if data.objective.mode == "max" else value, trial.number


def _is_number(data: RunData, name: str) -> bool:
    values = [getattr(trial.point, name) for trial in data.history.trials.values()]
    given = [value for value in values if value is not None]
    return all(isinstance(v, int | float) and not isinstance(v, bool) for v in given)
