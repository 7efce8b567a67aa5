"""The room of a trial: its CPUs, GPUs and neighbours; more room if a machine's memory runs out."""

from __future__ import annotations

from typing import Any

from ray import tune

from spaces.studies.study import Resources


class Room:
    """What each trial occupies, and how many run at once.

    Memory is shared by the trials of a machine, so a trial that Ray kills for memory needs fewer
    neighbours: later trials occupy twice the CPUs, until each has a machine for itself. Their
    number of threads stays the same, so this changes nothing else.

    Attributes:
        cpu: CPUs that the next trial occupies.
        concurrent: Largest number of concurrent trials.

    Args:
        resources: Of a trial, with `gpu` and `concurrent` filled in.
        most_cpu: CPUs of the largest machine.
    """

    def __init__(self, resources: Resources, most_cpu: float) -> None:
        self.cpu, self._gpu = resources.cpu, resources.gpu or 0
        self.concurrent = resources.concurrent or 1
        self._most_cpu = max(most_cpu, resources.cpu)

    def is_whole_machine(self, cpu: float) -> bool:
        """Whether a trial that occupies so many CPUs has no neighbour on the largest machine."""
        return self.concurrent == 1 or cpu > self._most_cpu / 2

    def widen(self, cpu: float) -> None:
        """Give later trials twice the room of one that occupied so many CPUs and was killed."""
        if cpu >= self.cpu:
            self.cpu = min(2 * cpu, self._most_cpu)
            self.concurrent = max(1, self.concurrent // 2)

    def of(self, config: dict[str, Any]) -> tune.PlacementGroupFactory:
        """The resources of a trial, from its configuration for Tune."""
        return tune.PlacementGroupFactory([{"CPU": config["cpu"], "GPU": self._gpu}])
