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

VARIABLE = "THAWTUNE_CACHE"
"""Environment variable that names another folder."""


def cache_folder() -> Path:
    """`$THAWTUNE_CACHE`, or `~/.cache/thawtune`."""
    return Path(os.environ.get(VARIABLE) or "~/.cache/thawtune").expanduser()


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
    if path.exists():
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(path.with_name(f"{path.name}.lock")):
            if not path.exists():
                _make(path, make)
    except OSError as error:
        raise DataError(
            f"{path} cannot be written ({error.strerror or error}). Make room there, or set "
            "THAWTUNE_CACHE to a folder on a disk that has it."
        ) from error
    return path


def _make(path: Path, make: Callable[[Path], None]) -> None:
    """Under the lock: what has a temporary name is left from a process that was killed."""
    for left_behind in path.parent.glob(f".{path.name}.*"):
        _remove(left_behind)
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        make(temporary)
        temporary.rename(path)
    finally:
        _remove(temporary)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
