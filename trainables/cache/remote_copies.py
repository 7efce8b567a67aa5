"""Sharing features between machines: entries are copied to and from a storage at a URL.

Each machine trains from copies on its own disk, and copies what another machine has computed
instead of computing it. Nothing is ever deleted from the storage.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from trainables.cache.entry import ABOUT, ARRAY
from trainables.cache.folder import remove
from trainables.process.messages import note

FEATURES_VARIABLE = "THAWTUNE_FEATURES"
"""Environment variable with the URL: a folder that `pyarrow.fs` knows (s3://, gs://, file://)."""

T = TypeVar("T")


def fetch(name: str, temporary: Path) -> bool:
    """Copy an entry from the storage.

    Args:
        name: The entry's name.
        temporary: Folder to make for it.

    Returns:
        Whether the storage has the entry.
    """
    return _with_storage(lambda files, place: _fetch(files, f"{place}/{name}", temporary), False)


def give(folder: Path) -> None:
    """Copy an entry to the storage; replaces a copy that is damaged."""
    _with_storage(lambda files, place: _give(files, folder, f"{place}/{folder.name}"), None)


def _fetch(files: Any, there: str, temporary: Path) -> bool:
    from pyarrow import fs

    if files.get_file_info(f"{there}/{ABOUT}").type != fs.FileType.File:
        return False  # missing or not complete: the description is written last
    temporary.mkdir()
    try:
        for name in (ARRAY, ABOUT):
            fs.copy_files(f"{there}/{name}", str(temporary / name), files, fs.LocalFileSystem())
    except OSError:
        remove(temporary)
        raise
    return True


def _give(files: Any, folder: Path, there: str) -> None:
    from pyarrow import fs

    files.create_dir(there)
    for name in (ARRAY, ABOUT):
        fs.copy_files(str(folder / name), f"{there}/{name}", fs.LocalFileSystem(), files)


def _with_storage(act: Callable[[Any, str], T], otherwise: T) -> T:
    """Use the storage; `otherwise` if there is none or it cannot be used."""
    url = os.environ.get(FEATURES_VARIABLE)
    if not url:
        return otherwise
    from pyarrow import fs

    try:
        return act(*fs.FileSystem.from_uri(url))
    except (OSError, ValueError) as error:
        note(f"{url} cannot be used for features; they are computed here: {error}")
        return otherwise
