"""`thawtune cache`: what there is, and what goes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import numpy as np
import pytest
from typer.testing import CliRunner

from search import cli
from spaces.errors import InputError
from tests.reading import READER
from trainables.cache.leases import end_leases
from trainables.cache.rows.entry_store import EntryStore, Layout


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path))
    monkeypatch.setenv("THAWTUNE_CACHE_LIMIT", "5MB")
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def run(*arguments, answer=None):
    result = CliRunner().invoke(cli.app, ["cache", *arguments], input=answer)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.output


def add(folder, name, days=0.0):
    about = {"boundary": f"pooling_{name}", "backbone": "VGG16", "weights": "imagenet"}
    about |= {"images": 250, "image_size": 96}
    path = folder / "features" / name
    EntryStore().get(
        name,
        Layout((250, 100)),
        lambda first, last: [np.ones((last - first, 100), np.float32)],
        about,
    )
    end_leases()
    used = time.time() - 86400 * days
    os.utime(path / "entry.json", (used, used))
    return path


def left(folder):
    return sorted(p.name for p in (folder / "features").iterdir() if p.is_dir())


@pytest.mark.parametrize("arguments", [[], ["list"]])
def test_it_lists_what_there_is(folder, arguments):
    add(folder, "a")
    add(folder, "b", days=3)
    said = run(*arguments)
    assert said.index("pooling_a") < said.index("pooling_b"), "what was used last is first"
    for text in ("VGG16 imagenet", "250 at 96", "100.5 kB", "2 entries", "of at most 5.0 MB"):
        assert text in said


def test_an_empty_store_is_no_error():
    assert "0 entries" in run()
    assert "removed 0 entries" in run("clear")


def test_it_asks_before_it_clears(folder):
    add(folder, "a")
    run("clear", answer="n\n")
    assert left(folder) == ["a"]
    assert "removed 1 entry, 100.5 kB" in run("clear", answer="y\n")
    assert left(folder) == []


def test_what_was_used_of_late_can_stay(folder):
    add(folder, "a", days=1)
    add(folder, "b", days=8)
    assert "removed 1 entry" in run("clear", "--yes", "--older-than", "7")
    assert left(folder) == ["a"]


def test_a_kind_can_be_chosen(folder):
    add(folder, "a")
    (folder / "images").mkdir()
    (folder / "images" / "b.arrow").write_bytes(bytes(2000))
    assert "removed 1 entry, 2.0 kB" in run("clear", "--yes", "--kind", "images")
    assert left(folder) == ["a"]
    with pytest.raises(InputError, match="Give one of features, images"):
        run("clear", "--kind", "weights")


def test_what_a_search_reads_stays(folder):
    path = add(folder, "a")
    add(folder, "b")
    command = [sys.executable, "-c", READER, str(path)]
    reader = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert reader.stdout.readline() == "reading\n"
    assert "yes" in run("list")
    assert "removed 1 entry, 100.5 kB; kept 1 entry in use" in run("clear", "--yes")
    assert left(folder) == ["a"]
    reader.kill()
    reader.communicate()


def test_entries_say_what_they_are_in_a_file_of_their_own(folder):
    about = json.loads((add(folder, "a") / "entry.json").read_text())
    assert about["shape"] == [250, 100]
    assert {"boundary", "backbone", "digest", "bytes", "made"} <= set(about)
