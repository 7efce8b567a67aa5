"""Leases on files of the cache: no file that a living process reads is evicted.

A lease is a shared lock on the file itself. The system releases it when the process ends, however
that happens.
"""

from __future__ import annotations

import errno
import fcntl
import os
from pathlib import Path

from trainables.cache.locks import NO_LOCKS

_held: dict[tuple[int, int], int] = {}
"""Open descriptors by device and inode."""


def take_lease(path: Path) -> None:
    """Keep a file from being evicted for as long as this process lives.

    Raises:
        FileNotFoundError: If it does not exist, or was evicted at this moment.
    """
    descriptor = os.open(path, os.O_RDONLY)
    identity = _identity(os.fstat(descriptor))
    if identity in _held:
        os.close(descriptor)
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH)
    except OSError as error:
        os.close(descriptor)
        if error.errno in NO_LOCKS:
            return
        raise
    try:
        is_still_there = _identity(os.stat(path)) == identity
    except FileNotFoundError:
        is_still_there = False
    if not is_still_there:
        os.close(descriptor)
        raise FileNotFoundError(f"{path} was evicted")
    _held[identity] = descriptor


def end_leases() -> None:
    """Release all leases of this process."""
    while _held:
        os.close(_held.popitem()[1])


def is_leased(path: Path) -> bool:
    """Whether a process, this one included, has a lease on a file."""
    descriptor = claim(path)
    if descriptor is not None:
        os.close(descriptor)
    return descriptor is None


def claim(path: Path) -> int | None:
    """A descriptor that keeps others from taking a lease until it is closed.

    It is open for writing, without which NFS grants no exclusive lock.

    Returns:
        None if a process holds a lease, if this one may not write the file, or if the file system
        has no locks, so that nobody can know.

    Raises:
        FileNotFoundError: If the file is not there.
    """
    try:
        descriptor = os.open(path, os.O_RDWR)
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
            return None  # another user's, or on a disk that is read-only
        raise
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(descriptor)
        if isinstance(error, BlockingIOError) or error.errno in NO_LOCKS:
            return None
        raise
    return descriptor


def _identity(status: os.stat_result) -> tuple[int, int]:
    return status.st_dev, status.st_ino
