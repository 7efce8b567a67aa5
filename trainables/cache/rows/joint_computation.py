"""One entry computed by several processes together: each takes shares of its rows.

A share has a lock while it is computed and a mark when it is done, both in a folder within the
unfinished entry. The system releases the locks of a process that is killed, so the others compute
its shares too.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

import numpy as np
from filelock import Timeout

from trainables.cache.entry import fill
from trainables.cache.folder import is_being_written, remove
from trainables.cache.locks import file_lock

ROWS = 128
"""Rows of a share."""

Compute = Callable[[int, int], Iterable[np.ndarray]]
"""Computes rows from the first to before the last, block by block."""

_SHARES = "shares"
_POLL_SECONDS = 0.02


def fill_together(temporary: Path, rows: int, compute: Compute) -> None:
    """Compute an entry, and return when all its rows are there, whoever computed them.

    Args:
        temporary: The unfinished entry, allocated. The caller holds the entry's lock.
        rows: Their number.
        compute: For the shares that no other process computes.
    """
    shares = temporary / _SHARES
    shares.mkdir()
    for wait in (False, True):
        for share in _shares(rows):
            _compute(temporary, share, compute, wait)
    remove(shares)


def help_with(folder: Path, rows: int, compute: Compute) -> None:
    """Compute shares of an entry while another process writes it, until none is left.

    Args:
        folder: The entry under its final name.
        rows: Their number.
        compute: As the other process computes them.
    """
    while not folder.exists() and is_being_written(folder):
        begun = [p for p in folder.parent.glob(f".{folder.name}.*") if (p / _SHARES).is_dir()]
        with suppress(OSError):  # the entry has been sealed, or removed with its writer
            for temporary in begun:
                for share in _shares(rows):
                    _compute(temporary, share, compute, wait=False)
        if begun:
            return
        time.sleep(_POLL_SECONDS)


def _shares(rows: int) -> Iterator[tuple[int, int]]:
    for first in range(0, rows, ROWS):
        yield first, min(rows, first + ROWS)


def _compute(folder: Path, share: tuple[int, int], compute: Compute, wait: bool) -> None:
    first, last = share
    done = folder / _SHARES / f"{first}.done"
    if done.exists():
        return
    with suppress(Timeout), file_lock(folder / _SHARES / f"{first}.lock", blocking=wait):
        if not done.exists():
            fill(folder, first, compute(first, last))
            done.touch()
