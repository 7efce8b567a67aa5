"""Features that several machines share: entries copied from a storage at a URL, and to it.

What is read in every epoch stays a file on the machine's own disk; what one machine has computed,
another one copies in place of computing it. Nothing there is ever deleted from here.
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
    """Copy an entry from there.

    Args:
        name: Of the entry.
        temporary: Folder to be made, if the entry is there.

    Returns:
        Whether it was.
    """
    return _with_storage(lambda files, place: _fetch(files, f"{place}/{name}", temporary), False)


def give(folder: Path) -> None:
    """Copy an entry there, in place of one that was damaged if there was one."""
    _with_storage(lambda files, place: _give(files, folder, f"{place}/{folder.name}"), None)


def _fetch(files: Any, there: str, temporary: Path) -> bool:
    from pyarrow import fs

    if files.get_file_info(f"{there}/{ABOUT}").type != fs.FileType.File:
        return False  # not there, or not whole yet: the description comes last
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
    """Do something with the storage; where there is none, or it cannot be used, `otherwise`."""
    url = os.environ.get(FEATURES_VARIABLE)
    if not url:
        return otherwise
    from pyarrow import fs

    try:
        return act(*fs.FileSystem.from_uri(url))
    except (OSError, ValueError) as error:
        note(f"{url} cannot be used for features, they are computed here: {error}")
        return otherwise
