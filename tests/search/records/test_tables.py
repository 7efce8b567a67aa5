"""The two tables: columns of the design, one row for each trial and epoch, readable by pandas."""

from __future__ import annotations

import math

import pandas as pd
import pyarrow.parquet as pq
import pytest

from search.records import events
from search.records.history import History
from search.records.run import Run
from search.records.tables import EPOCHS, TRIALS, write_tables
from spaces.hyperparameters import FIELDS, Hyperparameters
from spaces.studies.study import Objective
from trainables.training.measurement import KINDS

MAX = Objective(metric="val_accuracy", mode="max")
MIN = Objective(metric="val_loss", mode="min")

PROBE = Hyperparameters(dense_units=(128, 32), learning_rate=3e-4, epochs=9)
THAWED = Hyperparameters(unfrozen_depth=4, batch_norm="trained", optimizer="sgd", epochs=9)


@pytest.fixture
def history(make_measurement):
    def measured(number, epoch, accuracy, **changes):
        return events.trial_measured(number, make_measurement(epoch, accuracy, **changes))

    return History.of(
        [
            events.study_opened("study", "hash", {}),
            events.driver_started("host", 1),
            events.trial_proposed(0, "probe", PROBE, 11),
            events.trial_started(0, "10.0.0.1", 5000, 50, 0),
            measured(0, 1, 0.4, seconds={"start": 2.0, "train": 1.0}),
            measured(0, 2, 0.7),
            measured(0, 3, 0.6),
            events.trial_ended(0, "COMPLETE", "max_epochs"),
            events.trial_proposed(1, None, THAWED, 12),
            events.trial_started(1, "10.0.0.2", 5000, 900, 0),
            measured(1, 1, 0.2, val_loss=math.nan),
            events.trial_ended(1, "FAIL", "non_finite", "the loss was nan"),
            events.trial_proposed(2, None, Hyperparameters(), 13),
        ]
    )


@pytest.fixture
def tables(history, tmp_path):
    run = Run(tmp_path)
    write_tables(run, history, MAX)
    return pd.read_parquet(run.trials), pd.read_parquet(run.epochs)


def test_the_columns_are_those_of_the_design(tables):
    trials, epochs = tables
    about = ["trial", "state", "reason", "recipe", "epochs", "metric", "metric_epoch", "node"]
    about += ["total_params", "trainable_params", "resumed", "error"]
    seconds = [f"seconds_{kind}" for kind in KINDS]
    assert set(about) | set(seconds) | set(FIELDS) <= set(trials.columns)
    assert list(trials.columns) == TRIALS.names
    assert list(epochs.columns) == EPOCHS.names
    assert len(set(TRIALS.names)) == len(TRIALS.names)


def test_there_is_a_row_for_each_trial_and_each_epoch(tables):
    trials, epochs = tables
    assert trials["trial"].tolist() == [0, 1, 2]
    assert trials["state"].tolist() == ["COMPLETE", "FAIL", "RUNNING"]
    assert list(zip(epochs["trial"], epochs["epoch"], strict=True)) == [
        (0, 1),
        (0, 2),
        (0, 3),
        (1, 1),
    ]


def test_a_row_says_what_the_trial_was_and_came_to(tables, history):
    row = tables[0].iloc[0]
    assert (row["recipe"], row["reason"], row["node"]) == ("probe", "max_epochs", "10.0.0.1")
    assert list(row["dense_units"]) == [128, 32]
    assert row["learning_rate"] == 3e-4
    assert (row["epochs"], row["max_epochs"]) == (3, 9)
    assert (row["metric"], row["metric_epoch"]) == (0.7, 2)
    assert (row["total_params"], row["trainable_params"], row["seed"]) == (5000, 50, 11)
    for kind in KINDS:
        assert row[f"seconds_{kind}"] == history.trials[0].seconds(kind)
    assert row["seconds_start"] == 2.0


def test_what_does_not_exist_is_missing(tables):
    trials, _ = tables
    assert trials["momentum"].isna().tolist() == [True, False, True]
    assert trials["batch_norm"].isna().tolist() == [True, False, True]
    assert trials["metric"].isna().tolist() == [False, False, True]
    assert trials["recipe"].isna().tolist() == [False, True, True]
    assert trials.loc[1, "error"] == "the loss was nan"


def test_what_is_not_finite_stays_so(tables):
    epochs = tables[1]
    assert math.isnan(epochs.loc[3, "val_loss"])
    assert epochs.loc[3, "val_accuracy"] == 0.2


def test_the_metric_is_the_objectives(history, tmp_path):
    run = Run(tmp_path)
    write_tables(run, history, MIN)
    trials = pd.read_parquet(run.trials)
    assert trials.loc[0, "metric"] == history.trials[0].best(MIN).val_loss
    assert math.isnan(trials.loc[1, "metric"])


def test_an_empty_history_makes_empty_tables(tmp_path):
    run = Run(tmp_path)
    write_tables(run, History(), MAX)
    assert pq.read_table(run.trials).schema == TRIALS
    assert len(pd.read_parquet(run.epochs)) == 0


def test_types_do_not_depend_on_the_rows(history, tmp_path):
    run = Run(tmp_path)
    write_tables(run, history, MAX)
    assert pq.read_schema(run.trials).remove_metadata() == TRIALS
    assert pq.read_schema(run.epochs).remove_metadata() == EPOCHS


def test_every_hyperparameter_has_a_column_of_its_kind():
    kinds = {"bool": "bool", "int": "int64", "float": "double", "str": "string"}
    for name, field in FIELDS.items():
        written = str(field.type).removesuffix(" | None")
        expected = (
            "list<item: int64>" if written.startswith("tuple") else kinds.get(written, "string")
        )
        column = "max_epochs" if name == "epochs" else name
        assert str(TRIALS.field(column).type).replace("element", "item") == expected, name


def test_tables_are_written_anew(history, tmp_path, make_measurement):
    run = Run(tmp_path)
    write_tables(run, history, MAX)
    history.take(events.trial_measured(2, make_measurement(1, 0.9)))
    write_tables(run, history, MAX)
    assert pd.read_parquet(run.trials).loc[2, "metric"] == 0.9
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epochs.parquet", "trials.parquet"]
