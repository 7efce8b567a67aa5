"""Leases: who may evict a file, also on NFS, and a file of another user."""

from __future__ import annotations

import errno
import fcntl
import os

import pytest

from trainables.cache import leases
from trainables.cache.leases import claim, end_leases, is_leased, take_lease


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "activations.arrow"
    path.write_bytes(b"numbers")
    yield path
    end_leases()


@pytest.fixture
def nfs(monkeypatch):
    """flock as NFS emulates it: an exclusive lock needs a descriptor that is open for writing."""
    locked = fcntl.flock

    def flock(descriptor, operation):
        mode = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
        if operation & fcntl.LOCK_EX and mode == os.O_RDONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        if operation & fcntl.LOCK_SH and mode == os.O_WRONLY:
            raise OSError(errno.EBADF, os.strerror(errno.EBADF))
        locked(descriptor, operation)

    monkeypatch.setattr(leases.fcntl, "flock", flock)


def test_a_lease_is_seen_until_it_ends(file):
    assert not is_leased(file)
    take_lease(file)
    assert is_leased(file)
    assert claim(file) is None
    end_leases()
    assert not is_leased(file)


def test_leases_and_claims_work_on_nfs(nfs, file):
    claimed = claim(file)
    assert claimed is not None
    os.close(claimed)
    take_lease(file)
    assert is_leased(file)


def test_a_claim_changes_nothing_of_the_file(file):
    before = file.stat()
    os.close(claim(file))
    assert file.stat().st_mtime_ns == before.st_mtime_ns
    assert file.read_bytes() == b"numbers"


def test_a_file_that_this_process_may_not_write_counts_as_in_use(file, monkeypatch):
    """A shared cache has files of other users. Permissions do not stop root, so open is told to."""
    opened = os.open

    def refusing(path, flags, *rest):
        if flags & os.O_ACCMODE != os.O_RDONLY:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return opened(path, flags, *rest)

    monkeypatch.setattr(leases.os, "open", refusing)
    assert is_leased(file)
    take_lease(file)


def test_a_file_that_does_not_exist_can_be_neither_claimed_nor_leased(tmp_path):
    with pytest.raises(FileNotFoundError):
        claim(tmp_path / "none")
    with pytest.raises(FileNotFoundError):
        take_lease(tmp_path / "none")
