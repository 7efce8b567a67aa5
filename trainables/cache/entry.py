"""One entry of the feature store: a folder with an array and its description."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spaces.errors import DataError
from trainables.cache.digest import digest
from trainables.cache.folder import publish, remove, sync, temporary_name, writing
from trainables.cache.tensor_file import allocate_rows, fill_rows, read_rows

ARRAY = "activations.arrow"
ABOUT = "entry.json"

_checked: set[tuple[int, int, int]] = set()
"""Files whose digest this process has checked, by inode, size and time of change."""


class DamagedEntryError(DataError):
    """An entry differs from what was written."""


def allocate(folder: Path, shape: tuple[int, ...]) -> None:
    """Make a folder with an array of zeros, float32, for `fill`."""
    folder.mkdir()
    allocate_rows(folder / ARRAY, shape)


def fill(folder: Path, first: int, blocks: Iterable[np.ndarray]) -> None:
    """Write rows of an unfinished entry; several processes may, each its own rows."""
    fill_rows(folder / ARRAY, first, blocks)


def seal(temporary: Path, folder: Path, about: Mapping[str, Any]) -> None:
    """Write the description and digest of a filled entry, and give it its name."""
    sync(temporary / ARRAY)
    array = read_rows(temporary / ARRAY)
    known = {
        "shape": array.shape,
        "bytes": (temporary / ARRAY).stat().st_size,
        "digest": digest(array),
        "made": time.time(),
    }
    with (temporary / ABOUT).open("w", encoding="utf-8") as file:
        json.dump({**about, **known}, file, ensure_ascii=False, default=str)
        file.flush()
        os.fsync(file.fileno())
    publish(temporary, folder)


def is_whole(folder: Path) -> bool:
    """Whether an entry has all its files; does not read them."""
    return (folder / ARRAY).is_file() and (folder / ABOUT).is_file()


def open_entry(folder: Path) -> np.ndarray:
    """Map an entry's rows into memory, lease them, and check them once in this process.

    Raises:
        DamagedEntryError: If they differ from what was written.
        FileNotFoundError: If there is no such entry.
    """
    folder.stat()
    try:
        about = read_about(folder)
        path = folder / ARRAY
        status = path.stat()
        if status.st_size != about["bytes"]:
            raise DamagedEntryError(f"it has {status.st_size} of {about['bytes']} bytes")
        array = read_rows(path)
        identity = (status.st_ino, status.st_size, status.st_mtime_ns)
        if identity not in _checked and digest(array) != about["digest"]:
            raise DamagedEntryError("its digest differs")
        os.utime(folder / ABOUT)
    except (DataError, FileNotFoundError, KeyError) as error:
        folder.stat()  # an entry that was evicted meanwhile is gone, not damaged
        raise error if isinstance(error, DamagedEntryError) else DamagedEntryError(error) from error
    _checked.add(identity)
    return array


def read_about(folder: Path) -> dict[str, Any]:
    """The description of an entry.

    Raises:
        DamagedEntryError: If it cannot be read.
        FileNotFoundError: If there is no such entry.
    """
    try:
        about = json.loads((folder / ABOUT).read_bytes())
    except (ValueError, RecursionError) as error:
        raise DamagedEntryError(f"its {ABOUT} cannot be read") from error
    if not isinstance(about, dict):
        raise DamagedEntryError(f"its {ABOUT} is not an object")
    return about


def discard_damaged(folder: Path) -> str | None:
    """Delete an entry if it is damaged; another process may have mended it by now.

    Returns:
        What is wrong with it, or None.
    """
    with writing(folder):
        try:
            open_entry(folder)
        except FileNotFoundError:
            return None
        except DamagedEntryError as error:
            out_of_sight = temporary_name(folder)
            folder.rename(out_of_sight)
            remove(out_of_sight)
            return str(error)
    return None
