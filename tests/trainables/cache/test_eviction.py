"""Eviction: the least recently used go, and nothing that a living process reads or writes."""

from __future__ import annotations

import os
import shutil
import time

import numpy as np
import pytest

from tests.reading import READER
from tests.trainables.cache.writer import WRITER, start
from trainables.cache import eviction
from trainables.cache.leases import end_leases
from trainables.cache.rows.entry_store import EntryStore, Layout

pytestmark = pytest.mark.usefixtures("folder")


def ones(first, last):
    yield np.ones((last - first, 100), np.float32)


def add(folder, name, count=20, used=None):
    """An entry of 400 bytes a row, used by no process."""
    EntryStore().get(name, Layout((count, 100)), ones, {"boundary": name})
    end_leases()
    if used is not None:
        os.utime(folder / name / "entry.json", (used, used))


def names():
    return [entry.path.name for entry in eviction.entries()]


def test_what_a_killed_writer_left_goes_though_nobody_asks_again(folder):
    killed = start(WRITER, "key", 5)
    killed.stdout.readline()
    eviction.sweep()
    assert len(list(folder.glob(".key.*"))) == 1, "it is still being written"
    killed.kill()
    killed.communicate()
    eviction.sweep()
    assert [p.name for p in folder.iterdir()] == ["key.lock"]


def test_the_ones_used_longest_ago_are_evicted(folder, monkeypatch):
    for name, used in (("b", 200), ("a", 100), ("c", 300)):
        add(folder, name, used=used)
    size = 8000
    monkeypatch.setenv("THAWTUNE_CACHE_LIMIT", f"{eviction.used() + size - 1}B")
    assert eviction.make_room(size)
    assert names() == ["c", "b"]
    assert eviction.make_room(size)
    assert names() == ["c", "b"], "no more than has to go"
    assert not eviction.make_room(5 * size)
    assert names() == []


def test_what_was_used_again_stays(folder, monkeypatch):
    add(folder, "a", used=100)
    add(folder, "b", used=200)
    add(folder, "a")
    assert names() == ["a", "b"]


def test_what_a_living_process_reads_stays(folder):
    add(folder, "a", used=100)
    add(folder, "b", used=200)
    reader = start(READER, folder / "a")
    assert reader.stdout.readline() == "reading\n"
    assert [entry.in_use for entry in eviction.entries()] == [True, False]
    assert [eviction.delete(entry) for entry in eviction.entries()] == [False, True]
    reader.kill()
    reader.communicate()
    assert [eviction.delete(entry) for entry in eviction.entries()] == [True]
    assert names() == []


def test_what_is_being_written_stays(folder):
    add(folder, "key")
    [entry] = eviction.entries()
    (folder / "key").rename(folder / "other")
    writer = start(WRITER, "key", 0.2)
    writer.stdout.readline()
    (folder / "other").rename(folder / "key")
    assert not eviction.delete(entry)
    writer.kill()
    writer.communicate()


def test_an_entry_says_what_it_is(folder):
    before = time.time()
    add(folder, "a")
    [entry] = eviction.entries()
    assert (entry.kind, entry.about["boundary"], entry.about["shape"]) == (
        "features",
        "a",
        [20, 100],
    )
    assert entry.bytes > 8000
    assert before <= entry.last_used <= time.time()
    assert eviction.used() == entry.bytes


def test_images_count_too(folder, tmp_path):
    add(folder, "a")
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "b.arrow").write_bytes(bytes(1000))
    assert {entry.kind for entry in eviction.entries()} == {"features", "images"}
    assert eviction.used() == sum(entry.bytes for entry in eviction.entries())
    assert [entry.path.name for entry in eviction.entries(["images"])] == ["b.arrow"]


def test_without_a_limit_it_is_half_of_what_there_is(folder):
    add(folder, "a")
    free = shutil.disk_usage(folder).free
    assert eviction.limit() == pytest.approx(free / 2, rel=0.1)
