"""Entries computed once, whoever asks for them, and mended where they are damaged."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spaces.errors import DataError
from trainables.cache import made_in_place, publish
from trainables.entry import DamagedEntryError, discard_damaged, open_entry, seal
from trainables.notes import note
from trainables.shared_store import fetch, give
from trainables.shares import Compute, fill_together, help_with
from trainables.store import make_room

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
