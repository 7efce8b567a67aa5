"""Entries computed once, whoever asks for them, and mended where they are damaged."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from filelock import FileLock, Timeout

from spaces.errors import DataError
from trainables.cache.entry import (
    DamagedEntryError,
    allocate,
    discard_damaged,
    fill,
    open_entry,
    seal,
)
from trainables.cache.eviction import make_room
from trainables.cache.folder import made_in_place, publish, writing
from trainables.cache.remote_copies import fetch, give
from trainables.process.messages import note

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


_ATTEMPTS = 3

_asked: Counter[str] = Counter()


def computed_once(
    folder: Path,
    shape: tuple[int, ...],
    compute: Compute,
    about: Mapping[str, Any],
) -> np.ndarray | None:
    """An entry's rows, computed if the store has it not, or not whole.

    Processes that ask at the same time compute it together. What another machine has computed is
    copied (see `shared_store`). A damaged entry is noted.

    Args:
        folder: Of the entry.
        shape: Of the rows together.
        compute: Gives some of the rows.
        about: What the entry is to say about itself.

    Returns:
        float32, mapped into memory; None if the store has no room.

    Raises:
        DataError: If the store cannot be written.
    """

    is_damaged = False

    def make(temporary: Path) -> None:
        if not is_damaged and fetch(folder.name, temporary):
            publish(temporary, folder)
        else:
            fill_together(temporary, shape, compute)
            seal(temporary, folder, about)
            give(folder)

    _asked["hits" if folder.exists() else "misses"] += 1
    for _ in range(_ATTEMPTS):
        if not folder.exists() and not make_room(4 * math.prod(shape)):
            note(f"The feature store has no room for {_title(folder, about)}: not stored.")
            return None
        help_with(folder, shape[0], compute)
        made_in_place(folder, make)
        try:
            return open_entry(folder)
        except FileNotFoundError:
            continue  # evicted at this moment
        except DamagedEntryError:
            problem, is_damaged = discard_damaged(folder), True
        if problem is not None:
            note(f"{_title(folder, about)} was damaged ({problem}): computed anew.")
    raise DataError(f"{folder} is damaged each time it is written. Is the disk sound?")


def take_counts() -> dict[str, int]:
    """Entries that were asked for since the last call: `hits` were there, `misses` were not."""
    taken = {name: _asked[name] for name in ("hits", "misses")}
    _asked.clear()
    return taken


def _title(folder: Path, about: Mapping[str, Any]) -> str:
    return f"Entry {folder.name} (features at {about.get('boundary')})"
