"""Entries: `get`, and the steps that it has in common with computing in advance."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest

from trainables.cache.entry import fill
from trainables.cache.leases import end_leases
from trainables.cache.rows import entry_store as store_module
from trainables.cache.rows.entry_store import EntryStore, Layout
from trainables.process.messages import take_notes

LAYOUT = Layout((5, 4))
ROWS = np.arange(20, dtype=np.float32).reshape(LAYOUT.shape)
ABOUT = {"boundary": "pooling"}


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "here"))
    monkeypatch.delenv("THAWTUNE_CACHE_LIMIT", raising=False)
    monkeypatch.delenv("THAWTUNE_FEATURES", raising=False)
    take_notes()
    yield EntryStore()
    end_leases()


def never(first, last):
    pytest.fail("computed, though it is stored")


def rows(first, last):
    yield ROWS[first:last]


def begun(store, key="key"):
    """An entry filled as tasks in other processes fill it."""
    temporary = store.begin(key, LAYOUT)
    fill(temporary, 2, [ROWS[2:]])
    fill(temporary, 0, [ROWS[:2]])
    return temporary


def files(store):
    folder = store.path("key").parent
    return {path.name for path in folder.iterdir()} if folder.is_dir() else set()


def test_an_entry_sealed_in_advance_is_what_get_computes(store):
    with store.lock("key"):
        assert "key" not in store
        size = store.seal(begun(store), "key", ABOUT)
        assert "key" in store
    np.testing.assert_array_equal(store.get("key", LAYOUT, never, ABOUT), ROWS)
    np.testing.assert_array_equal(store.get("other", LAYOUT, rows, ABOUT), ROWS)
    arrays = [(store.path(key) / "activations.arrow") for key in ("key", "other")]
    assert arrays[0].read_bytes() == arrays[1].read_bytes()
    assert size == arrays[0].stat().st_size


def test_an_entry_that_has_lost_a_file_is_begun_again(store):
    store.get("key", LAYOUT, rows, ABOUT)
    end_leases()
    (store.path("key") / "entry.json").unlink()
    assert "key" not in store
    with store.lock("key"):
        store.seal(begun(store), "key", ABOUT)
    np.testing.assert_array_equal(store.get("key", LAYOUT, never, ABOUT), ROWS)
    assert take_notes() == []


def test_an_entry_that_cannot_be_allocated_leaves_nothing(store, monkeypatch):
    def full(folder, *layout):
        folder.mkdir()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store_module, "allocate", full)
    with store.lock("key"), pytest.raises(OSError, match="No space left"):
        store.begin("key", LAYOUT)
    assert files(store) == {"key.lock"}


def test_without_room_nothing_is_begun_or_copied(store, tmp_path, monkeypatch):
    monkeypatch.setenv("THAWTUNE_FEATURES", (tmp_path / "storage").as_uri())
    store.get("key", LAYOUT, rows, ABOUT)
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "there"))
    there = EntryStore()
    with there.lock("key"):
        monkeypatch.setenv("THAWTUNE_CACHE_LIMIT", "10B")
        assert not there.fetch("key", LAYOUT)
        assert there.begin("key", LAYOUT) is None
        assert files(there) == {"key.lock"}
        monkeypatch.delenv("THAWTUNE_CACHE_LIMIT")
        assert there.fetch("key", LAYOUT)
    np.testing.assert_array_equal(there.get("key", LAYOUT, never, ABOUT), ROWS)


def test_another_folder_and_a_key_that_is_not_stored(store, tmp_path):
    store.get("key", LAYOUT, rows, ABOUT)
    assert "key" in EntryStore(tmp_path / "here")
    assert "key" not in EntryStore(tmp_path / "elsewhere")
    EntryStore(tmp_path / "elsewhere").hold("key")
