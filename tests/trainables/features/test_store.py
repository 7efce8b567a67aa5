"""The feature store: `get`, and the steps that it has in common with computing in advance."""

from __future__ import annotations

import errno
import os

import numpy as np
import pytest

from trainables.cache.entry import fill
from trainables.cache.leases import end_leases
from trainables.features import store as store_module
from trainables.features.store import FeatureStore, take_counts
from trainables.process.messages import take_notes

SHAPE = (5, 4)
ROWS = np.arange(20, dtype=np.float32).reshape(SHAPE)
ABOUT = {"boundary": "pooling"}


@pytest.fixture(autouse=True)
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "here"))
    monkeypatch.delenv("THAWTUNE_CACHE_LIMIT", raising=False)
    monkeypatch.delenv("THAWTUNE_FEATURES", raising=False)
    take_counts()
    take_notes()
    yield FeatureStore()
    end_leases()


def never(first, last):
    pytest.fail("computed, though it is stored")


def rows(first, last):
    yield ROWS[first:last]


def begun(store, key="key"):
    """An entry filled as tasks in other processes fill it."""
    temporary = store.begin(key, SHAPE)
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
    np.testing.assert_array_equal(store.get("key", SHAPE, never, ABOUT), ROWS)
    np.testing.assert_array_equal(store.get("other", SHAPE, rows, ABOUT), ROWS)
    arrays = [(store.path(key) / "activations.arrow") for key in ("key", "other")]
    assert arrays[0].read_bytes() == arrays[1].read_bytes()
    assert size == arrays[0].stat().st_size
    assert take_counts() == {"hits": 1, "misses": 1}
    assert take_counts() == {"hits": 0, "misses": 0}


def test_an_entry_that_has_lost_a_file_is_begun_again(store):
    store.get("key", SHAPE, rows, ABOUT)
    end_leases()
    (store.path("key") / "entry.json").unlink()
    assert "key" not in store
    with store.lock("key"):
        store.seal(begun(store), "key", ABOUT)
    np.testing.assert_array_equal(store.get("key", SHAPE, never, ABOUT), ROWS)
    assert take_notes() == []


def test_an_entry_that_cannot_be_allocated_leaves_nothing(store, monkeypatch):
    def full(folder, shape):
        folder.mkdir()
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(store_module, "allocate", full)
    with store.lock("key"), pytest.raises(OSError, match="No space left"):
        store.begin("key", SHAPE)
    assert files(store) == {"key.lock"}


def test_without_room_nothing_is_begun_or_copied(store, tmp_path, monkeypatch):
    monkeypatch.setenv("THAWTUNE_FEATURES", (tmp_path / "storage").as_uri())
    store.get("key", SHAPE, rows, ABOUT)
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "there"))
    there = FeatureStore()
    with there.lock("key"):
        monkeypatch.setenv("THAWTUNE_CACHE_LIMIT", "10B")
        assert not there.fetch("key", SHAPE)
        assert there.begin("key", SHAPE) is None
        assert files(there) == {"key.lock"}
        monkeypatch.delenv("THAWTUNE_CACHE_LIMIT")
        assert there.fetch("key", SHAPE)
    np.testing.assert_array_equal(there.get("key", SHAPE, never, ABOUT), ROWS)


def test_another_folder_and_a_key_that_is_not_stored(store, tmp_path):
    store.get("key", SHAPE, rows, ABOUT)
    assert "key" in FeatureStore(tmp_path / "here")
    assert "key" not in FeatureStore(tmp_path / "elsewhere")
    FeatureStore(tmp_path / "elsewhere").hold("key")
