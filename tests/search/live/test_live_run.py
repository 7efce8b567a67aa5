"""A run that is open for writing: whose checkpoints stay."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from search.driver.search import create_run
from search.live import live_run
from search.live.early_end import Ending
from search.live.live_run import OpenRun, opened
from search.records import events
from search.records.choice import choose
from search.records.history import History
from search.records.ledger import read_ledger
from search.records.run import Run
from spaces.hyperparameters import Hyperparameters
from trainables.datasets.preflight.examine import preflight


@pytest.fixture
def begin(tmp_path, make_study, make_measurement):
    """An open run, and a function that trains a trial and saves its checkpoint."""
    study = make_study(
        dataset={"format": "digits", "subset": 100},
        recipes={},
        finalists={"count": 1, "seeds": 2},
        budget={"trials": 4, "max_epochs": 2},
    )
    run = Run(tmp_path / "run")
    create_run(run, study, preflight(study.dataset, study.name))
    with opened(run, study, Ending(None), Console(quiet=True)) as current:

        def train(number, accuracy, of=None, recipe=None, state=events.COMPLETE, reason="made"):
            current.take(events.trial_proposed(number, recipe, Hyperparameters(), number, of))
            current.take(events.trial_measured(number, make_measurement(1, accuracy)))
            current.checkpoints_of(number).save(1, {"epoch": np.array(1)})
            current.take(events.trial_ended(number, state, reason))

        yield current, train


def kept(current) -> set[int]:
    folders = Path(current.run.checkpoints).iterdir()
    return {int(folder.name[-5:]) for folder in folders if any(folder.glob("*.npz"))}


def test_those_of_recipes_and_of_the_best_stay(begin):
    current, train = begin
    train(0, 0.5, recipe="probe")
    train(1, 0.6)
    train(2, 0.7)
    train(3, 0.9, state=events.FAIL, reason="non_finite")
    assert kept(current) == {0, 2}


def test_a_finalist_that_is_displaced_keeps_its_own_and_those_of_its_repeats(begin):
    current, train = begin
    train(0, 0.8)
    train(1, 0.7)
    train(2, 0.95, of=0)
    train(3, 0.95, of=0)
    train(4, 0.9)
    train(5, 0.5, of=4)
    train(6, 0.5, of=4)
    assert choose(current.study, current.history).trial.number == 0
    assert kept(current) == {0, 2, 3, 4, 5, 6}, "any of them may be chosen, and is tested then"


def test_on_opening_only_trials_that_have_checkpoints_are_looked_at(begin, monkeypatch):
    current, train = begin
    for number, accuracy in enumerate([0.9, 0.5, 0.6, 0.7]):
        train(number, accuracy)
    current.checkpoints_of(2).save(1, {"epoch": np.array(1)})  # as if killed before removing it
    assert kept(current) == {0, 2}
    asked = []
    monkeypatch.setattr(
        OpenRun, "_keep_checkpoints", lambda self, number, count: asked.append((number, count))
    )
    with opened(current.run, current.study, Ending(None), Console(quiet=True)):
        assert sorted(asked) == [(0, 1), (2, 0)], "at a URL, each trial is a round trip"


@pytest.fixture
def synced(begin, monkeypatch) -> list[int]:
    """Size of the ledger at each fsync from here on."""
    current, _ = begin
    sizes = []

    def fsync(descriptor: int, real=os.fsync) -> None:
        real(descriptor)
        sizes.append(current.run.ledger.stat().st_size)

    monkeypatch.setattr("os.fsync", fsync)
    return sizes


def test_epochs_reach_the_disk_in_groups_and_ends_at_once(
    begin, synced, make_measurement, monkeypatch
):
    monkeypatch.setattr(live_run, "GROUP_SECONDS", 3600.0)
    current, _ = begin
    current.take(events.trial_proposed(0, None, Hyperparameters(), 0))
    assert synced == [current.run.ledger.stat().st_size]
    for epoch in range(1, 201):
        current.take(
            events.trial_measured(0, make_measurement(epoch)),
            events.trial_checkpointed(0, epoch, 10),
        )
    assert len(synced) == 1, "200 reports waited for the disk one by one"
    assert len(History.of(read_ledger(current.run.ledger)).trials[0].measurements) == 200
    current.take(events.trial_ended(0, events.COMPLETE, "made"))
    assert synced[-1] == current.run.ledger.stat().st_size


def test_no_event_waits_for_ever(begin, synced, make_measurement, monkeypatch):
    monkeypatch.setattr(live_run, "GROUP_SECONDS", 3600.0)
    current, _ = begin
    current.take(events.trial_proposed(0, None, Hyperparameters(), 0))
    current.take(events.trial_measured(0, make_measurement(1)))
    assert len(synced) == 1
    current.sync()
    assert len(synced) == 1, "it is not due yet"
    monkeypatch.setattr(live_run, "GROUP_SECONDS", 0.0)
    current.sync()
    assert synced[1:] == [current.run.ledger.stat().st_size]
    current.sync()
    assert len(synced) == 2, "nothing is left to be written"


def test_a_group_that_cannot_be_written_is_not_in_the_ledger(begin, monkeypatch, make_measurement):
    current, _ = begin
    current.take(events.trial_proposed(0, None, Hyperparameters(), 0))
    before = current.run.ledger.read_bytes()
    current.take(events.trial_measured(0, make_measurement(1)))

    def fails(descriptor: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("os.fsync", fails)
    current.take(events.trial_ended(0, events.COMPLETE, "made"))
    assert current.ending.reason == "storage"
    assert "Check the disk" in current.ending.sentence
    assert current.run.ledger.read_bytes() == before
    assert current.history.trials[0].state == events.RUNNING
    monkeypatch.undo()
    current.stop("storage")
    assert current.run.ledger.read_bytes() == before, "an upload may have read beyond that"
