"""A search that leaves much of its time says why."""

from __future__ import annotations

import pytest

from search.driver.search import Limit
from search.fitting.fit import early_end
from search.records import events
from search.records.history import History


def history_of(study, trials, reason):
    history = History()
    name, point = next(iter(study.recipe_points.items()))
    history.take(events.driver_started("here", 1))
    for number in range(trials):
        history.take(events.trial_proposed(number, name, point, number))
        history.take(events.trial_ended(number, events.COMPLETE, "max_epochs"))
    history.take(events.driver_stopped(reason))
    return history


@pytest.mark.parametrize(
    ("trials", "why"), [(4, "all 4 trials that the study allows"), (3, "no further")]
)
def test_a_search_that_has_nothing_left_to_try_says_so(make_study, trials, why):
    study = make_study(budget={"trials": 4})
    said = early_end(study, history_of(study, trials, "done"), Limit(600.0, lambda _: 60.0))
    assert "ends 9.0 minutes early" in said
    assert why in said


def test_a_search_that_used_its_time_says_nothing(make_study):
    study = make_study(budget={"trials": 4})
    assert early_end(study, history_of(study, 3, "seconds"), Limit(600.0, lambda _: 60.0)) is None
    assert early_end(study, history_of(study, 4, "done"), Limit(600.0, lambda _: 590.0)) is None
