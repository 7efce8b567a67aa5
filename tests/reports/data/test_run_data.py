"""Tests for what is read of a run."""

from __future__ import annotations

import shutil

import pytest

from reports.data.run_data import read_run
from search.records import events
from search.records.ledger import Ledger
from search.records.run import Run
from spaces.errors import RunStateError


def test_every_shape_is_read(read, shape) -> None:
    data = read(shape)
    assert data.name == "run-1"
    assert data.searched[0] == "unfrozen_depth"
    assert data.is_under_way is (shape in ("under_way", "nothing_finished", "empty"))


def test_a_folder_without_a_run_is_refused(tmp_path) -> None:
    with pytest.raises(RunStateError, match="is not a run"):
        read_run(Run(tmp_path))


def test_a_ledger_that_makes_no_sense_is_refused(runs, tmp_path) -> None:
    shutil.copytree(runs["one_trial"].folder, tmp_path / "copy")
    run = Run(tmp_path / "copy")
    with Ledger(run.ledger) as ledger:
        ledger.append(events.trial_ended(50, events.COMPLETE, "max_epochs"))
    with pytest.raises(RunStateError, match="is damaged .there is no trial 50"):
        read_run(run)


def test_the_ledger_counts_and_not_the_tables(runs, tmp_path) -> None:
    shutil.copytree(runs["one_trial"].folder, tmp_path / "copy")
    run = Run(tmp_path / "copy")
    run.trials.unlink()
    run.epochs.write_bytes(b"damaged")
    assert len(read_run(run).history.trials) == 1


def test_the_winner_is_the_one_that_was_carried_on(make_run, open_test) -> None:
    maker = make_run()
    trial, _ = maker.propose("linear_probe")
    maker.measure(trial, 1, 0.9)
    run = maker.close()
    open_test(run, {"winner": 0.9})
    with Ledger(run.ledger) as maker.ledger:
        better, _ = maker.propose()
        maker.measure(better, 1, 0.95)
    data = read_run(run)
    assert data.winner.number == trial
    assert data.history.incumbent(data.objective).number == better


def test_recipes_tried_and_not(read) -> None:
    trials = read("one_trial").recipe_trials()
    assert trials["linear_probe"].number == 0
    assert trials["two_phase"] is None
    assert read("empty").best_recipe() is None
    assert read("complete").best_recipe().recipe == "two_phase"
    assert read("complete").best_recipe(among={0}).recipe == "linear_probe"
