"""The run's tables, made from the ledger: one row per trial, one row per trial and epoch."""

from __future__ import annotations

import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from search.records.history import History
from search.records.run import Run, write_whole
from search.records.trial import Trial
from spaces.hyperparameters import FIELDS
from spaces.studies.study import Objective
from trainables.training.measurement import KINDS, VALIDATION, Measurement

_TYPES = {"bool": pa.bool_(), "int": pa.int64(), "float": pa.float64()}
_SECONDS = [(f"seconds_{kind}", pa.float64()) for kind in KINDS]


def _column_type(annotation: str) -> pa.DataType:
    if annotation.startswith("tuple[int"):
        return pa.list_(pa.int64())
    return _TYPES.get(annotation.removesuffix(" | None"), pa.string())


TRIALS = pa.schema(
    [
        ("trial", pa.int64()),
        ("state", pa.string()),
        ("reason", pa.string()),
        ("recipe", pa.string()),
        *((name, _column_type(str(f.type))) for name, f in FIELDS.items() if name != "epochs"),
        ("max_epochs", pa.int64()),
        ("epochs", pa.int64()),
        ("metric", pa.float64()),
        ("metric_epoch", pa.int64()),
        *_SECONDS,
        ("node", pa.string()),
        ("total_params", pa.int64()),
        ("trainable_params", pa.int64()),
        ("resumed", pa.int64()),
        ("attempts", pa.int64()),
        ("accumulate", pa.int64()),
        ("finalist_of", pa.int64()),
        ("seed", pa.int64()),
        ("error", pa.string()),
    ]
)
"""Columns of trials.parquet. `epochs` counts finished epochs; `max_epochs` is the hyperparameter.

`attempts` is 1 if the trial was never retried; `accumulate` is the number of parts that each batch
was split into; `finalist_of` is the trial that this one repeats with another seed.
"""

EPOCHS = pa.schema(
    [
        ("trial", pa.int64()),
        ("epoch", pa.int64()),
        ("train_loss", pa.float64()),
        ("train_accuracy", pa.float64()),
        *((name, pa.float64()) for name in VALIDATION),
        ("learning_rate", pa.float64()),
        *_SECONDS,
        ("time", pa.float64()),
    ]
)
"""Columns of epochs.parquet; `time` is in seconds since 1970."""


def write_tables(run: Run, history: History, objective: Objective) -> None:
    """Write both tables from the run's history."""
    trials = [_trial_row(trial, objective) for trial in history.trials.values()]
    epochs = [
        _epoch_row(trial.number, measurement, time)
        for trial in history.trials.values()
        for measurement, time in zip(trial.measurements, trial.times, strict=True)
    ]
    write_whole(run.trials, _parquet(trials, TRIALS))
    write_whole(run.epochs, _parquet(epochs, EPOCHS))


def _trial_row(trial: Trial, objective: Objective) -> dict[str, Any]:
    best = trial.best(objective)
    return {
        **trial.point.to_dict(),
        **{f"seconds_{kind}": trial.seconds(kind) for kind in KINDS},
        "trial": trial.number,
        "state": trial.state,
        "reason": trial.reason,
        "recipe": trial.recipe,
        "max_epochs": trial.point.epochs,
        "epochs": trial.epochs,
        "metric": getattr(best, objective.metric) if best else None,
        "metric_epoch": best.epoch if best else None,
        "node": trial.node,
        "total_params": trial.total_params,
        "trainable_params": trial.trainable_params,
        "resumed": trial.resumed,
        "attempts": len(trial.failures) + 1,
        "accumulate": trial.accumulate,
        "finalist_of": trial.finalist_of,
        "seed": trial.seed,
        "error": trial.error,
    }


def _epoch_row(trial: int, measurement: Measurement, time: float) -> dict[str, Any]:
    row = measurement.to_dict()
    seconds = row.pop("seconds")
    return row | {
        "trial": trial,
        "time": time,
        **{f"seconds_{kind}": seconds.get(kind, 0.0) for kind in KINDS},
    }


def _parquet(rows: list[dict[str, Any]], schema: pa.Schema) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema=schema), buffer)
    return buffer.getvalue()
