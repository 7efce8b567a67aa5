"""A run that is open for writing: whose checkpoints stay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from search.driver.search import create_run
from search.live.early_end import Ending
from search.live.live_run import opened
from search.records import events
from search.records.choice import choose
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
