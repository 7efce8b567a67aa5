"""A search's time: what is left of it, without what follows the search."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from search.live.early_end import Ending


@pytest.fixture
def clock(monkeypatch):
    """A clock that tests set."""
    now = [100.0]
    there = SimpleNamespace(monotonic=lambda: now[0])
    monkeypatch.setattr("search.live.early_end.time", there)
    return now


def test_what_follows_the_search_is_kept_of_its_time(clock):
    ending = Ending(60.0)
    ending.reserve = lambda: 20.0
    assert ending.seconds_left() == 40.0
    clock[0] += 39.0
    assert not ending.has_begun
    clock[0] += 1.5
    assert ending.has_begun
    assert ending.reason == "seconds"


def test_the_reserve_is_estimated_once_a_second_and_not_at_every_event(clock):
    asked = []
    ending = Ending(60.0)
    ending.reserve = lambda: asked.append(clock[0]) or float(len(asked))
    found = []
    for _ in range(40):
        found.append(ending.seconds_left())
        clock[0] += 0.125
    assert asked == [100.0, 101.0, 102.0, 103.0, 104.0]
    assert found[0] == 59.0
    assert found[8] == 60.0 - 1.0 - 2.0


def test_without_a_time_nothing_is_estimated():
    ending = Ending(None)
    ending.reserve = lambda: pytest.fail("there is no time to keep anything of")
    assert ending.seconds_left() is None
    assert not ending.has_begun
