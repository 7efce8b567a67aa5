"""Planned features of one node: workers fill the entries that an actor begins and seals."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from trainables.cache.folder import remove, use_cache
from trainables.features.plan.extraction_task import SETS, ExtractionTask, PlannedEntry
from trainables.features.store import FeatureStore
from trainables.process.tensorflow_setup import import_tensorflow

_LEAST_IMAGES = 32
_TASKS_A_SLOT = 4
_RESTARTS = 3
"""How often a worker starts again that was killed, as with Ray's tasks."""


@dataclass
class Tally:
    """Totals of an extraction.

    Attributes:
        bytes: Bytes written.
        hits: Entries that were stored before.
        misses: Entries that were computed.
        images: Images that passed through a backbone.
        notes: What did not go as planned, in sentences.
    """

    bytes: int = 0
    hits: int = 0
    misses: int = 0
    images: int = 0
    notes: tuple[str, ...] = ()

    def add(self, other: Tally) -> None:
        """Add the totals of another one."""
        self.bytes += other.bytes
        self.hits += other.hits
        self.misses += other.misses
        self.images += other.images
        self.notes += other.notes


class NodeExtraction:
    """Runs in an actor on its node and holds the locks of the entries that are being written.

    Its workers are actors too: each keeps to the GPU that it was given, and gives it back when it
    ends. Ray's processes for tasks would do neither.

    Args:
        node: Ray's id of it.
        slots: Number of workers.
        resources: What a worker occupies, as `ray.remote` takes it.
    """

    def __init__(self, node: str, slots: int, resources: Mapping[str, float]) -> None:
        here = NodeAffinitySchedulingStrategy(node, soft=False)
        kind = ray.remote(
            max_restarts=_RESTARTS,
            max_task_retries=_RESTARTS,
            scheduling_strategy=here,
            **resources,
        )(ExtractionWorker)
        self._slots = slots
        self._workers = [kind.remote() for _ in range(slots)]
        self._warming: dict[Any, Any] = {}
        self._done, self._tally = Tally(), Tally()

    def end(self) -> None:
        """End the workers, and give back what they occupy."""
        for worker in self._workers:
            ray.kill(worker)

    def images_done(self) -> int:
        """Images that have passed through a backbone so far."""
        return self._done.images + self._tally.images

    def run(self, task: ExtractionTask) -> tuple[Tally, list[str]]:
        """Store a network's features.

        Returns:
            What was done, and the keys of the entries.
        """
        use_cache(task.cache)
        store = FeatureStore()
        entries = self._entries(task)
        with ExitStack() as locks:
            for key in sorted(entry.key for entry in entries):
                locks.enter_context(store.lock(key))
            missing = [
                entry
                for entry in entries
                if entry.key not in store and not store.fetch(entry.key, entry.shape)
            ]
            self._tally.hits = len(entries) - len(missing)
            self._make(task, store, missing)
        tally, self._tally = self._tally, Tally()
        self._done.add(tally)
        return tally, [entry.key for entry in entries]

    def _entries(self, task: ExtractionTask) -> list[PlannedEntry]:
        """The entries, from all workers, which builds the network in each of them.

        The first answer will do: there may be no room yet for the other workers.
        """
        self._warming = {worker.entries.remote(task): worker for worker in self._workers}
        [first], _ = ray.wait([*self._warming], num_returns=1)
        entries: list[PlannedEntry] = ray.get(first)
        return entries

    def _make(
        self, task: ExtractionTask, store: FeatureStore, missing: Sequence[PlannedEntry]
    ) -> None:
        begun: list[tuple[PlannedEntry, Path]] = []
        try:
            for entry in missing:
                temporary = store.begin(entry.key, entry.shape)
                if temporary is None:
                    self._tally.notes += (f"The feature store has no room for {entry.cut}.",)
                else:
                    begun.append((entry, temporary))
            self._fill(task, begun)
            for entry, temporary in begun:
                self._tally.bytes += store.seal(temporary, entry.key, entry.about)
                self._tally.misses += 1
        finally:
            for _, temporary in begun:
                remove(temporary)

    def _fill(self, task: ExtractionTask, begun: Sequence[tuple[PlannedEntry, Path]]) -> None:
        shares = deque[tuple[Any, ...]]()
        for part in SETS:
            of_part = [(entry, temporary) for entry, temporary in begun if entry.part == part]
            targets = {entry.cut: temporary for entry, temporary in of_part}
            for first, last in self._shares(of_part[0][0].shape[0]) if of_part else ():
                shares.append((part, first, last, targets))
        computing: dict[Any, Any] = {}
        while shares or computing:
            [done], _ = ray.wait([*computing, *self._warming], num_returns=1)
            if done in computing:
                self._tally.images += ray.get(done)
            worker = computing.pop(done, None) or self._warming.pop(done)
            if shares:
                computing[worker.compute.remote(task, *shares.popleft())] = worker

    def _shares(self, images: int) -> Iterator[tuple[int, int]]:
        each = max(_LEAST_IMAGES, math.ceil(images / (self._slots * _TASKS_A_SLOT)))
        for first in range(0, images, each):
            yield first, min(images, first + each)


class ExtractionWorker:
    """Computes features in an actor."""

    def entries(self, task: ExtractionTask) -> list[PlannedEntry]:
        """As `trainables.worker.extraction.planned_entries`."""
        import_tensorflow()
        from trainables.worker.extraction import planned_entries

        return planned_entries(task)

    def compute(
        self, task: ExtractionTask, part: str, first: int, last: int, targets: Mapping[str, Path]
    ) -> int:
        """As `trainables.worker.extraction.compute`."""
        import_tensorflow()
        from trainables.worker.extraction import compute

        return compute(task, part, first, last, targets)
