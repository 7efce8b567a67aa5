"""A search that waits for a machine says so, once."""

from __future__ import annotations

from search.driver.tune_adapter import Waiting
from spaces.studies.study import Resources


def test_it_is_said_when_the_last_machine_goes_and_when_one_comes(monkeypatch):
    said, there = [], [True, False, False, True, True, False]
    monkeypatch.setattr("search.driver.tune_adapter.EVERY", 0.0)
    monkeypatch.setattr("search.driver.tune_adapter.fits_somewhere", lambda cpu, gpu: there.pop(0))
    waiting = Waiting(Resources(cpu=2, gpu=0.5), said.append)
    while there:
        waiting.on_step_begin(0, [])
    first, again, second = said
    assert "2 CPU and 0.5 GPU" in first
    assert "available again; the search continues" in again
    assert second == first


def test_machines_are_not_looked_at_all_the_time(monkeypatch):
    looks = []
    monkeypatch.setattr(
        "search.driver.tune_adapter.fits_somewhere", lambda cpu, gpu: looks.append(cpu)
    )
    waiting = Waiting(Resources(), print)
    for step in range(100):
        waiting.on_step_begin(step, [])
    assert not looks
