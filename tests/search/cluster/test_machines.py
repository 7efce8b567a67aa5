"""What the machines of a cluster have, counting those that an autoscaler may start."""

from __future__ import annotations

from collections import Counter

import pytest

from search.cluster import machines
from search.cluster.machines import MOST_OF_A_TYPE, Machine, all_machines, in_words, slots


def node(cpu: float, gpu: float, alive: bool = True) -> dict:
    """A node as Ray describes it."""
    resources = {"CPU": cpu, "GPU": gpu, "memory": 1e9}
    return {"NodeID": f"{cpu}-{gpu}", "Alive": alive, "Resources": resources}


@pytest.mark.parametrize(
    ("up", "types", "expected"),
    [
        ([node(4, 1)], [], {(4, 1): 1}),
        ([node(4, 1), node(8, 1, alive=False)], [], {(4, 1): 1}),
        ([node(2, 0)], [((8, 1), 3), ((2, 0), 0)], {(2, 0): 1, (8, 1): 3}),
        ([node(2, 0), node(8, 1)], [((8, 1), 3)], {(2, 0): 1, (8, 1): 3}),  # one of the three
        ([node(2, 0)], [((8, 1), -1)], {(2, 0): 1, (8, 1): MOST_OF_A_TYPE}),
    ],
)
def test_machines_are_those_that_are_up_and_those_to_come(monkeypatch, up, types, expected):
    monkeypatch.setattr("ray.nodes", lambda: up)
    known = [({"CPU": cpu, "GPU": gpu}, count) for (cpu, gpu), count in types]
    monkeypatch.setattr(machines, "node_types", lambda: known)
    assert all_machines() == {Machine(*each): count for each, count in expected.items()}


def test_a_share_in_ten_thousandths_fits_as_often_as_it_should():
    assert Machine(16, 1).slots(1, 0.3333) == 3
    assert Machine(0.3, 0).slots(0.1, 0) == 3
    assert slots(Counter({Machine(4, 1): 2, Machine(64, 0): 1}), 4, 0.25) == 2


def test_machines_in_words():
    there = Counter({Machine(4, 1): 2, Machine(64, 0): 1})
    assert in_words(there) == "64 CPU and 0 GPU; 2 × 4 CPU and 1 GPU"
