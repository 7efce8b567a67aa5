"""The cache folder: where it is, and what errors in it say."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from spaces.errors import DataError, remedy
from trainables.cache.folder import cache_folder, explained


def test_a_relative_folder_is_resolved_where_the_driver_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("THAWTUNE_CACHE", "cache")
    assert cache_folder() == tmp_path / "cache"
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "other"))
    assert cache_folder() == tmp_path / "other"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "Make room there"),
        (errno.EROFS, "Mount it for writing"),
        (errno.EACCES, "Let this user write there"),
        (errno.EMFILE, "ulimit -n"),
        (errno.ECONNRESET, "Check the disk or network"),
    ],
)
def test_each_error_of_the_system_has_its_own_remedy(tmp_path, number, said):
    error = OSError(number, os.strerror(number))
    assert said in remedy(error)
    with pytest.raises(DataError, match="cannot be written") as raised, explained(tmp_path / "x"):
        raise error
    assert os.strerror(number) in str(raised.value)
    assert said in str(raised.value)
    assert ("Make room" in str(raised.value)) == (number == errno.ENOSPC)


def test_a_file_that_cannot_be_read_elsewhere_is_not_called_unwritable(tmp_path):
    path, missing = tmp_path / "cache" / "rows" / "x", tmp_path / "photos" / "a.jpg"
    with pytest.raises(DataError) as raised, explained(path):
        Path(missing).read_bytes()
    assert str(raised.value) == f"{missing}: {os.strerror(errno.ENOENT)}."
