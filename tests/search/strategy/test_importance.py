"""Importance: the hyperparameter that decides ranks first, on all trials at the first rung."""

from __future__ import annotations

import numpy as np
import optuna
import pytest
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from search.records import events
from search.records.history import History
from search.strategy.importance import LEAST_TRIALS, RESAMPLES, importance

BUDGET = {"trials": 40, "max_epochs": 9, "grace_period": 1, "reduction_factor": 3}
SPACE = {
    "learning_rate": {"low": 1e-4, "high": 1e-1, "log": True},
    "dropout": {"low": 0.0, "high": 0.5},
}


@pytest.fixture
def study(make_study):
    return make_study(space=SPACE, recipes={}, budget=BUDGET)


def by_rate(rate, epoch, chance):
    """The learning rate explains everything but a little noise, with a best one at 3e-3."""
    return 0.9 - 0.15 * (np.log10(rate) + 2.5) ** 2 + 0.005 * epoch + chance.normal(0, 0.01)


def searched(study, make_measurement, trials, accuracy=by_rate, seed=0):
    """A search with successive halving: the best third at epoch 1, then at 3, goes on."""
    made, chance = History(), np.random.default_rng(seed)
    values = {}
    for number in range(trials):
        rate = float(10 ** chance.uniform(-4, -1))
        point = study.search_space.point(
            {"learning_rate": rate, "dropout": float(chance.uniform(0, 0.5))}
        )
        made.take(events.trial_proposed(number, None, point, number) | {"time": 0.0})
        values[number] = [float(accuracy(rate, epoch, chance)) for epoch in range(1, 10)]
    going, done = list(values), 0
    for rung in (1, 3, 9):
        for number in going:
            for epoch in range(done + 1, rung + 1):
                measured = make_measurement(epoch, values[number][epoch - 1])
                made.take(events.trial_measured(number, measured) | {"time": 1.0})
        going.sort(key=lambda n, last=rung - 1: -values[n][last])
        going, done = going[: len(going) // 3], rung
    return made


def test_all_trials_at_the_first_rung_find_what_decides(study, make_measurement):
    """Among the eleven that reached epoch 9 the learning rate hardly varies; among all it does."""
    firsts, means = [], []
    for seed in range(8):
        found = importance(study, searched(study, make_measurement, 100, seed=seed))
        assert (found["method"], found["epoch"], found["trials"]) == ("PED-ANOVA", 1, 100)
        first = found["parameters"][0]
        firsts.append(first["name"])
        means.append(first["mean"])
        assert first["low"] <= first["mean"] <= first["high"]
        assert first["first"] > 0.95
    assert firsts == ["learning_rate"] * 8
    assert min(means) > 0.9


def test_it_is_optunas(study, make_measurement):
    history = searched(study, make_measurement, 40)
    reference = optuna.create_study(direction="maximize")
    for trial in history.searched:
        point = {name: getattr(trial.point, name) for name in SPACE}
        reference.add_trial(
            optuna.trial.create_trial(
                value=trial.measurements[0].val_accuracy,
                params=point,
                distributions={
                    "learning_rate": optuna.distributions.FloatDistribution(1e-4, 1e-1, log=True),
                    "dropout": optuna.distributions.FloatDistribution(0.0, 0.5),
                },
            )
        )
    evaluator = PedAnovaImportanceEvaluator(target_quantile=0.25)
    expected = get_param_importances(reference, evaluator=evaluator)
    found = {p["name"]: p["mean"] for p in importance(study, history)["parameters"]}
    assert found == pytest.approx(expected)
    assert sum(found.values()) == pytest.approx(1)


def test_failed_and_short_trials_are_counted_and_left_out(make_study, make_measurement):
    study = make_study(space=SPACE, recipes={}, budget=BUDGET | {"grace_period": 3})
    history = searched(study, make_measurement, 60)
    reached = [trial.number for trial in history.searched if trial.epochs >= 3]
    history.take(events.trial_ended(reached[0], "FAIL", "non_finite", "nan") | {"time": 2.0})
    found = importance(study, history)
    assert (found["epoch"], found["trials"], found["failed"]) == (3, 19, 1)
    assert found["short"] == 40
    assert found["top"] == pytest.approx(5 / 19)


def test_a_hyperparameter_that_exists_in_some_trials_only_is_included(make_study, make_measurement):
    space = SPACE | {
        "decay": {"choices": ["none", "cosine", "exponential"]},
        "decay_factor": {"low": 0.5, "high": 0.95},
    }
    study = make_study(space=space, recipes={}, budget=BUDGET)
    made, chance = History(), np.random.default_rng(0)
    for number in range(60):
        point = study.search_space.sample(
            lambda p: (
                p.choices[chance.integers(3)]
                if p.name == "decay"
                else chance.uniform(p.low, p.high)
            )
        )
        made.take(events.trial_proposed(number, None, point, number) | {"time": 0.0})
        accuracy = 0.9 if point.decay == "exponential" else chance.uniform(0.1, 0.6)
        made.take(events.trial_measured(number, make_measurement(1, accuracy)) | {"time": 1.0})
    found = importance(study, made)
    names = [p["name"] for p in found["parameters"]]
    assert len(names) == 4
    assert any(name.startswith("decay_factor") for name in names)
    assert names[0] == "decay"


def test_nothing_that_matters_has_a_wide_interval(study, make_measurement):
    noise = searched(study, make_measurement, 40, lambda rate, epoch, chance: chance.random())
    found = importance(study, noise)
    assert found["resamples"] == RESAMPLES
    first = found["parameters"][0]
    assert first["high"] - first["low"] > 0.4
    assert first["first"] < 0.95


def test_too_few_or_all_the_same_say_nothing(study, make_measurement):
    few = searched(study, make_measurement, LEAST_TRIALS - 1)
    assert importance(study, few) is None
    same = searched(study, make_measurement, 20, lambda rate, epoch, chance: 0.5)
    assert importance(study, same) is None
