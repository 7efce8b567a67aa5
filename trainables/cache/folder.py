"""What is made once and kept: unpacked archives, inspections, decoded images, features.

Everything in the cache is addressed by what it was made from, so nothing in it is ever stale and
all of it may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock

from spaces.errors import DataError

FOLDER_VARIABLE = "THAWTUNE_CACHE"
"""Environment variable that names another folder."""


def cache_folder() -> Path:
    """`$THAWTUNE_CACHE`, or `~/.cache/thawtune`."""
    return Path(os.environ.get(FOLDER_VARIABLE) or "~/.cache/thawtune").expanduser()


def address(*parts: object) -> str:
    """A name that differs when one of the parts does."""
    text = "\0".join(str(part) for part in parts)
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def made_once(path: Path, make: Callable[[Path], None]) -> Path:
    """`path`, a file or folder of the cache, made by `make` unless it is there.

    It is made under a temporary name and renamed when it is whole. Processes that want the same
    thing at the same time wait for the first of them.

    Raises:
        DataError: If the cache cannot be written, and whatever `make` raises.
    """

    def make_and_publish(temporary: Path) -> None:
        make(temporary)
        publish(temporary, path)

    return made_in_place(path, make_and_publish)


def made_in_place(path: Path, make: Callable[[Path], None]) -> Path:
    """As `made_once`, but `make` itself gives what is whole its name, by `publish`."""
    if path.exists():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with writing(path):
            if not path.exists():
                _make(path, make)
    except OSError as error:
        raise DataError(
            f"{path} cannot be written ({error.strerror or error}). Make room there, or set "
            "THAWTUNE_CACHE to a folder on a disk that has it."
        ) from error
    return path


def writing(path: Path) -> FileLock:
    """The lock that whoever makes, mends or removes `path` holds; a killed process loses it."""
    return FileLock(path.with_name(f"{path.name}.lock"))


def temporary_name(path: Path) -> Path:
    """A name for `path` until it is whole; under the lock, for what was left under others goes.

    They are from processes that were killed.
    """
    for left_behind in path.parent.glob(f".{path.name}.*"):
        remove(left_behind)
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}")


def publish(temporary: Path, path: Path) -> None:
    """Give what is whole its name, so that it is there after a power cut or is not there at all."""
    if temporary.is_file():
        sync(temporary)
    temporary.rename(path)
    sync(path.parent)


def remove(path: Path) -> None:
    """Delete a file or a folder, if it is there."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until the disk has a file, or the names in a folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _make(path: Path, make: Callable[[Path], None]) -> None:
    temporary = temporary_name(path)
    try:
        make(temporary)
    finally:
        remove(temporary)
