"""An entry that is being computed, its rows shared out among the processes that want it.

Whoever holds the entry's lock begins it and seals it; the others, who would only wait, compute some
of its rows meanwhile. A share is claimed by a lock on a file beside the array, which a process that
is killed loses: the first one then computes it again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from filelock import FileLock, Timeout

from trainables.cache import writing
from trainables.entry import allocate, fill

ROWS = 128
"""Of a share."""

Compute = Callable[[int, int], Iterable[np.ndarray]]
"""Gives rows from the first to before the last, float32, block by block."""

_READY = "shares"
_POLL_SECONDS = 0.02


def fill_together(folder: Path, shape: tuple[int, ...], compute: Compute) -> None:
    """Begin an entry, and return when all its rows are computed, by whomever.

    Args:
        folder: Its temporary name.
        shape: Of the rows together.
        compute: For what no other process computes.
    """
    allocate(folder, shape)
    (folder / _READY).mkdir()
    for share in _shares(shape[0]):
        _compute(folder, share, compute, wait=False)
    for share in _shares(shape[0]):
        _compute(folder, share, compute, wait=True)
    for path in (folder / _READY).iterdir():
        path.unlink()
    (folder / _READY).rmdir()


def help_with(folder: Path, rows: int, compute: Compute) -> None:
    """Compute rows of an entry for as long as another process does, until no share is left.

    Args:
        folder: Of the entry that is to be.
        rows: In all.
        compute: As the other process computes them.
    """
    while not folder.exists() and _is_written(folder):
        begun = [p for p in folder.parent.glob(f".{folder.name}.*") if (p / _READY).is_dir()]
        with suppress(OSError):  # it is sealed by now, or its writer is gone with it
            for temporary in begun:
                for share in _shares(rows):
                    _compute(temporary, share, compute, wait=False)
        if begun:
            return
        time.sleep(_POLL_SECONDS)


def _is_written(folder: Path) -> bool:
    if not folder.parent.is_dir():
        return False
    try:
        with writing(folder).acquire(blocking=False):
            return False
    except Timeout:
        return True


def _shares(rows: int) -> Iterator[tuple[int, int]]:
    for first in range(0, rows, ROWS):
        yield first, min(rows, first + ROWS)


def _compute(folder: Path, share: tuple[int, int], compute: Compute, wait: bool) -> None:
    first, last = share
    done = folder / _READY / f"{first}.done"
    if done.exists():
        return
    with suppress(Timeout), FileLock(folder / _READY / f"{first}.lock", blocking=wait):
        if not done.exists():
            fill(folder, first, compute(first, last))
            done.touch()
