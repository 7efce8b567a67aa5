"""Runs at a URL: what is written there, what comes back, and who may drive it."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

import pytest

from search.records import events
from search.records.ledger import Ledger, read_ledger
from search.remote.ledger_upload import carried
from search.remote.object_storage import Storage
from search.remote.working_copy import NotCarriedError, run_at
from spaces.errors import InputError, RunStateError


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder that stands for a storage; another cache is another machine."""
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / "storage" / "run"


def note(run, *texts):
    with Ledger(run.ledger) as ledger:
        for text in texts:
            ledger.append(events.noted(text))


def texts(run):
    return [event["text"] for event in read_ledger(run.ledger)]


def drive(place, *noted):
    """What a driver does: start or resume a run, write events and files."""
    with run_at(place.as_uri(), drives=True) as run:
        (run.folder / "model").mkdir(parents=True, exist_ok=True)
        run.study_file.write_text("name: any\n")
        note(run)
        with carried(run, pytest.fail):
            note(run, *noted)
        (run.folder / "model" / "labels.json").write_text("[]")
    return run


def test_a_path_is_a_run_as_it_is(tmp_path):
    with run_at(tmp_path / "run") as run:
        assert (run.folder, run.remote) == (tmp_path / "run", None)


def test_another_machine_finds_what_was_written(place, monkeypatch, tmp_path):
    drive(place, "one", "two")
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "elsewhere"))
    with run_at(place.as_uri()) as run:
        assert texts(run) == ["one", "two"]
        assert (run.folder / "model" / "labels.json").read_text() == "[]"
    drive(place, "three")
    segments = sorted(path.name for path in (place / "ledger").iterdir())
    assert len(segments) == 2
    assert int(segments[1][:15]) == (place / "ledger" / segments[0]).stat().st_size
    assert not (place / "ledger.jsonl").exists()
    with run_at(place.as_uri()) as run:
        assert texts(run) == ["one", "two", "three"]


def test_only_what_changed_is_carried(place):
    drive(place, "one")
    copied = place / "model" / "labels.json"
    before = copied.stat().st_mtime_ns
    with run_at(place.as_uri()) as run:
        (run.folder / "data.json").write_text("{}")
    assert copied.stat().st_mtime_ns == before
    assert (place / "data.json").read_text() == "{}"


def test_a_reader_beside_the_driver_has_a_copy_of_its_own_and_leaves_nothing(place, tmp_path):
    drive(place, "one")
    with run_at(place.as_uri(), drives=True) as driven, carried(driven, pytest.fail):
        note(driven, "two")
        with run_at(place.as_uri()) as read:
            assert read.folder != driven.folder
            note(read, "of no driver")
            (read.folder / "data.json").write_text("{}")
        assert texts(driven) == ["one", "two"]
    with run_at(place.as_uri()) as run:
        assert texts(run) == ["one", "two"]
    assert (place / "data.json").exists()
    assert not list(tmp_path.glob("thawtune-*"))


def test_what_a_reader_could_not_carry_away_stays(place, monkeypatch, tmp_path):
    drive(place, "one")

    def fail(*_):
        raise OSError("no route")

    monkeypatch.setattr(Storage, "write", fail)
    with pytest.raises(NotCarriedError, match="no route"), run_at(place.as_uri()) as run:
        (run.folder / "data.json").write_text("{}")
    [left] = tmp_path.glob("thawtune-*")
    assert (left / "run" / "data.json").read_text() == "{}"


def test_events_that_were_not_carried_any_more_are_not_lost(place):
    run = drive(place, "one")
    note(run, "only here")
    drive(place, "three")
    shutil.rmtree(run.folder)
    with run_at(place.as_uri()) as again:
        assert texts(again) == ["one", "only here", "three"]


def test_what_was_deleted_there_is_no_run_any_more(place):
    drive(place, "one")
    shutil.rmtree(place)
    with run_at(place.as_uri(), drives=True) as run:
        assert not run.folder.exists()


