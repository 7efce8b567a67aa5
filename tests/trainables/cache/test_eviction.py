"""The store with real processes: one writer, no half entries, nothing evicted that is read."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from spaces.errors import InputError
from tests.reading import READER
from trainables.cache import eviction
from trainables.cache.entry import read_about
from trainables.cache.leases import end_leases
from trainables.features.store import FeatureStore
from trainables.process.messages import take_notes

WRITER = """
import sys, time
import numpy as np
from trainables.features.store import FeatureStore

def rows(first, last):
    print(f"computing {first}", flush=True)
    time.sleep(float(sys.argv[2]))
    yield np.full((last - first, 20), first, np.float32)

found = FeatureStore().get(sys.argv[1], (500, 20), rows, {"boundary": "pooling"})
print(int(found[:, 0].sum()), flush=True)
"""

SHARES = {"computing 0", "computing 128", "computing 256", "computing 384"}
SUM = str(128 * 128 + 128 * 256 + 116 * 384)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path))
    monkeypatch.delenv("THAWTUNE_CACHE_LIMIT", raising=False)
    yield tmp_path / "features"
    end_leases()


def start(code, *arguments):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def ones(first, last):
    yield np.ones((last - first, 100), np.float32)


def add(folder, name, count=20, used=None):
    """An entry of 400 bytes a row, used by no process."""
    FeatureStore().get(name, (count, 100), ones, {"boundary": name})
    end_leases()
    if used is not None:
        os.utime(folder / name / "entry.json", (used, used))


def names():
    return [entry.path.name for entry in eviction.entries()]


def test_processes_that_ask_at_once_compute_it_together(folder):
    running = [start(WRITER, "key", 0.5) for _ in range(3)]
    said = [process.communicate()[0].splitlines() for process in running]
    assert [lines[-1] for lines in said] == [SUM] * 3
    computed = [line for lines in said for line in lines[:-1]]
    assert sorted(computed) == sorted(SHARES), "each share once"
    assert sum(len(lines) > 1 for lines in said) >= 2, "more than one of them did something"
    assert sorted(p.name for p in (folder / "key").iterdir()) == ["activations.arrow", "entry.json"]


def test_a_helper_that_is_killed_is_made_up_for(folder):
    first = start(WRITER, "key", 1)
    assert first.stdout.readline() == "computing 0\n"
    killed = start(WRITER, "key", 60)
    assert killed.stdout.readline() == "computing 128\n"
    killed.kill()
    killed.communicate()
    assert set(first.communicate()[0].splitlines()) == SHARES - {"computing 0"} | {SUM}


def test_a_writer_that_is_killed_leaves_no_half_entry_and_no_lock(folder):
    killed = start(WRITER, "key", 60)
    assert killed.stdout.readline() == "computing 0\n"
    waiting = start(WRITER, "key", 0)
    assert len([p for p in folder.iterdir() if p.name.startswith(".key.")]) == 1
    killed.send_signal(signal.SIGKILL)
    killed.wait()
    killed.stdout.close()
    assert set(waiting.communicate()[0].splitlines()) == SHARES | {SUM}
    assert sorted(p.name for p in folder.iterdir()) == ["key", "key.lock"]


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


@pytest.mark.parametrize(
    ("text", "size"),
    [("20GB", 20 * 10**9), ("1.5 MiB", 3 * 2**19), ("500", 500), ("2t", 2 * 10**12), ("7kb", 7000)],
)
def test_sizes_are_read(monkeypatch, text, size):
    monkeypatch.setenv("THAWTUNE_CACHE_LIMIT", text)
    assert eviction.limit() == size


@pytest.mark.parametrize("text", ["plenty", "-3GB", "3 GiGB", "GB"])
def test_what_is_no_size_is_a_sentence(monkeypatch, text):
    monkeypatch.setenv("THAWTUNE_CACHE_LIMIT", text)
    with pytest.raises(InputError, match="Give a size such as 20GB"):
        eviction.limit()


def test_without_a_limit_it_is_half_of_what_there_is(folder):
    add(folder, "a")
    free = shutil.disk_usage(folder).free
    assert eviction.limit() == pytest.approx(free / 2, rel=0.1)


@pytest.fixture
def machines(tmp_path, monkeypatch):
    """Asks for an entry on a machine of this name: what was computed. They share a storage."""
    monkeypatch.setenv("THAWTUNE_FEATURES", (tmp_path / "storage").as_uri())

    def ask(machine):
        monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / machine))
        computed = []

        def rows(first, last):
            computed.append(first)
            yield np.full((last - first, 20), first, np.float32)

        found = FeatureStore().get("key", (500, 20), rows, {"a": 1})
        assert int(found[:, 0].sum()) == int(SUM)
        return computed

    return ask


def test_what_one_machine_computed_another_one_copies(machines, tmp_path):
    take_notes()
    assert len(machines("first")) == 4
    assert machines("second") == []
    assert read_about(tmp_path / "second/features/key") == read_about(tmp_path / "storage/key")
    assert not take_notes()


def test_what_is_damaged_there_is_computed_and_put_right_there(machines, tmp_path):
    machines("first")
    stored = tmp_path / "storage" / "key" / "activations.arrow"
    content = bytearray(stored.read_bytes())
    content[-1] ^= 1
    stored.write_bytes(content)
    take_notes()
    assert len(machines("second")) == 4
    [said] = take_notes()
    assert "was damaged" in said
    assert machines("third") == []


def test_an_entry_that_is_not_whole_there_is_none(machines, tmp_path):
    machines("first")
    (tmp_path / "storage" / "key" / "entry.json").unlink()
    assert len(machines("second")) == 4
    assert machines("third") == []


def test_a_copy_that_breaks_off_is_none(machines, tmp_path):
    machines("first")
    (tmp_path / "storage" / "key" / "activations.arrow").unlink()
    take_notes()
    assert len(machines("second")) == 4
    assert "computed here" in take_notes()[0]
    assert machines("third") == []


def test_a_storage_that_cannot_be_used_is_said_and_costs_nothing_else(machines, tmp_path):
    (tmp_path / "storage").write_text("in the way")
    take_notes()
    assert len(machines("first")) == 4
    assert all("computed here" in said for said in take_notes())
    assert (tmp_path / "first" / "features" / "key" / "entry.json").is_file()
