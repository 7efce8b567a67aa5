"""Sharing features between machines: entries are copied to and from a storage at a URL.

Each machine trains from copies on its own disk, and copies what another machine has computed
instead of computing it. Nothing is ever deleted from the storage.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from trainables.cache.entry import ABOUT, ARRAY
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


def give(folder: Path) -> None:
    """Copy an entry to the storage; replaces a copy that is damaged."""
    _with_storage(lambda storage: _give(storage, folder), None)


def _fetch(storage: Storage, entry: str, temporary: Path) -> bool:
    if f"{entry}/{ABOUT}" not in storage:
        return False  # missing or not complete: the description is written last
    try:
        for name in (ARRAY, ABOUT):
            storage.download_file(f"{entry}/{name}", temporary / name)
    except OSError:
        remove(temporary)
        raise
    return True


def _give(storage: Storage, folder: Path) -> None:
    for name in (ARRAY, ABOUT):
        storage.write(f"{folder.name}/{name}", folder / name)


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