def test_what_going_on_needs_is_there_from_the_beginning(place):
    with run_at(place.as_uri(), drives=True) as run:
        run.folder.mkdir(parents=True)
        run.study_file.write_text("name: any\n")
        run.data.write_text("{}")
        note(run, "one")
        with carried(run, pytest.fail):
            assert {path.name for path in place.iterdir()} == {
                *("study.yaml", "data.json", "ledger", "driver.json"),
            }


def test_events_are_carried_while_the_run_is_driven(place, monkeypatch):
    monkeypatch.setattr("search.remote.ledger_upload.BATCH_SECONDS", 0.01)
    run = drive(place, "one")
    with carried(run, pytest.fail):
        note(run, "two")
        while sum(p.stat().st_size for p in (place / "ledger").iterdir()) < size(run.ledger):
            pass
        assert json.loads((place / "driver.json").read_text())["by"]
    assert not (place / "driver.json").exists()


def size(path: Path) -> int:
    return path.stat().st_size


@pytest.mark.timeout(30)
def test_a_storage_that_is_away_for_a_while_loses_nothing(place, monkeypatch, tmp_path):
    monkeypatch.setattr("search.remote.ledger_upload.BATCH_SECONDS", 0.01)
    monkeypatch.setattr("trainables.cache.patience._PAUSE", 0.01)
    run = drive(place, "one")
    failed, write = [], Storage.write

    def watched(*call):
        try:
            write(*call)
        except OSError as error:
            failed.append(error)
            raise

    monkeypatch.setattr(Storage, "write", watched)
    with carried(run, pytest.fail):
        (place / "ledger").rename(tmp_path / "away")
        (place / "ledger").write_text("in the way")
        note(run, "two")
        while len(failed) < 3:
            pass
        (place / "ledger").unlink()
        (tmp_path / "away").rename(place / "ledger")
        note(run, "three")
    with run_at(place.as_uri()) as again:
        assert texts(again) == ["one", "two", "three"]


def test_a_storage_that_stays_away_ends_the_search_and_keeps_what_is_new(place, monkeypatch):
    monkeypatch.setattr("search.remote.ledger_upload.BATCH_SECONDS", 0.01)
    monkeypatch.setattr("trainables.cache.patience.SECONDS", 0.1)
    run = drive(place, "one")
    said: list[str] = []

    def broken_off():
        shutil.rmtree(place / "ledger")
        (place / "ledger").write_text("in the way")
        note(run, "two")
        while not said:
            pass

    with pytest.raises(RunStateError, match="kept in"), carried(run, said.append):
        broken_off()
    assert texts(run) == ["one", "two"]


def test_two_drivers_on_one_machine_are_kept_apart(place):
    drive(place, "one")
    with (
        run_at(place.as_uri(), drives=True),
        pytest.raises(RunStateError, match="Another process drives"),
        run_at(place.as_uri(), drives=True),
    ):
        pass


def test_two_drivers_cannot_share_it_until_one_is_gone(place):
    run = drive(place, "one")
    lock = place / "driver.json"
    lock.write_text(json.dumps({"by": "another host, process 1", "time": 9e9}))
    with pytest.raises(RunStateError, match="another host, process 1"), carried(run, pytest.fail):
        pass
    lock.write_text('{"by": "anoth')
    with pytest.raises(RunStateError, match="being written right now"), carried(run, pytest.fail):
        pass
    lock.write_text(json.dumps({"by": "another host, process 1", "time": 0}))
    with carried(run, pytest.fail):
        assert "another host" not in lock.read_text()


def test_a_run_that_went_on_elsewhere_meanwhile_is_not_written_over(place, monkeypatch, tmp_path):
    with monkeypatch.context() as patch:
        run = drive(place, "one")
        patch.setenv("THAWTUNE_CACHE", str(tmp_path / "elsewhere"))
        drive(place, "two, elsewhere")
    note(run, "two, here")
    with (
        pytest.raises(RunStateError, match="just been continued by another process"),
        carried(run, pytest.fail),
    ):
        pass
    assert not (place / "driver.json").exists()


def test_a_url_of_nothing_is_a_sentence():
    with pytest.raises(InputError, match="cannot be used as storage"), run_at("nothing://x/y"):
        pass
