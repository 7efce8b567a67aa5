"""Processing many images at once, in threads.

Threads are enough: Pillow, zlib and hashlib release the interpreter lock where they spend time.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")
Progress = Callable[[int, int], None]
"""Called with the number of steps that are done, and their total."""

_AT_ONCE = 256
_REPORT_EVERY = 32


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
        progress: Called now and then, and at the end.
        done: Steps done before this call, for `progress`.
        total: Total of steps for `progress`; by default the number of items.
    """
    finished = 0
    with ThreadPoolExecutor(threads()) as pool:
        for start in range(0, len(items), _AT_ONCE):
            for result in pool.map(work, items[start : start + _AT_ONCE]):
                finished += 1
                if progress is not None and _is_reported(finished, len(items)):
                    progress(done + finished, len(items) if total is None else total)
                yield result


def _is_reported(finished: int, count: int) -> bool:
    return finished % _REPORT_EVERY == 0 or finished == count
