"""Runs at a URL: what is written there, what comes back, and who may drive it."""

from __future__ import annotations

import json
import shutil

import pytest

from search.mirror import Carrier, Mirror, run_at
from search.records import events
from search.records.ledger import Ledger, read_ledger
from spaces.errors import InputError, RunStateError


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder that stands for a storage; another cache is another machine."""
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "cache"))
    return tmp_path / "storage" / "run"


def note(run, *texts):
    with Ledger(run.ledger) as ledger:
        for text in texts:
            ledger.append(events.noted(text))


def texts(run):
    return [event["text"] for event in read_ledger(run.ledger)]


def begin(place, *noted):
    with run_at(place.as_uri()) as run:
        run.folder.mkdir(parents=True)
        note(run, *noted)
        (run.folder / "model").mkdir()
        (run.folder / "model" / "labels.json").write_text("[]")
    return run


def test_a_path_is_a_run_as_it_is(tmp_path):
    with run_at(tmp_path / "run") as run:
        assert (run.folder, run.remote) == (tmp_path / "run", None)


def test_another_machine_finds_what_was_written(place, monkeypatch, tmp_path):
    begin(place, "one", "two")
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "elsewhere"))
    with run_at(place.as_uri()) as run:
        assert texts(run) == ["one", "two"]
        assert (run.folder / "model" / "labels.json").read_text() == "[]"
        note(run, "three")
    segments = sorted(path.name for path in (place / "ledger").iterdir())
    assert len(segments) == 2
    assert int(segments[1][:15]) == (place / "ledger" / segments[0]).stat().st_size
    assert not (place / "ledger.jsonl").exists()


def test_only_what_changed_is_carried(place):
    begin(place, "one")
    copied = place / "model" / "labels.json"
    before = copied.stat().st_mtime_ns
    with run_at(place.as_uri()) as run:
        (run.folder / "data.json").write_text("{}")
    assert copied.stat().st_mtime_ns == before
    assert (place / "data.json").read_text() == "{}"


def test_events_that_were_not_carried_any_more_are_not_lost(place):
    run = begin(place, "one")
    note(run, "only here")
    with run_at(place.as_uri()) as again:
        assert texts(again) == ["one", "only here"]
    shutil.rmtree(run.folder)
    with run_at(place.as_uri()) as again:
        assert texts(again) == ["one", "only here"]


def test_what_was_deleted_there_is_no_run_any_more(place):
    run = begin(place, "one")
    shutil.rmtree(place)
    with run_at(place.as_uri()):
        assert not run.folder.exists()


def test_events_are_carried_while_the_run_is_driven(place, monkeypatch):
    monkeypatch.setattr("search.mirror.BATCH_SECONDS", 0.01)
    run = begin(place, "one")
    with Carrier(run, pytest.fail):
        note(run, "two")
        other = Mirror(place.as_uri())
        while other._length() < run.ledger.stat().st_size:
            pass
        assert json.loads((place / "driver.json").read_text())["by"]
    assert not (place / "driver.json").exists()


def test_two_drivers_cannot_share_it_until_one_is_gone(place):
    run = begin(place, "one")
    lock = place / "driver.json"
    lock.write_text(json.dumps({"by": "another host, process 1", "time": 9e9}))
    with pytest.raises(RunStateError, match="another host, process 1"), Carrier(run, pytest.fail):
        pass
    lock.write_text(json.dumps({"by": "another host, process 1", "time": 0}))
    with Carrier(run, pytest.fail):
        assert "another host" not in lock.read_text()


def test_a_url_of_nothing_is_a_sentence():
    with pytest.raises(InputError, match="cannot be used as a storage"), run_at("nothing://x/y"):
        pass
