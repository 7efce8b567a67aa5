"""Chunks of an epoch: the examples of some updates, gathered while the ones before are trained on.

A chunk consists of whole batches, in the order of the epoch, so that training on chunks makes the
same updates as training on all examples at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import tensorflow as tf

from trainables.cache.eviction import LIMIT_VARIABLE
from trainables.datasets.rows.decoded import Decoded
from trainables.features.in_memory import Examples, data_limit
from trainables.process.messages import note

_NOTED = 0.1
"""Share of an epoch spent in waiting for images that is worth a note."""

LARGEST = 64 * 2**20
"""Bytes of a chunk, unless a single batch has more."""

Made = TypeVar("Made")


@dataclass(frozen=True)
class Chunk:
    """Some batches of an epoch.

    Attributes:
        inputs: (examples, ...): all of the set, or those of this chunk.
        labels: int32 (examples,).
        about: What else is known of each, as in `Examples`.
        order: int64, positions in these arrays, batch after batch.
        first: Number of the first batch in the epoch.
    """

    inputs: tf.Tensor
    labels: tf.Tensor
    about: Mapping[str, tf.Tensor]
    order: tf.Tensor
    first: int


def training_chunks(examples: Examples, order: np.ndarray, batch: int) -> Iterator[Chunk]:
    """An epoch of training in chunks; a single one if the examples are in memory.

    Under a strategy of several processes, a chunk holds only what this process's replicas take of
    each batch (every n-th example, see `Loop`); what `order` says for the others is not used.

    Args:
        examples: The set.
        order: Whole numbers (examples,), a permutation.
        batch: Examples of an update, of all replicas together.
    """
    if examples.are_resident:
        # On a GPU, a gather by int32 overflows at 2^31 vectors: other memory would be read.
        positions = tf.constant(order, tf.int64)
        yield Chunk(examples.inputs, examples.labels, examples.about, positions, 0)
        return
    replicas, mine = _replicas()
    batches = max(1, _rows(examples) * replicas // len(mine) // batch)
    size = batches * batch

    def gathered(start: int) -> Chunk:
        part = order[start : start + size]
        is_mine = _taken(len(part), batch, replicas, mine)
        local = np.zeros(len(part), np.int64)
        local[is_mine] = np.arange(int(is_mine.sum()))
        own = examples.gather(part[is_mine])
        return Chunk(own.inputs, own.labels, own.about, tf.constant(local), start // batch)

    yield from _in_time(examples, gathered, range(0, len(order), size))


def evaluation_chunks(examples: Examples, batch: int) -> Iterator[tuple[tf.Tensor, tf.Tensor]]:
    """Inputs and labels of all examples in their order, in chunks of whole batches."""
    if examples.are_resident:
        yield examples.inputs, examples.labels
        return
    size = max(1, _rows(examples) // batch) * batch

    def gathered(start: int) -> tuple[tf.Tensor, tf.Tensor]:
        part = examples.gather(np.arange(start, min(start + size, len(examples))))
        return part.inputs, part.labels

    yield from ahead(gathered, range(0, len(examples), size))


def ahead(
    make: Callable[[int], Made], items: Sequence[int], waits: list[float] | None = None
) -> Iterator[Made]:
    """`make(item)` for each item, in order; a thread makes the next one meanwhile.

    Args:
        waits: Takes the seconds that each was waited for.
    """
    if not items:
        return
    with ThreadPoolExecutor(1) as thread:
        coming = thread.submit(make, items[0])
        for item in [*items[1:], None]:
            began = time.perf_counter()
            made = coming.result()
            if waits is not None:
                waits.append(time.perf_counter() - began)
            if item is not None:
                coming = thread.submit(make, item)
            yield made
            del made


def _in_time(
    examples: Examples, make: Callable[[int], Made], items: Sequence[int]
) -> Iterator[Made]:
    """As `ahead`; a note says if images are decoded on the way, and training waits for them."""
    waits: list[float] = []
    began = time.perf_counter()
    yield from ahead(make, items, waits)
    waited, whole = sum(waits[1:]), time.perf_counter() - began  # the first one is never ahead
    inputs = examples.inputs
    if isinstance(inputs, Decoded) and not inputs.is_known_as_slow and waited > _NOTED * whole:
        inputs.is_known_as_slow = True
        rate = len(examples) / whole
        note(
            f"Decoding does not keep up: {waited / whole:.0%} of an epoch's {whole:.0f} s passed "
            f"in waiting for images, which came at {rate:.0f} a second. Give a trial more CPUs "
            f"(resources.cpu in the study), or the cache more room ({LIMIT_VARIABLE})."
        )


def _rows(examples: Examples) -> int:
    """Examples of a chunk; up to three chunks are held at a time."""
    return min(LARGEST, data_limit() // 3) // examples.bytes_each


def _replicas() -> tuple[int, Sequence[int]]:
    """Number of replicas, and which of them are this process's."""
    strategy = tf.distribute.get_strategy()
    resolver, count = strategy.cluster_resolver, strategy.num_replicas_in_sync
    if resolver is None or not resolver.cluster_spec():
        return count, range(count)
    here = count // max(1, len(resolver.cluster_spec().as_dict().get("worker", ())))
    return count, range(resolver.task_id * here, (resolver.task_id + 1) * here)


def _taken(count: int, batch: int, replicas: int, mine: Sequence[int]) -> np.ndarray:
    """Which examples of some batches these replicas take: bool (count,)."""
    place = np.arange(count) % batch
    sizes = np.minimum(batch, count - np.arange(count) // batch * batch)
    # The replicas for which a batch has no example take its last one too.
    is_double = (place == sizes - 1) & (sizes <= max(mine))
    taken: np.ndarray = np.isin(place % replicas, mine) | is_double
    return taken
