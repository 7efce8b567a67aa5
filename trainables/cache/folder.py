"""The cache folder: files that are made once, by one process, and appear only when complete.

It holds unpacked archives, inspections, decoded images and features. Their names are made from all
that they depend on, so none is ever stale, and any may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import BaseFileLock, Timeout

from spaces.errors import DataError, remedy
from trainables.cache.locks import file_lock

FOLDER_VARIABLE = "THAWTUNE_CACHE"
"""Environment variable with the path of another folder."""


def cache_folder() -> Path:
    """`$THAWTUNE_CACHE`, or `~/.cache/thawtune`, absolute: workers have other folders."""
    return Path(os.environ.get(FOLDER_VARIABLE) or "~/.cache/thawtune").expanduser().absolute()


def cache_for_workers() -> str | None:
    """What workers are to call `use_cache` with; None: nobody has said where the cache is."""
    return str(cache_folder()) if os.environ.get(FOLDER_VARIABLE) else None


def use_cache(folder: str | None) -> None:
    """Keep this process's cache where its driver has it, unless its node names another folder."""
    if folder is not None:
        os.environ.setdefault(FOLDER_VARIABLE, folder)


def address(*parts: object) -> str:
    """A file name that differs if any of the parts does."""
    text = "\0".join(str(part) for part in parts)
    return hashlib.blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()


def made_once(path: Path, make: Callable[[Path], None]) -> Path:
    """`path`, a file or folder of the cache, made by `make` unless it exists.

    It is made under a temporary name and renamed when it is complete. If several processes want it
    at the same time, the first makes it and the others wait.

    Raises:
        DataError: If the cache cannot be written, and whatever `make` raises.
    """
    if not path.exists():
        with renewing(path):
            if not path.exists():
                replace(path, make)
    return path


@contextmanager
def renewing(path: Path) -> Iterator[None]:
    """Let no other process make or replace `path`, a file of the cache whose folder may not exist.

    Raises:
        DataError: If the cache cannot be written.
    """
    with explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with writing(path):
            yield


def replace(path: Path, make: Callable[[Path], object]) -> None:
    """Make `path` under a temporary name, and rename it when it is complete.

    Takes its lock for granted. A file takes the place of an older one.
    """
    temporary = temporary_name(path)
    try:
        make(temporary)
        publish(temporary, path)
    finally:
        remove(temporary)


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn an operating system's error in writing `path` into one that says what to do.

    Raises:
        DataError: In place of an OSError.
    """
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.filename and not _is_in(Path(os.fsdecode(error.filename)), path.parent):
            raise DataError(f"{os.fsdecode(error.filename)}: {reason}.") from error
        raise DataError(
            f"{path} cannot be written ({reason}). {remedy(error)}, or set {FOLDER_VARIABLE} to a "
            "folder on another disk."
        ) from error


def _is_in(path: Path, folder: Path) -> bool:
    """Whether a path is in the cache, or is a folder above it that could not be made."""
    path, root = Path(os.path.abspath(path)), Path(os.path.abspath(folder.parent))
    return path.is_relative_to(root) or root.is_relative_to(path)


def writing(path: Path) -> BaseFileLock:
    """The lock for making, mending or removing `path`; the system releases it if we are killed."""
    return file_lock(path.with_name(f"{path.name}.lock"))


def is_being_written(path: Path) -> bool:
    """Whether a process holds the lock for writing `path`."""
    if not path.parent.is_dir():
        return False
    try:
        with writing(path).acquire(blocking=False):
            return False
    except Timeout:
        return True


def temporary_name(path: Path) -> Path:
    """A name for `path` until it is complete; takes its lock for granted.

    Removes what killed processes have left under other such names.
    """
    for left_behind in path.parent.glob(f".{path.name}.*"):
        remove(left_behind)
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}")


def publish(temporary: Path, path: Path) -> None:
    """Give what is complete its name: after a power cut it exists whole, or not at all."""
    if temporary.is_file():
        sync(temporary)
    temporary.rename(path)
    sync(path.parent)


def remove(path: Path) -> None:
    """Delete a file or a folder, if it exists."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def sync(path: Path) -> None:
    """Wait until a file, or the list of names in a folder, is on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
