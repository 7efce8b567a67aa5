"""Working copies of runs at a URL: what is written there, what comes back, and what is copied."""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from pathlib import Path

import pytest

from search.records.run import Run
from search.remote.copied_files import NotCarriedError
from search.remote.working_copy import run_at
from spaces.errors import InputError, RunStateError
from tests.search.remote.driving import at, digests, drive, note, texts
from trainables.cache.object_storage import Storage


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder that stands for a storage; another cache is another machine."""
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / "storage" / "run"


@pytest.fixture
def url(place):
    return place.as_uri()


@pytest.fixture
def elsewhere(monkeypatch, tmp_path):
    """Makes the rest of the test run on another machine."""
    return lambda: monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "elsewhere"))


@pytest.fixture
def fast(monkeypatch):
    """Uploads often, and does not wait long for a storage that is away."""
    monkeypatch.setattr("search.remote.ledger_upload.BATCH_SECONDS", 0.01)
    monkeypatch.setattr("trainables.cache.patience._PAUSE", 0.01)


def wait_for(holds, seconds=20):
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_path_is_a_run_as_it_is(tmp_path):
    with run_at(tmp_path / "run") as run:
        assert (run.folder, run.remote) == (tmp_path / "run", None)


def test_another_machine_finds_what_was_written(place, url, elsewhere):
    drive(url, "one", "two")
    elsewhere()
    with run_at(url, reads=["model"]) as run:
        assert texts(run) == ["one", "two"]
        assert (run.folder / "model" / "labels.json").read_text() == "[]"
    drive(url, "three")
    assert [path.name for path in (place / "ledger").iterdir()] == ["000000000-000000001.jsonl"]
    assert not (place / "ledger.jsonl").exists()
    assert at(url) == ["one", "two", "three"]


def test_only_what_changed_is_carried(place, url):
    drive(url, "one")
    copied = place / "study.yaml"
    before = copied.stat().st_mtime_ns
    with run_at(url) as run:
        (run.folder / "data.json").write_text("{}")
    assert copied.stat().st_mtime_ns == before
    assert (place / "data.json").read_text() == "{}"


def test_what_a_command_does_not_read_is_not_copied(place, url):
    drive(url, "one")
    for name in ("model/model.keras", "model/big.onnx", "report/index.html", "checkpoints/1/a.npz"):
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_text("any")
    with run_at(url, reads=["model/model.keras"]) as run:
        assert set(digests(run.folder)) == {"ledger.jsonl", "study.yaml", "model/model.keras"}
    with run_at(url, drives=True) as run:
        shutil.rmtree(run.folder / "model")
        assert "model/model.keras" not in digests(run.folder)


def test_what_a_command_deletes_or_leaves_out_is_deleted_there(place, url):
    drive(url, "one")
    (place / "report").mkdir()
    (place / "report" / "old.svg").write_text("<svg/>")
    (place / "opening.json").write_text("{}")
    with run_at(url, replaces=["report"]) as run:
        (run.folder / "opening.json").unlink()
        (run.folder / "report").mkdir()
        (run.folder / "report" / "new.svg").write_text("<svg/>")
    assert not (place / "opening.json").exists()
    assert [path.name for path in (place / "report").iterdir()] == ["new.svg"]


def test_a_reader_publishes_before_it_goes_on(place, url):
    drive(url, "one")
    with run_at(url) as run:
        run.opening.write_text("{}")
        run.publish()
        assert (place / "opening.json").read_text() == "{}"


def test_a_driver_publishes_all_that_it_has_written(place, url):
    with run_at(url, drives=True) as run:
        run.folder.mkdir(parents=True)
        note(run, "one")
        run.opening.write_text("{}")
        run.publish()
        assert (place / "opening.json").read_text() == "{}"
        assert at(url) == ["one"]


def test_a_reader_beside_the_driver_has_a_copy_of_its_own_and_leaves_nothing(place, url, tmp_path):
    drive(url, "one")
    with run_at(url, drives=True) as driven:
        note(driven, "two")
        with run_at(url) as read:
            assert read.folder != driven.folder
            note(read, "of no driver")
            (read.folder / "data.json").write_text("{}")
        assert texts(driven) == ["one", "two"]
    assert at(url) == ["one", "two"]
    assert (place / "data.json").exists()
    assert not list(tmp_path.glob("thawtune-*"))


def test_what_a_reader_could_not_carry_away_stays(url, monkeypatch, tmp_path):
    drive(url, "one")

    def fail(*_):
        raise OSError("no route")

    monkeypatch.setattr(Storage, "write", fail)
    monkeypatch.setattr("trainables.cache.patience.SECONDS", 0.0)
    with pytest.raises(NotCarriedError, match="no route"), run_at(url) as run:
        (run.folder / "data.json").write_text("{}")
    [left] = tmp_path.glob("thawtune-*")
    assert (left / "run" / "data.json").read_text() == "{}"


def test_events_that_were_not_carried_any_more_are_not_lost(url):
    run = drive(url, "one")
    note(run, "only here")
    drive(url, "three")
    shutil.rmtree(run.folder)
    assert at(url) == ["one", "only here", "three"]


def test_events_that_nobody_else_has_are_kept_aside_if_the_run_went_on_elsewhere(
    url, monkeypatch, elsewhere
):
    run = drive(url, "one")
    note(run, "only here")
    with monkeypatch.context():
        elsewhere()
        drive(url, "two, elsewhere")
        monkeypatch.setenv("THAWTUNE_CACHE", str(run.folder.parents[1]))
    said: list[str] = []
    with run_at(url, drives=True, say=said.append) as again:
        assert texts(again) == ["one", "two, elsewhere"]
        [aside] = again.folder.glob(".ledger-only-here-*")
    assert "only here" in aside.read_text()
    assert "1 events that only this machine has" in said[0]
    assert at(url) == ["one", "two, elsewhere"]


def test_a_driver_reads_from_the_local_length_on(url, monkeypatch):
    drive(url, "one")
    read: list[str] = []
    original = Storage.read_all

    def watched(self, names):
        names = list(names)
        read.extend(names)
        return original(self, names)

    monkeypatch.setattr(Storage, "read_all", watched)
    drive(url, "two")
    assert read == []
    at(url)
    assert len(read) == 1


def test_a_run_that_was_replaced_at_the_same_url_is_read_anew(place, url, elsewhere, monkeypatch):
    here = drive(url, "one", "two")
    shutil.rmtree(place)
    elsewhere()
    drive(url, "three", "four", "five")
    monkeypatch.setenv("THAWTUNE_CACHE", str(here.folder.parents[1]))
    with run_at(url, drives=True) as run:
        assert texts(run) == ["three", "four", "five"]


def test_what_was_deleted_there_is_no_run_any_more(place, url):
    drive(url, "one")
    shutil.rmtree(place)
    with run_at(url, drives=True) as run:
        assert not run.folder.exists()
    assert not place.exists() or digests(place) == {}


def test_files_that_are_no_run_are_left_alone(place, url):
    place.mkdir(parents=True)
    (place / "holiday.jpg").write_text("any")
    before = digests(place)
    with pytest.raises(InputError, match=r"such as holiday\.jpg, but no run"):
        drive(url, "one")
    assert digests(place) == before


def test_what_going_on_needs_is_there_from_the_beginning(place, url, fast):
    with run_at(url, drives=True) as run:
        run.folder.mkdir(parents=True)
        run.study_file.write_text("name: any\n")
        run.data.write_text("{}")
        note(run, "one")
        wait_for((place / "ledger").is_dir)
        assert {path.name for path in place.iterdir()} == {
            *("study.yaml", "data.json", "ledger", "driver"),
        }


def test_events_are_carried_while_the_run_is_driven(url, fast):
    drive(url, "one")
    with run_at(url, drives=True) as run:
        note(run, "two")
        wait_for(lambda: at(url) == ["one", "two"])


def test_segments_are_merged_while_the_run_is_driven(place, url, fast, monkeypatch):
    monkeypatch.setattr("search.remote.ledger_upload._MERGED", 4)
    with run_at(url, drives=True) as run:
        run.folder.mkdir(parents=True)
        for number in range(20):
            note(run, str(number))
            wait_for(lambda: list((place / "ledger").glob("*.jsonl")))
            wait_for(lambda n=number: at(url) == [str(k) for k in range(n + 1)])
        assert len(list((place / "ledger").iterdir())) <= 20 / 4 + 4
    assert at(url) == [str(number) for number in range(20)]
    assert len(list((place / "ledger").iterdir())) == 1


def test_what_follows_from_events_happens_after_their_upload_or_never(place, url, elsewhere):
    done: list[list[str]] = []
    with run_at(url, drives=True) as run:
        run.folder.mkdir(parents=True)
        note(run, "one")
        run.upload.after(lambda: done.append(at(url)))
    assert done == [["one"]]

    def lose():
        with run_at(url, drives=True) as run:
            run.upload.after(lambda: done.append(at(url)))
            other = json.dumps({"by": "another", "token": "t", "copy": "c"})
            (place / "driver" / "000003.json").write_text(other)
            note(run, "two")

    with pytest.raises(RunStateError, match="another"):
        lose()
    assert done == [["one"]]
    assert at(url) == ["one"]


@pytest.mark.timeout(30)
def test_a_storage_that_is_away_for_a_while_loses_nothing(place, url, fast, monkeypatch, tmp_path):
    drive(url, "one")
    failed, create = [], Storage.create

    def watched(*call):
        try:
            return create(*call)
        except OSError as error:
            failed.append(error)
            raise

    monkeypatch.setattr(Storage, "create", watched)
    with run_at(url, drives=True) as run:
        (place / "ledger").rename(tmp_path / "away")
        (place / "ledger").write_text("in the way")
        note(run, "two")
        wait_for(lambda: len(failed) >= 3)
        (place / "ledger").unlink()
        (tmp_path / "away").rename(place / "ledger")
        note(run, "three")
    assert at(url) == ["one", "two", "three"]


def test_a_storage_that_stays_away_ends_the_search_and_keeps_what_is_new(
    place, url, fast, monkeypatch
):
    monkeypatch.setattr("trainables.cache.patience.SECONDS", 0.1)
    drive(url, "one")
    said: list[str] = []

    def broken_off():
        with run_at(url, drives=True) as run:
            run.upload.on_failure(said.append)
            shutil.rmtree(place / "ledger")
            (place / "ledger").write_text("in the way")
            note(run, "two")
            wait_for(lambda: said)

    with pytest.raises(RunStateError, match="kept in") as caught:
        broken_off()
    folder = str(caught.value).partition("kept in ")[2].split(",")[0]
    assert texts(Run(Path(folder))) == ["one", "two"]


@pytest.mark.parametrize(
    "url",
    [
        "s3://AKIAEXAMPLE:hush@bucket/run",
        "s3://AKIAEXAMPLE@bucket/run",
        "s3://bucket/run?secret_key=hush",
        "gs://bucket/run?access_token=hush",
        "abfs://account:hush@container/run",
        "abfs://container@account.dfs.core.windows.net/run?account_key=hush",
    ],
)
def test_keys_in_urls_are_refused_and_not_repeated(url):
    with pytest.raises(InputError, match="Keys do not belong in URLs") as caught, run_at(url):
        pass
    assert "hush" not in str(caught.value)
    assert "AKIA" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("nothing://x/y", "cannot be used as storage"),
        ("s3:///run", "cannot be used as storage"),
        ("s3://bucket/run?endpoint=x", "option endpoint, which is unknown"),
        ("s3://bucket/run#part", "cannot be used as storage"),
    ],
)
def test_a_url_of_nothing_is_a_sentence(url, said):
    with pytest.raises(InputError, match=said), run_at(url):
        pass
