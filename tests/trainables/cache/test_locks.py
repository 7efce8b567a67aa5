"""Locks where the file system has some, and where it has none."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys

import pytest
from filelock import FileLock, SoftFileLock, Timeout

from trainables.cache import locks
from trainables.cache.leases import claim, end_leases, is_leased, take_lease
from trainables.cache.locks import file_lock, has_locks


@pytest.fixture(params=[errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS])
def without_locks(request, monkeypatch):
    """A file system that has no flock: none can be mounted in a test."""

    def flock(descriptor, operation):
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(fcntl, "flock", flock)
    monkeypatch.setattr(locks, "_devices", {})


def check_exclusive(path):
    with file_lock(path), pytest.raises(Timeout):
        file_lock(path, blocking=False).acquire()
    with file_lock(path, blocking=False):
        pass


def test_the_system_has_locks(tmp_path):
    assert isinstance(file_lock(tmp_path / "lock"), FileLock)
    check_exclusive(tmp_path / "lock")


def test_a_folder_that_does_not_exist_is_the_locks_own_error(tmp_path):
    assert has_locks(tmp_path / "none")


def test_a_file_stands_for_a_lock_where_there_are_none(without_locks, tmp_path):
    assert isinstance(file_lock(tmp_path / "lock"), SoftFileLock)
    check_exclusive(tmp_path / "lock")
    assert list(tmp_path.iterdir()) == []


def test_a_killed_process_does_not_keep_a_lock_that_is_a_file(without_locks, tmp_path):
    code = (
        "import os, sys; from filelock import SoftFileLock; "
        "lock = SoftFileLock(sys.argv[1]); lock.acquire(); os._exit(1)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "lock")], check=False)
    assert (tmp_path / "lock").is_file()
    with file_lock(tmp_path / "lock").acquire(timeout=20):
        pass


def test_without_locks_nothing_is_evicted(without_locks, tmp_path):
    file = tmp_path / "entry"
    file.write_bytes(b"")
    take_lease(file)
    assert is_leased(file)
    assert claim(file) is None
    end_leases()
