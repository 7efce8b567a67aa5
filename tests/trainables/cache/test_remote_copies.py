"""Entries that machines share: copied from a storage, and computed where the copy is not sound."""

from __future__ import annotations

import numpy as np
import pytest

from spaces.errors import InputError
from tests.trainables.cache.writer import SUM
from trainables.cache.entry import read_about
from trainables.cache.leases import end_leases
from trainables.cache.remote_copies import check_storage
from trainables.cache.rows.entry_store import EntryStore, Layout
from trainables.process.messages import take_notes


@pytest.fixture(autouse=True)
def no_limit(monkeypatch):
    monkeypatch.delenv("THAWTUNE_CACHE_LIMIT", raising=False)
    yield
    end_leases()


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

        found = EntryStore().get("key", Layout((500, 20)), rows, {"a": 1})
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


def test_a_key_in_its_url_is_refused_and_not_repeated(monkeypatch):
    monkeypatch.setenv("THAWTUNE_FEATURES", "s3://AKIAEXAMPLE:hush@bucket/features")
    with pytest.raises(InputError, match="Keys do not belong in URLs") as caught:
        check_storage()
    assert "hush" not in str(caught.value)
