"""The machines of a cluster: those that are up, and those that an autoscaler may start."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import ray

from search.cluster.ray_private import node_types

MOST_OF_A_TYPE = 1000
"""Taken as the number of machines of a type that an autoscaler may start without limit."""


@dataclass(frozen=True, order=True)
class Machine:
    """What one machine has for tasks.

    Attributes:
        cpu: CPUs.
        gpu: GPUs.
    """

    cpu: float
    gpu: float

    def slots(self, cpu: float, gpu: float) -> int:
        """How many tasks fit on it that need so much each."""
        fits = ([self.cpu / cpu] if cpu else []) + ([self.gpu / gpu] if gpu else [])
        return int(min(fits, default=0) + 1e-3)


def nodes_up() -> dict[str, Machine]:
    """The machines that are up, by Ray's ids of them. Ray must be running."""
    return {n["NodeID"]: _machine(n["Resources"]) for n in ray.nodes() if n["Alive"]}


def machines_up() -> Counter[Machine]:
    """The machines that are up, equal ones counted."""
    return Counter(nodes_up().values())


def machines_to_come() -> Counter[Machine]:
    """The machines that an autoscaler may start, those that it has started included."""
    counts: Counter[Machine] = Counter()
    for resources, count in node_types():
        counts[_machine(resources)] += MOST_OF_A_TYPE if count < 0 else count
    return +counts


def all_machines() -> Counter[Machine]:
    """The machines that are up or may come."""
    return machines_up() | machines_to_come()


def slots(machines: Counter[Machine], cpu: float, gpu: float) -> int:
    """How many tasks fit on machines that need so much each, none of them on two machines."""
    return sum(count * machine.slots(cpu, gpu) for machine, count in machines.items())


def in_words(machines: Counter[Machine]) -> str:
    """What each machine has, the largest first."""
    return "; ".join(
        (f"{count} × " if count > 1 else "") + f"{machine.cpu:g} CPU and {machine.gpu:g} GPU"
        for machine, count in sorted(machines.items(), reverse=True)
    )


def _machine(resources: dict[str, float]) -> Machine:
    return Machine(resources.get("CPU", 0), resources.get("GPU", 0))
