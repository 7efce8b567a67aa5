"""One node's part in computing planned features: it begins entries, has them filled, seals them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from trainables.cache.entry import ABOUT, ARRAY, allocate, seal
from trainables.cache.eviction import make_room
from trainables.cache.folder import FOLDER_VARIABLE, publish, remove, temporary_name, writing
from trainables.cache.remote_copies import fetch, give
from trainables.features.plan.work import SETS, Wanted, Work

_LEAST_IMAGES = 32
_TASKS_A_SLOT = 4


@dataclass
class Tally:
    """What was done.

    Attributes:
        bytes: Written.
        hits: Entries that were there.
        misses: Entries that were computed.
        images: Passed through a backbone.
        notes: What went otherwise than planned, in sentences.
    """

    bytes: int = 0
    hits: int = 0
    misses: int = 0
    images: int = 0
    notes: tuple[str, ...] = ()

    def add(self, other: Tally) -> None:
        """Count another one's in."""
        self.bytes += other.bytes
        self.hits += other.hits
        self.misses += other.misses
        self.images += other.images
        self.notes += other.notes


class NodeExtraction:
    """Runs in an actor on its node, which holds the locks of what is being written.

    Args:
        node: Ray's name of it.
        slots: Tasks at once.
        resources: What one task occupies, as `ray.remote` takes it.
    """

    def __init__(self, node: str, slots: int, resources: Mapping[str, float]) -> None:
        here = NodeAffinitySchedulingStrategy(node, soft=False)
        self._options: dict[str, Any] = {**resources, "scheduling_strategy": here}
        self._slots = slots
        self._tally = Tally()

    def images_done(self) -> int:
        """Images that have been passed through a backbone so far."""
        return self._tally.images

    def run(self, work: Work) -> tuple[Tally, list[str]]:
        """Have a network's features stored.

        Returns:
            What was done, and the names of the entries.
        """
        import os

        os.environ[FOLDER_VARIABLE] = work.cache
        before, self._tally = self._tally, Tally()
        entries = self._entries(work)
        with ExitStack() as held:
            for entry in sorted(entries, key=lambda entry: entry.folder):
                entry.folder.parent.mkdir(parents=True, exist_ok=True)
                held.enter_context(writing(entry.folder))
            missing = [entry for entry in entries if not _is_there(entry.folder)]
            self._tally.hits = len(entries) - len(missing)
            self._make(work, missing)
        done = self._tally
        before.add(done)
        self._tally = before
        return done, [entry.folder.name for entry in entries]

    def _entries(self, work: Work) -> list[Wanted]:
        """Asked of as many processes as there are slots: each gets ready for its share by that."""
        asked = [_wanted.options(**self._options).remote(work) for _ in range(self._slots)]
        [first], _ = ray.wait(asked, num_returns=1)
        entries: list[Wanted] = ray.get(first)
        return entries

    def _make(self, work: Work, missing: Sequence[Wanted]) -> None:
        begun: dict[tuple[str, str], Path] = {}
        try:
            for entry in missing:
                remove(entry.folder)  # what is left of one that lost a file
                if not make_room(4 * math.prod(entry.shape)):
                    self._tally.notes += (f"The feature store has no room for {entry.name}.",)
                    continue
                begun[entry.part, entry.name] = temporary_name(entry.folder)
                allocate(begun[entry.part, entry.name], entry.shape)
            self._fill(work, begun, {entry.part: entry.shape[0] for entry in missing})
            for entry in missing:
                if (entry.part, entry.name) in begun:
                    seal(begun[entry.part, entry.name], entry.folder, entry.about)
                    give(entry.folder)
                    self._tally.bytes += (entry.folder / ARRAY).stat().st_size
                    self._tally.misses += 1
        finally:
            for temporary in begun.values():
                remove(temporary)

    def _fill(
        self, work: Work, begun: Mapping[tuple[str, str], Path], counts: Mapping[str, int]
    ) -> None:
        left = []
        for part in SETS:
            targets = {name: path for (of, name), path in begun.items() if of == part}
            for first, last in self._shares(counts[part]) if targets else ():
                task = _compute.options(**self._options)
                left.append(task.remote(work, part, first, last, targets))
        while left:
            [done], left = ray.wait(left, num_returns=1)
            self._tally.images += ray.get(done)

    def _shares(self, images: int) -> Iterator[tuple[int, int]]:
        each = max(_LEAST_IMAGES, math.ceil(images / (self._slots * _TASKS_A_SLOT)))
        for first in range(0, images, each):
            yield first, min(images, first + each)


def _is_there(folder: Path) -> bool:
    """Whether an entry is on this node, or has now been copied from another. Needs its lock."""
    if is_whole(folder):
        return True
    temporary = temporary_name(folder)
    try:
        if not fetch(folder.name, temporary):
            return False
        remove(folder)
        publish(temporary, folder)
    finally:
        remove(temporary)
    return True


def is_whole(folder: Path) -> bool:
    """Whether an entry is there, as far as that shows without reading it."""
    return (folder / ARRAY).is_file() and (folder / ABOUT).is_file()


@ray.remote
def _wanted(work: Work) -> list[Wanted]:
    _import_tensorflow()
    from trainables.worker.extraction import wanted

    return wanted(work)


@ray.remote
def _compute(work: Work, part: str, first: int, last: int, targets: Mapping[str, Path]) -> int:
    _import_tensorflow()
    from trainables.worker.extraction import compute

    return compute(work, part, first, last, targets)


def _import_tensorflow() -> None:
    from trainables.process.tensorflow_setup import import_tensorflow

    import_tensorflow()
