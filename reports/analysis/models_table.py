"""The table of winner and recipes: result, size, speed, and failed attempts."""

from __future__ import annotations

from reports.analysis.kinds import ACCURACY, kind_of
from reports.analysis.scoring import score_of
from reports.data.run_data import RunData
from reports.text import formats
from reports.text.table import Cell, Column, Row, Table, row
from search.records.events import FAIL
from search.records.trial import Trial, value_of

_EPOCH = ("train", "evaluate")
"""Kinds of seconds that count for an epoch: not features, data and checkpoints."""


def models_table(data: RunData) -> Table:
    """The winner and every recipe of the study, tried or not."""
    kind = kind_of(data.objective)
    columns = (
        Column("name", "configuration", is_number=False),
        Column("trial", "trial"),
        Column("state", "state", is_number=False),
        Column("metric", formats.metric_name(data.objective)),
        Column("test_accuracy", "test accuracy"),
        *((Column(f"test_{kind.name}", f"test {kind.title}"),) if kind is not ACCURACY else ()),
        Column("total_params", "parameters"),
        Column("trainable_params", "trained"),
        Column("trainable_share", "share"),
        Column("epochs", "epochs"),
        Column("seconds_per_epoch", "seconds per epoch"),
        Column("seconds", "seconds"),
        Column("broken_off", "failed attempts"),
    )
    winner = data.winner
    rows = [_row(data, "winner", winner, "winner")] if winner else []
    rows += [_row(data, name, trial) for name, trial in data.recipe_trials().items()]
    caption = (
        "Winner and recipes as searched, all trained on the training images alone. Seconds per "
        "epoch cover training and validation, not the features below the boundary, which are "
        "computed once for all trials."
    )
    return Table("models", caption, columns, tuple(rows))


def seconds_per_epoch(trial: Trial) -> float | None:
    """Device-seconds of training and validation per epoch; None before the first is done."""
    if not trial.epochs:
        return None
    return sum(trial.seconds(kind) for kind in _EPOCH) / trial.epochs


def _row(data: RunData, name: str, trial: Trial | None, mark: str | None = None) -> Row:
    kind = kind_of(data.objective)
    if trial is None:
        return row(
            [
                Cell.of(name),
                Cell.of(None),
                Cell.of("not tried yet"),
                *[Cell.of(None)] * (9 + (kind is not ACCURACY)),
            ]
        )
    best = None if trial.state == FAIL else trial.best(data.objective)
    value = value_of(best, data.objective) if best else None
    tested = data.test.of_trial(trial.number) if data.test else None
    accuracy = tested.accuracy if tested else None
    score = score_of(data, tested, kind) if tested else None
    share = _share(trial)
    seconds = seconds_per_epoch(trial)
    cells = [
        Cell.of(name),
        Cell.of(trial.number),
        Cell.of(trial.state),
        Cell.of(value, formats.metric(value, data.objective)),
        Cell.of(accuracy, formats.percent(accuracy)),
        *([] if kind is ACCURACY else [Cell.of(score, kind.shown(score))]),
        Cell.of(trial.total_params),
        Cell.of(trial.trainable_params),
        Cell.of(share, formats.percent(share)),
        Cell.of(trial.epochs),
        Cell.of(seconds, f"{seconds or 0:.2f}"),
        Cell.of(trial.total_seconds, formats.seconds(trial.total_seconds)),
        Cell.of(len(trial.failures)),
    ]
    return row(cells, mark)


def _share(trial: Trial) -> float | None:
    if not trial.total_params or trial.trainable_params is None:
        return None
    return trial.trainable_params / trial.total_params
