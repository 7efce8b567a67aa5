"""Digests of files: read once, and again whenever a file may have changed."""

from __future__ import annotations

import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from trainables.datasets.files import kept_digests as module
from trainables.datasets.files.kept_digests import kept_digests
from trainables.datasets.files.scanning import digest_of


@pytest.fixture
def files(tmp_path, own_cache, monkeypatch):
    """Three files that have been digested, and do not look as if they were still written."""
    monkeypatch.setattr(module, "_UNSETTLED", 0)
    paths = [tmp_path / "photos" / f"{name}.jpg" for name in "abc"]
    paths[0].parent.mkdir()
    for path in paths:
        path.write_bytes(path.name.encode())
    assert kept_digests(tmp_path / "photos", paths) == [digest_of(path) for path in paths]
    return paths


@pytest.fixture
def read(monkeypatch):
    """Files that are read."""
    names = []

    def counted(path):
        names.append(path.name)
        return digest_of(path)

    monkeypatch.setattr(module, "digest_of", counted)
    return names


def rewrite(path):
    path.write_bytes(b"other")


def rewrite_and_set_the_time(path):
    """As rsync and unzip do: another content of the same size, with the old time."""
    before = path.stat()
    path.write_bytes(b"z.jpg")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def put_another_in_its_place(path):
    other = path.with_name("other")
    other.write_bytes(b"y.jpg")
    os.utime(other, ns=(path.stat().st_atime_ns, path.stat().st_mtime_ns))
    other.replace(path)


@pytest.mark.parametrize("change", [rewrite, rewrite_and_set_the_time, put_another_in_its_place])
def test_only_what_has_changed_is_read(files, read, change):
    assert kept_digests(files[0].parent, files) == [digest_of(path) for path in files]
    assert read == []
    change(files[1])
    assert kept_digests(files[0].parent, files) == [digest_of(path) for path in files]
    assert read == ["b.jpg"]


def test_others_are_read_and_those_that_are_gone_are_empty(files, read):
    files[2].unlink()
    new = files[0].with_name("d.jpg")
    new.write_bytes(b"new")
    *known, gone, added = kept_digests(files[0].parent, [*files, new])
    assert known == [digest_of(path) for path in files[:2]]
    assert (gone, added) == ("", digest_of(new))
    assert read == ["c.jpg", "d.jpg"]


def test_what_was_written_just_now_is_read_again(files, read, monkeypatch):
    """It may be written again within a tick of a coarse clock, without another time."""
    monkeypatch.setattr(module, "_UNSETTLED", 10**12)
    rewrite(files[0])
    for _ in range(2):
        kept_digests(files[0].parent, files)
    assert read == ["a.jpg", "a.jpg"]


def test_a_name_that_is_no_text(files, read, tmp_path):
    odd = tmp_path / os.fsdecode(b"photos/\xff\xfe.jpg")
    odd.write_bytes(b"odd")
    for _ in range(2):
        assert kept_digests(files[0].parent, [*files, odd])[-1] == digest_of(odd)
    assert len(read) == 1


def test_a_damaged_file_of_digests_is_made_anew(files, read, own_cache):
    [path] = own_cache.rglob("manifests/*.parquet")
    path.write_bytes(path.read_bytes()[:50])
    for _ in range(2):
        assert kept_digests(files[0].parent, files) == [digest_of(path) for path in files]
    assert len(read) == 3


def test_two_processes_at_once_read_a_file_once(files, monkeypatch):
    """The second waits, and reads what the first has kept."""
    names, entered = [], threading.Barrier(2)

    def slowly(path):
        names.append(path.name)
        time.sleep(0.05)
        return digest_of(path)

    def ask(_):
        entered.wait()
        return kept_digests(files[0].parent, files)

    monkeypatch.setattr(module, "digest_of", slowly)
    for path in files:
        rewrite(path)
    with ThreadPoolExecutor(2) as both:
        assert set(map(tuple, both.map(ask, range(2)))) == {tuple(map(digest_of, files))}
    assert sorted(names) == ["a.jpg", "b.jpg", "c.jpg"]


def test_what_a_killed_process_left_is_removed(files, own_cache):
    [path] = own_cache.rglob("manifests/*.parquet")
    left = path.with_name(f".{path.name}.0123")
    left.write_bytes(b"half of it")
    rewrite(files[0])
    kept_digests(files[0].parent, files)
    assert not left.exists()
