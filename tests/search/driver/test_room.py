"""The room of a trial: it grows until a trial has a machine for itself, and no further."""

from __future__ import annotations

import pytest

from search.driver.room import Room
from spaces.studies.study import Resources


@pytest.mark.parametrize(
    ("concurrent", "most", "steps"),
    [
        (2, 2, [(2, 1)]),
        (8, 8, [(2, 4), (4, 2), (8, 1)]),
        (3, 3, [(2, 1)]),
        (12, 6, [(2, 6), (4, 3)]),  # two machines
    ],
)
def test_it_doubles_until_a_trial_is_alone(concurrent, most, steps):
    room = Room(Resources(cpu=1, gpu=0, concurrent=concurrent), most)
    for cpu, at_once in steps:
        assert not room.is_whole_machine(room.cpu)
        room.widen(room.cpu)
        assert (room.cpu, room.concurrent) == (cpu, at_once)
    assert room.is_whole_machine(room.cpu)


def test_trials_that_were_killed_together_widen_it_once():
    room = Room(Resources(cpu=1, gpu=0, concurrent=8), 8)
    for _ in range(3):
        room.widen(1)
    assert (room.cpu, room.concurrent) == (2, 4)


def test_a_trial_keeps_the_room_that_its_configuration_says():
    room = Room(Resources(cpu=1, gpu=0.5, concurrent=4), 4)
    config = {"cpu": 1}
    room.widen(1)
    assert room.of(config).bundles == [{"CPU": 1, "GPU": 0.5}]
    assert room.of({"cpu": room.cpu}).bundles == [{"CPU": 2, "GPU": 0.5}]
