"""Importance: the hyperparameter that decides is found, at an epoch that all are compared at."""

from __future__ import annotations

import numpy as np
import pytest

from search.records import events
from search.records.history import History
from search.strategy.importance import LEAST_TRIALS, importance

BUDGET = {"trials": 40, "max_epochs": 9, "grace_period": 1, "reduction_factor": 3}


@pytest.fixture
def study(make_study):
    space = {
        "learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
        "dropout": {"low": 0.0, "high": 0.5},
    }
    return make_study(space=space, recipes={}, budget=BUDGET)


@pytest.fixture
def history(study, make_measurement):
    """Trials whose accuracy is their learning rate's; every third one goes on after epoch 3."""

    def make(trials, accuracy=lambda rate, epoch: 0.5 + 0.1 * np.log10(rate) + 0.01 * epoch):
        made, random = History(), np.random.default_rng(0)
        for number in range(trials):
            rate = float(10 ** random.uniform(-4, -1))
            chosen = {"learning_rate": rate, "dropout": float(random.uniform(0, 0.5))}
            point = study.search_space.point(chosen)
            made.take(events.trial_proposed(number, None, point, number))
            for epoch in range(1, 10 if number % 3 == 0 else 4):
                made.take(
                    events.trial_measured(number, make_measurement(epoch, accuracy(rate, epoch)))
                )
        return made

    return make


def test_what_decides_is_found_at_the_last_epoch_that_enough_have_come_to(study, history):
    found = importance(study, history(24))
    assert (found["epoch"], found["trials"], found["sample"]) == (3, 24, 24)
    first, second = found["parameters"]
    assert (first["name"], second["name"]) == ("learning_rate", "dropout")
    assert first["mean"] > 0.8
    assert first["mean"] + second["mean"] == pytest.approx(1)
    assert 0 < first["std"] < 0.2


def test_with_enough_of_full_length_it_is_the_end(study, history):
    found = importance(study, history(30))
    assert (found["epoch"], found["trials"]) == (9, 10)


def test_of_many_trials_each_forest_sees_some(study, history, monkeypatch):
    monkeypatch.setattr("search.strategy.importance._SAMPLE", 24)
    found = importance(study, history(300))
    assert (found["trials"], found["sample"]) == (100, 24)
    assert found["parameters"][0]["name"] == "learning_rate"
    assert found["parameters"][0]["mean"] > 0.8


def test_too_few_or_all_the_same_say_nothing(study, history):
    assert importance(study, history(LEAST_TRIALS - 1)) is None
    assert importance(study, history(20, lambda rate, epoch: 0.5)) is None
