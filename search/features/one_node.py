"""Planned features of one node: workers fill the entries that an actor begins and seals."""

from __future__ import annotations

import math
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from trainables.cache.folder import remove, use_cache
from trainables.cache.rows.entry_store import EntryStore, Layout
from trainables.features.plan.extraction_task import ExtractionTask, PlannedRows
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
        hits: Rows that were stored before, or are copies of others.
        misses: Rows that were computed.
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
            What was done, and the keys of the entries that have them.
        """
        use_cache(task.cache)
        planned = self._planned(task)
        for rows in planned:
            rows.store.fetch(rows.contents)
        with ExitStack() as locks:
            for key in sorted({part.key for rows in planned if (part := _Missing.of(rows))}):
                locks.enter_context(EntryStore().lock(key))
            missing = [part for rows in planned if (part := _Missing.of(rows))]
            asked = sum(len(rows.contents) for rows in planned)
            self._tally.hits = asked - sum(len(part.positions) for part in missing)
            self._make(task, missing)
        tally, self._tally = self._tally, Tally()
        self._done.add(tally)
        keys = [key for rows in planned for key in rows.store.keys_with(rows.contents)]
        return tally, list(dict.fromkeys(keys))

    def _planned(self, task: ExtractionTask) -> list[PlannedRows]:
        """What is wanted, from all workers, which builds the network in each of them.

        The first answer will do: there may be no room yet for the other workers.
        """
        self._warming = {worker.planned.remote(task): worker for worker in self._workers}
        [first], _ = ray.wait([*self._warming], num_returns=1)
        planned: list[PlannedRows] = ray.get(first)
        return planned

    def _make(self, task: ExtractionTask, missing: Sequence[_Missing]) -> None:
        store = EntryStore()
        begun: list[tuple[_Missing, Path]] = []
        try:
            for part in missing:
                temporary = store.begin(part.key, part.layout)
                if temporary is None:
                    self._tally.notes += (f"The feature store has no room for {part.rows.cut}.",)
                else:
                    begun.append((part, temporary))
            self._fill(task, begun)
            for part, temporary in begun:
                self._tally.bytes += store.seal(temporary, part.key, part.rows.about)
                self._tally.misses += len(part.positions)
        finally:
            for _, temporary in begun:
                remove(temporary)

    def _fill(self, task: ExtractionTask, begun: Sequence[tuple[_Missing, Path]]) -> None:
        """Compute what was begun: images that several cuts lack pass through the network once."""
        together: dict[tuple[str, bytes], dict[str, Path]] = defaultdict(dict)
        for part, temporary in begun:
            lacking = part.rows.part, part.positions.tobytes()
            together[lacking][part.rows.cut] = temporary
        shares = deque[tuple[Any, ...]]()
        for (name, which), targets in together.items():
            positions = np.frombuffer(which, np.int64)
            for first, last in self._shares(len(positions)):
                shares.append((name, positions[first:last], first, targets))
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


@dataclass(frozen=True, eq=False)
class _Missing:
    """What the store lacks of some rows: an entry that will have them.

    Attributes:
        rows: All that are planned.
        positions: Of those that are missing among them.
    """

    rows: PlannedRows
    positions: np.ndarray

    @classmethod
    def of(cls, rows: PlannedRows) -> _Missing | None:
        """What is missing now; None if nothing is."""
        positions = rows.store.missing(rows.contents)
        return cls(rows, positions) if len(positions) else None

    @property
    def key(self) -> str:
        """Of the entry."""
        return self.rows.store.key_of(self.rows.contents[self.positions])

    @property
    def layout(self) -> Layout:
        """Of the entry."""
        return self.rows.store.layout_of(self.rows.contents[self.positions])


class ExtractionWorker:
    """Computes features in an actor."""

    def planned(self, task: ExtractionTask) -> list[PlannedRows]:
        """As `trainables.worker.extraction.planned_rows`."""
        import_tensorflow()
        from trainables.worker.extraction import planned_rows

        return planned_rows(task)

    def compute(
        self,
        task: ExtractionTask,
        part: str,
        positions: np.ndarray,
        first: int,
        targets: Mapping[str, Path],
    ) -> int:
        """As `trainables.worker.extraction.compute`."""
        import_tensorflow()
        from trainables.worker.extraction import compute

        return compute(task, part, positions, first, targets)
