"""Rows by content: any selection is right, and computes only what no selection had before."""

from __future__ import annotations

import ast
import hashlib
import subprocess
import sys
import time

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trainables.cache import eviction
from trainables.cache.leases import end_leases
from trainables.cache.rows.row_store import RowStore, take_counts
from trainables.process.messages import take_notes


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path))
    monkeypatch.delenv("THAWTUNE_CACHE_LIMIT", raising=False)
    monkeypatch.delenv("THAWTUNE_FEATURES", raising=False)
    take_counts()
    take_notes()
    yield tmp_path / "features"
    end_leases()


def digests(images):
    return np.array([hashlib.blake2b(str(i).encode(), digest_size=16).digest() for i in images])


def asked(images, family="family", row=(3,), dtype=np.float32):
    """The rows of some images, which are their numbers, and which were computed for that."""
    images, computed = np.asarray(images), []

    def compute(positions):
        computed.extend(images[positions].tolist())
        yield np.repeat(images[positions].astype(dtype)[:, None], row[0], axis=1)

    rows = RowStore("features", family, row, dtype).get(digests(images), compute, {})
    assert np.array_equal(np.asarray(rows), np.repeat(images[:, None], row[0], axis=1))
    return computed


def test_a_folder_that_has_grown_computes_what_is_new():
    assert asked(range(200)) == list(range(200))
    assert asked(range(250)) == list(range(200, 250))
    assert take_counts() == {"hits": 200, "misses": 250}
    assert asked(range(249, -1, -1)) == []
    assert asked([250, 3, 250, 250]) == [250]
    assert take_counts() == {"hits": 253, "misses": 1}, "copies are found"
    assert take_counts() == {"hits": 0, "misses": 0}


def test_what_there_is_no_room_for_counts_as_computed(monkeypatch):
    asked(range(10))
    monkeypatch.setenv("THAWTUNE_CACHE_LIMIT", "10B")
    take_counts()
    store = RowStore("features", "family", (3,))
    assert store.get(digests(range(30)), pytest.fail, {}) is None
    assert take_counts() == {"hits": 10, "misses": 20}


def test_sets_folds_subsets_and_refits_share_their_rows():
    asked([*range(0, 60, 2)])
    assert asked([*range(1, 60, 2)]) == [*range(1, 60, 2)]
    assert asked(range(60)) == [], "train and validation together"
    assert asked([7, 7, 3, 59, 3]) == []
    assert asked([60, 7, 60, 61]) == [60, 61], "copies once"


def test_another_family_has_its_own(folder):
    asked(range(5))
    assert asked(range(5), family="other") == [*range(5)]
    assert asked(range(5), family="fam", dtype=np.float16) == [*range(5)]
    assert len([path for path in folder.iterdir() if path.is_dir()]) == 3


@settings(max_examples=20, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=20), min_size=1, max_size=6))
def test_any_history_of_selections(tmp_path_factory, selections):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("THAWTUNE_CACHE", str(tmp_path_factory.mktemp("cache")))
        known = set()
        for selection in selections:
            assert sorted(asked(selection)) == sorted(set(selection) - known)
            known |= set(selection)


def test_slices_masks_and_positions_are_those_of_an_array():
    asked([1, 2, 3])
    asked([9, 8])
    store = RowStore("features", "family", (3,))
    images = np.array([8, 1, 3, 9, 2, 1])
    rows = store.get(digests(images), pytest.fail, {})
    whole = np.repeat(images[:, None].astype(np.float32), 3, axis=1)
    assert (rows.shape, rows.dtype, rows.nbytes, len(rows)) == ((6, 3), np.float32, 72, 6)
    for key in [slice(1, 4), np.array([5, 0, 0]), images > 2, slice(0, 0), 3]:
        np.testing.assert_array_equal(rows[key], whole[key])


def test_what_was_evicted_alone_is_computed_again(folder):
    asked(range(10))
    asked(range(30))
    end_leases()
    smallest = min(eviction.entries(), key=lambda entry: entry.bytes)
    assert eviction.delete(smallest)
    assert asked(range(30)) == [*range(10)]


def change(path):
    path.write_bytes(path.read_bytes()[:-1] + b"!")


def cut_short(path):
    path.write_bytes(path.read_bytes()[:100])


def delete(path):
    path.unlink()


@pytest.mark.parametrize("damage", [change, cut_short, delete])
def test_damaged_digests_are_told_and_mended(folder, damage):
    asked(range(10))
    [path] = folder.glob("*/contents.npy")
    end_leases()
    damage(path)
    assert asked(range(10)) == [*range(10)]
    [line] = take_notes()
    assert "damaged" in line
    assert asked(range(10)) == []


ASK = """
import hashlib, sys, time
import numpy as np
from trainables.cache.rows.row_store import RowStore, take_counts

images = np.arange(int(sys.argv[1]), int(sys.argv[2]))
digests = np.array([hashlib.blake2b(str(i).encode(), digest_size=16).digest() for i in images])

def compute(positions):
    for image in images[positions].tolist():
        print(image, flush=True)
        time.sleep(float(sys.argv[3]))
        yield np.full((1, 3), image, np.float32)

rows = RowStore("features", "family", (3,)).get(digests, compute, {})
assert np.array_equal(np.asarray(rows)[:, 0], images)
print(take_counts(), file=sys.stderr)
"""


def ask(first, last, seconds):
    command = [sys.executable, "-c", ASK, str(first), str(last), str(seconds)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True)


def test_processes_that_want_some_of_the_same_compute_it_once():
    first = ask(0, 20, 0.05)
    assert first.stdout.readline() == "0\n"
    second = ask(10, 30, 0)
    said = [process.communicate() for process in (first, second)]
    computed = [line for out, _ in said for line in out.split()]
    assert [first.returncode, second.returncode] == [0, 0]
    assert sorted(map(int, computed)) == [*range(1, 30)]
    counts = [ast.literal_eval(counted) for _, counted in said]
    assert sum(count["misses"] for count in counts) == 30
    assert sum(count["hits"] for count in counts) == 10


def test_a_process_that_is_killed_is_made_up_for(folder):
    killed = ask(0, 20, 60)
    assert killed.stdout.readline() == "0\n"
    killed.kill()
    killed.communicate()
    began = time.monotonic()
    assert asked(range(10, 30)) == [*range(10, 30)]
    assert time.monotonic() - began < 5
    assert len([path for path in folder.iterdir() if path.is_dir()]) == 1


def test_another_machine_copies_the_segments_that_it_lacks(tmp_path, monkeypatch):
    monkeypatch.setenv("THAWTUNE_FEATURES", (tmp_path / "storage").as_uri())
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "first"))
    asked(range(20))
    asked(range(30))
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "second"))
    assert asked(range(5, 40)) == [*range(30, 40)], "a folder that has grown, on a fresh machine"
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "third"))
    assert asked(range(40)) == []
    assert asked(range(45), family="another") == [*range(45)]


def test_a_damaged_copy_is_computed_and_put_right(tmp_path, monkeypatch):
    monkeypatch.setenv("THAWTUNE_FEATURES", (tmp_path / "storage").as_uri())
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "first"))
    asked(range(20))
    [path] = (tmp_path / "storage").rglob("*.arrow")
    change(path)
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "second"))
    assert asked(range(20)) == [*range(20)]
    assert "damaged" in take_notes()[0]
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "third"))
    assert asked(range(20)) == []
