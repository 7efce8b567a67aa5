"""Size limit and eviction: what the cache holds, its limit, and what is deleted when it is full."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from filelock import Timeout

from trainables.cache.entry import ABOUT, ARRAY, DamagedEntryError, read_about
from trainables.cache.folder import cache_folder, remove, temporary_name, writing
from trainables.cache.leases import claim, is_leased
from trainables.process.memory import given_size

LIMIT_VARIABLE = "THAWTUNE_CACHE_LIMIT"
"""Environment variable with the size limit of the store, such as 20GB."""

Kind = Literal["features", "images"]
KINDS: tuple[Kind, ...] = ("features", "images")
"""Kinds of entries that count towards the limit: large, and can be computed again."""


@dataclass(frozen=True)
class StoredEntry:
    """An entry of the store.

    Attributes:
        kind: Its folder in the cache.
        path: A folder (features) or a file (images).
        bytes: Size on the disk.
        last_used: Seconds since 1970.
        in_use: Whether a living process reads it.
        about: Its description; empty if it has none.
    """

    kind: Kind
    path: Path
    bytes: int
    last_used: float
    in_use: bool
    about: dict[str, Any] = field(default_factory=dict)


def limit() -> int:
    """The size limit in bytes: `$THAWTUNE_CACHE_LIMIT`, or half of free space and store.

    Raises:
        InputError: If the variable is not a size.
    """
    given = given_size(LIMIT_VARIABLE)
    return (_free() + used()) // 2 if given is None else given


def used() -> int:
    """Bytes that the store occupies, including half-written entries."""
    return sum(_size(path) for kind in KINDS for path in _paths(kind, hidden=True))


def entries(kinds: Iterable[Kind] = KINDS) -> list[StoredEntry]:
    """All entries, the most recently used first."""
    found = [entry for kind in kinds for path in _paths(kind) if (entry := _entry(kind, path))]
    return sorted(found, key=lambda entry: -entry.last_used)


def make_room(wanted: int) -> bool:
    """Evict the least recently used entries that no living process reads, until there is room.

    Args:
        wanted: Bytes that are to be written.

    Returns:
        Whether there is room.
    """
    sweep()
    most, now = limit(), used()
    for entry in reversed(entries()):
        if now + wanted <= most:
            break
        if delete(entry):
            now -= entry.bytes
    return now + wanted <= most


def delete(entry: StoredEntry) -> bool:
    """Delete an entry unless a living process reads or writes it.

    Returns:
        Whether it was deleted.
    """
    try:
        with writing(entry.path).acquire(blocking=False):
            claimed = claim(_file(entry.path))
            if claimed is None:
                return False
            try:
                out_of_sight = temporary_name(entry.path)
                entry.path.rename(out_of_sight)
            finally:
                os.close(claimed)
            remove(out_of_sight)
    except FileNotFoundError:
        remove(entry.path)  # a folder without its array
    except Timeout:
        return False
    return True


def sweep() -> None:
    """Remove what killed processes have left half-written."""
    for kind in KINDS:
        for path in _paths(kind, hidden=True):
            if path.name.startswith("."):
                _sweep_one(path.with_name(path.name[1:].rsplit(".", 1)[0]))


def _sweep_one(path: Path) -> None:
    try:
        with writing(path).acquire(blocking=False):
            temporary_name(path)
    except Timeout:
        return  # it is being written


def _entry(kind: Kind, path: Path) -> StoredEntry | None:
    """An entry, or None if it was deleted at this moment."""
    try:
        about = read_about(path) if path.is_dir() else {}
    except (DamagedEntryError, FileNotFoundError):
        about = {}
    try:
        stamp = path / ABOUT if path.is_dir() else path
        last_used = (stamp if stamp.exists() else path).stat().st_mtime
        leased = _file(path).exists() and is_leased(_file(path))
    except FileNotFoundError:
        return None
    return StoredEntry(kind, path, _size(path), last_used, leased, about)


def _paths(kind: Kind, hidden: bool = False) -> list[Path]:
    folder = cache_folder() / kind
    if not folder.is_dir():
        return []
    return [
        path
        for path in folder.iterdir()
        if path.suffix != ".lock" and (hidden or not path.name.startswith("."))
    ]


def _file(path: Path) -> Path:
    return path / ARRAY if path.is_dir() else path


def _size(path: Path) -> int:
    """Bytes on the disk; 0 if it was deleted at this moment."""
    try:
        files = path.iterdir() if path.is_dir() else [path]
        return sum(file.stat().st_size for file in files)
    except FileNotFoundError:
        return 0


def _free() -> int:
    folder = cache_folder()
    while not folder.exists():
        folder = folder.parent
    return shutil.disk_usage(folder).free
