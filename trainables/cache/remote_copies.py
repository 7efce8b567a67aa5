"""Sharing features between machines: entries are copied to and from a storage at a URL.

Each machine trains from copies on its own disk, and copies what another machine has computed
instead of computing it. Nothing is ever deleted from the storage.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from trainables.cache.entry import ABOUT, ARRAY, CONTENTS
from trainables.cache.folder import remove
from trainables.cache.object_storage import Storage
from trainables.cache.storage_url import checked
from trainables.process.messages import note

FEATURES_VARIABLE = "THAWTUNE_FEATURES"
"""Environment variable with the URL: a folder as in `storage_url` (s3://, gs://, file://)."""

T = TypeVar("T")


def check_storage() -> None:
    """Check the URL, before anything is written that contains it.

    Raises:
        InputError: If it cannot be used as storage, or contains a key.
    """
    url = os.environ.get(FEATURES_VARIABLE)
    if url:
        checked(url)


def fetch(name: str, temporary: Path) -> bool:
    """Copy an entry from the storage.

    Args:
        name: The entry's name.
        temporary: Folder to make for it.

    Returns:
        Whether the storage has the entry.
    """
    return _with_storage(lambda storage: _fetch(storage, name, temporary), False)


def names_there(family: str) -> list[str]:
    """Names of a family's entries in the storage, FAMILY-NAME each."""

    def listed(storage: Storage) -> list[str]:
        done = [name for name in storage.names(family) if name.endswith(f"/{ABOUT}")]
        return [f"{family}-{name.split('/')[-2]}" for name in done]

    return _with_storage(listed, [])


def contents_there(name: str) -> np.ndarray | None:
    """The digests that the rows of an entry in the storage are found by; None if it has none."""

    def read(storage: Storage) -> np.ndarray | None:
        try:
            digests: np.ndarray = np.load(io.BytesIO(storage.read(f"{_place(name)}/{CONTENTS}")))
        except (FileNotFoundError, ValueError, EOFError):
            return None
        return digests

    return _with_storage(read, None)


def give(folder: Path) -> None:
    """Copy an entry to the storage; replaces a copy that is damaged."""
    _with_storage(lambda storage: _give(storage, folder), None)


def _fetch(storage: Storage, entry: str, temporary: Path) -> bool:
    place = _place(entry)
    if f"{place}/{ABOUT}" not in storage:
        return False  # missing or not complete: the description is written last
    try:
        has_contents = f"{place}/{CONTENTS}" in storage
        for name in (ARRAY, *([CONTENTS] if has_contents else []), ABOUT):
            storage.download_file(f"{place}/{name}", temporary / name)
    except OSError:
        remove(temporary)
        raise
    return True


def _give(storage: Storage, folder: Path) -> None:
    for name in (ARRAY, *([CONTENTS] if (folder / CONTENTS).exists() else []), ABOUT):
        storage.write(f"{_place(folder.name)}/{name}", folder / name)


def _place(entry: str) -> str:
    """An entry's folder in the storage: those of a family lie in one, which can be listed."""
    return entry.replace("-", "/")


def _with_storage(act: Callable[[Storage], T], otherwise: T) -> T:
    """Use the storage; `otherwise` if there is none or it cannot be used."""
    url = os.environ.get(FEATURES_VARIABLE)
    if not url:
        return otherwise
    storage = Storage(url)
    try:
        return act(storage)
    except OSError as error:
        note(f"{storage.url} cannot be used for features; they are computed here: {error}")
        return otherwise
