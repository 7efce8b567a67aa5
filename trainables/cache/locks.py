"""Locks on files: the system's own, or files that stand for them on systems without any."""

from __future__ import annotations

import errno
import fcntl
import tempfile
from pathlib import Path

from filelock import BaseFileLock, FileLock, SoftFileLock

NO_LOCKS = frozenset({errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP})
"""How a file system says that it has no locks."""

_devices: dict[int, bool] = {}
"""Whether each file system has locks, by its device."""


def file_lock(path: Path, blocking: bool = True) -> BaseFileLock:
    """A lock that one process at a time holds; its folder must exist.

    The system releases its own locks when a process ends, however that happens. One that is only a
    file is left behind by a process that is killed, until another process on its machine wants it.
    """
    kind = FileLock if has_locks(path.parent) else SoftFileLock
    return kind(path, blocking=blocking)


def has_locks(folder: Path) -> bool:
    """Whether the file system of a folder has locks; True if that cannot be found out."""
    try:
        device = folder.stat().st_dev
        if device not in _devices:
            with tempfile.TemporaryFile(dir=folder) as file:
                _devices[device] = _can_lock(file.fileno())
    except OSError:
        return True  # taking the lock will say what is wrong
    return _devices[device]


def _can_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in NO_LOCKS
    return True
