"""Images that are decoded whenever they are read, where the cache has no room for their pixels."""

from __future__ import annotations

import os
import pickle
import weakref
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import cached_property, partial
from typing import Any

import numpy as np

from spaces.errors import DataError
from trainables.cache.lazy_rows import LazyRows
from trainables.datasets.files.headers import BadImageError
from trainables.datasets.files.threads import threads
from trainables.datasets.manifest.index import Index
from trainables.datasets.rows.resizing import Square, resize

_AT_ONCE = 16
"""Images that a process decodes before it hands them over."""

_IDLE_SECONDS = 300


class Decoded(LazyRows):
    """Looks like an array uint8 (images, size, size, 3); what is read of it is decoded then.

    Files are decoded by processes, as many as this one has cores: threads would wait for the
    interpreter's lock, which training needs too.

    Attributes:
        is_known_as_slow: Whether a note has said that training waits for it.

    Args:
        index: The dataset.
        positions: Of the images in it.
        square: What each becomes.
    """

    is_known_as_slow = False

    def __init__(self, index: Index, positions: np.ndarray, square: Square) -> None:
        self._read, self._positions, self._square = index.read, positions, square
        self._is_encoded = index.open is not None

    @property
    def shape(self) -> tuple[int, ...]:
        """(images, size, size, 3)."""
        return (len(self._positions), self._square.size, self._square.size, 3)

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8."""
        return np.dtype(np.uint8)

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Some images, by a slice, a mask, positions or one position.

        Raises:
            BadImageError: If one can no longer be decoded.
        """
        positions = self._positions[rows]
        found = np.empty((positions.size, *self.shape[1:]), np.uint8)
        blocks = np.split(positions.ravel(), range(_AT_ONCE, positions.size, _AT_ONCE))
        start = 0
        for block in self._decoded([block.tolist() for block in blocks if len(block)]):
            found[start : start + len(block)] = block
            start += len(block)
        return found if positions.ndim else found[0]

    def _decoded(self, blocks: list[list[int]]) -> Iterator[np.ndarray]:
        """The images of each block, in order."""
        pool, decode = self._pool
        try:
            for found in pool.map(decode, blocks):
                if isinstance(found, tuple):
                    raise BadImageError(*found)
                yield found
        except BrokenProcessPool as error:
            raise DataError(
                "A process that decoded images has ended, probably for lack of memory. Run fewer "
                "trials at once (resources.concurrent in the study)."
            ) from error

    @cached_property
    def _pool(self) -> tuple[Executor, _Decode]:
        decode = partial(_decode, self._read, self._square)
        pool = _processes(decode) if self._is_encoded else None
        chosen = pool or ThreadPoolExecutor(cores()), _decode_here if pool else decode
        weakref.finalize(self, chosen[0].shutdown, wait=False)
        return chosen


_Found = np.ndarray | tuple[str, str]
_Decode = Callable[[list[int]], _Found]


def cores() -> int:
    """Cores of this process, as Ray says it to its workers, or all of the machine."""
    return int(os.environ.get("OMP_NUM_THREADS") or threads())


def _processes(decode: _Decode) -> Executor | None:
    """Processes with this function; None if it cannot be sent to them, as with open archives."""
    import cloudpickle
    import loky

    try:
        sent = cloudpickle.dumps(decode)
    except (TypeError, pickle.PicklingError):
        return None
    pool: Executor = loky.ProcessPoolExecutor(
        cores(), timeout=_IDLE_SECONDS, initializer=_begin, initargs=(sent,)
    )
    return pool


_own: list[_Decode] = []
"""What a process of a pool decodes with."""


def _begin(sent: bytes) -> None:
    _own[:] = [pickle.loads(sent)]  # noqa: S301 - sent by the process that started this one


def _decode_here(block: list[int]) -> _Found:
    return _own[0](block)


def _decode(read: Callable[[int], np.ndarray], square: Square, block: list[int]) -> _Found:
    """Images as squares, uint8 (images, size, size, 3); or the key of a bad one, and why."""
    try:
        return np.stack([resize(read(place), square.size, square.resize) for place in block])
    except BadImageError as error:
        return error.name, error.reason
