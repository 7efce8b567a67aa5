"""Work on many images at once.

Threads are enough: Pillow, zlib and hashlib let go of the interpreter lock where the time goes.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Progress = Callable[[int, int], None]
"""Told how many of how many are done."""

_AT_ONCE = 256
_TOLD_EVERY = 32


def threads() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_threads(
    work: Callable[[Item], Result],
    items: Sequence[Item],
    progress: Progress | None = None,
    done: int = 0,
    total: int | None = None,
) -> Iterator[Result]:
    """`work(item)` for each item, in order, a few hundred at a time so that memory stays bounded.

    Args:
        progress: Called now and then, with `done` added to what is done here, and at the end.
        total: What `progress` is told that there is to do; by default the items of this call.
    """
    finished = 0
    with ThreadPoolExecutor(threads()) as pool:
        for start in range(0, len(items), _AT_ONCE):
            for result in pool.map(work, items[start : start + _AT_ONCE]):
                finished += 1
                if progress is not None and _is_told(finished, len(items)):
                    progress(done + finished, len(items) if total is None else total)
                yield result


def _is_told(finished: int, count: int) -> bool:
    return finished % _TOLD_EVERY == 0 or finished == count
