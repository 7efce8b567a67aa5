"""Planned features of one node: tasks of Ray fill the entries that an actor begins and seals."""

from __future__ import annotations

import math
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from trainables.cache.folder import FOLDER_VARIABLE, remove
from trainables.cache.rows.entry_store import EntryStore, Layout
from trainables.features.plan.extraction_task import ExtractionTask, PlannedRows
from trainables.process.tensorflow_setup import import_tensorflow

_LEAST_IMAGES = 32
_TASKS_A_SLOT = 4


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

    Args:
        node: Ray's id of it.
        slots: Tasks that run at the same time.
        resources: What one task occupies, as `ray.remote` takes it.
    """

    def __init__(self, node: str, slots: int, resources: Mapping[str, float]) -> None:
        here = NodeAffinitySchedulingStrategy(node, soft=False)
        self._options: dict[str, Any] = {**resources, "scheduling_strategy": here}
        self._slots = slots
        self._done, self._tally = Tally(), Tally()

    def images_done(self) -> int:
        """Images that have passed through a backbone so far."""
        return self._done.images + self._tally.images

    def run(self, task: ExtractionTask) -> tuple[Tally, list[str]]:
        """Store a network's features.

        Returns:
            What was done, and the keys of the entries that have them.
        """
        os.environ[FOLDER_VARIABLE] = task.cache
        planned = self._planned(task)
        for rows in planned:
            rows.store.fetch(rows.contents)
        with ExitStack() as locks:
            for key in sorted({part.key for rows in planned if (part := _Missing.of(rows))}):
                locks.enter_context(EntryStore().lock(key))
            missing = [part for rows in planned if (part := _Missing.of(rows))]
            self._tally.hits = len(planned) - len(missing)
            self._make(task, missing)
        tally, self._tally = self._tally, Tally()
        self._done.add(tally)
        keys = [key for rows in planned for key in rows.store.keys_with(rows.contents)]
        return tally, list(dict.fromkeys(keys))

    def _planned(self, task: ExtractionTask) -> list[PlannedRows]:
        """What is wanted, from as many processes as there are slots, which warms all of them up."""
        asked = [_planned_rows.options(**self._options).remote(task) for _ in range(self._slots)]
        [first], _ = ray.wait(asked, num_returns=1)
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
                self._tally.misses += 1
        finally:
            for _, temporary in begun:
                remove(temporary)

    def _fill(self, task: ExtractionTask, begun: Sequence[tuple[_Missing, Path]]) -> None:
        """Compute what was begun: images that several cuts lack pass through the network once."""
        together: dict[tuple[str, bytes], dict[str, Path]] = defaultdict(dict)
        for part, temporary in begun:
            lacking = part.rows.part, part.positions.tobytes()
            together[lacking][part.rows.cut] = temporary
        left = []
        for (name, which), targets in together.items():
            positions = np.frombuffer(which, np.int64)
            for first, last in self._shares(len(positions)):
                share = _compute.options(**self._options)
                left.append(share.remote(task, name, positions[first:last], first, targets))
        while left:
            [done], left = ray.wait(left, num_returns=1)
            self._tally.images += ray.get(done)

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


@ray.remote
def _planned_rows(task: ExtractionTask) -> list[PlannedRows]:
    import_tensorflow()
    from trainables.worker.extraction import planned_rows

    return planned_rows(task)


@ray.remote
def _compute(
    task: ExtractionTask, part: str, positions: np.ndarray, first: int, targets: Mapping[str, Path]
) -> int:
    import_tensorflow()
    from trainables.worker.extraction import compute

    return compute(task, part, positions, first, targets)
