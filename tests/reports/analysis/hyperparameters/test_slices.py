"""Tests for the metric by hyperparameter."""

from __future__ import annotations

import pytest

from reports.analysis.hyperparameters.slices import slices


def by_name(data) -> dict:
    return {one.name: one for one in slices(data)}


def test_every_searched_hyperparameter_has_one(read) -> None:
    data = read("complete")
    assert list(by_name(data)) == data.searched


def test_axes(read) -> None:
    found = by_name(read("complete"))
    assert found["learning_rate"].is_log
    assert not found["dropout"].is_log
    assert found["dense_units"].categories == ("none", "128", "256")
    assert found["unfrozen_depth"].categories == ()
    assert set(found["decay"].x) <= {0.0, 1.0, 2.0}


def test_failed_trials_have_no_value(read) -> None:
    found = by_name(read("complete"))["dropout"]
    values = dict(zip(found.states, found.y, strict=True))
    assert values["FAIL"] is None
    assert values["COMPLETE"] is not None
    assert found.states.count("FAIL") == 2


def test_trials_without_the_hyperparameter_are_left_out(read) -> None:
    data = read("complete")
    found = by_name(data)["decay_factor"]
    with_it = [n for n, t in data.history.trials.items() if t.point.decay_factor is not None]
    assert list(found.trials) == with_it
    assert 0 < len(with_it) < 20


def test_running_trials_without_a_result_are_left_out(read) -> None:
    data = read("under_way")
    found = by_name(data)["dropout"]
    assert len(data.history.trials) == 8
    assert len(found.trials) == 7


@pytest.mark.parametrize("name", ["empty", "nothing_finished", "all_failed"])
def test_there_is_none_without_a_result(read, name) -> None:
    assert slices(read(name)) == []
