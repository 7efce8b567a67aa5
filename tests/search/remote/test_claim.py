"""The claim on a run at a URL, and the segments of its ledger, between several drivers."""

from __future__ import annotations

import json
import signal
import tempfile
import threading
import time

import pytest

from search.remote import claim as claims
from search.remote import segments
from search.remote.claim import ClaimLostError, claimed
from search.remote.roles import DRIVER, WRITER
from search.remote.segments import Position
from search.remote.working_copy import run_at
from spaces.errors import InputError, RunStateError
from tests.search.remote.driving import at, digests, drive, note, start
from trainables.cache.object_storage import Storage


def quiet(_: str) -> None:
    pass


@pytest.fixture
def storage(tmp_path, monkeypatch):
    monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("THAWTUNE_TAKEOVER_SECONDS", "1")
    return Storage((tmp_path / "storage").as_uri())


def content(storage, number):
    return json.loads(storage.read(DRIVER.name(number)))


def test_a_claim_that_moves_keeps_others_away(storage):
    with claimed(storage, "a", quiet):
        before = content(storage, 1)
        with pytest.raises(RunStateError, match="drives the run"), claimed(storage, "b", quiet):
            pass
        assert content(storage, 1)["beat"] > before["beat"]
        assert storage.names(DRIVER.folder) == [DRIVER.name(1)]


def test_a_claim_that_stands_still_is_taken_over_whatever_the_clocks_say(storage, monkeypatch):
    monkeypatch.setattr(claims, "_renew", lambda *_: None)
    began = time.monotonic()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    said: list[str] = []
    with claimed(storage, "a", quiet) as first, claimed(storage, "b", said.append) as second:
        assert time.monotonic() - began >= 1
        assert "for up to 1 s" in said[0]
        with pytest.raises(ClaimLostError, match="taken over"):
            first.renew()
        first.release(True)
        second.check()
        assert not content(storage, 2)["released"], "nobody touches another's claim"
        assert not content(storage, 1)["released"]


def test_one_that_is_released_or_of_the_same_working_copy_is_taken_at_once(storage):
    with claimed(storage, "a", quiet) as claim:
        pass
    began = time.monotonic()
    with claimed(storage, "a", pytest.fail) as claim:  # the first process was killed
        claim.release(True)
    with claimed(storage, "b", pytest.fail) as claim:
        claim.release(False)
    assert time.monotonic() - began < 1
    assert len(storage.names(DRIVER.folder)) == 2


def test_of_many_that_want_it_at_once_one_has_it(storage):
    held, refused, over = [], [], threading.Event()

    def want(copy):
        try:
            with claimed(storage, copy, quiet):
                held.append(copy)
                over.wait(10)
        except RunStateError:
            refused.append(copy)
            if len(refused) == 7:
                over.set()

    threads = [threading.Thread(target=want, args=(str(n),)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(held), len(refused)) == (1, 7)


@pytest.mark.parametrize("given", ["soon", "-1", "nan", "inf"])
def test_the_takeover_time_has_to_be_a_number(storage, monkeypatch, given):
    monkeypatch.setenv("THAWTUNE_TAKEOVER_SECONDS", given)
    with pytest.raises(InputError, match="positive number"), claimed(storage, "a", quiet):
        pass


def test_a_damaged_claim_is_a_sentence(storage):
    storage.write(DRIVER.name(1), b'{"by": "anoth')
    with pytest.raises(RunStateError, match="is damaged"), claimed(storage, "a", quiet):
        pass


def test_of_two_that_append_one_wins_even_if_both_believe_in_their_claim(storage, monkeypatch):
    monkeypatch.setattr(claims, "_renew", lambda *_: None)
    with claimed(storage, "a", quiet) as first, claimed(storage, "b", quiet) as second:
        monkeypatch.setattr(claims.Claim, "check", lambda _: None)
        end = segments.append(storage, first, Position(), b"one\n")
        with pytest.raises(ClaimLostError, match="just been continued"):
            segments.append(storage, second, Position(), b"two\n")
        segments.append(storage, second, end, b"three\n")
    assert segments.read_since(storage, Position())[0] == b"one\nthree\n"


def test_an_append_whose_answer_was_lost_is_not_repeated(storage):
    with claimed(storage, "a", quiet) as claim:
        segments.append(storage, claim, Position(), b"one\n")
        end = segments.append(storage, claim, Position(), b"one\ntwo\n")
        assert end == Position(1, 4), "what follows is for the next segment"
        segments.append(storage, claim, end, b"two\n")
    assert segments.read_since(storage, Position())[0] == b"one\ntwo\n"


def test_merged_segments_read_the_same_from_every_position(storage):
    lines = [b"%d\n" % number for number in range(30)]
    positions = [Position()]
    with claimed(storage, "a", quiet) as claim:
        for line in lines:
            positions.append(segments.append(storage, claim, positions[-1], line))

        def merge(first, last):
            content = b"".join(lines[first:last])
            segments.merge(storage, claim.token, positions[first], positions[last], content)

        expected = [(b"".join(lines[n:]), positions[-1]) for n in range(31)]
        counts = []
        for first, last in ((0, 10), (10, 20), (0, 20), (0, 30), (0, 30)):
            merge(first, last)
            counts.append(len(storage.names(segments.LEDGER)))
            assert [segments.read_since(storage, at) for at in positions] == expected
        assert counts == [21, 12, 11, 1, 1]
        assert segments.identity(storage) == claim.token


def test_what_a_merge_left_behind_or_a_late_driver_wrote_is_no_part_of_the_ledger(storage):
    with claimed(storage, "a", quiet) as claim:
        end = segments.append(storage, claim, Position(), b"one\n")
        end = segments.append(storage, claim, end, b"two\n")
        segments.merge(storage, claim.token, Position(), end, b"one\ntwo\n")
        segments.append(storage, claim, end, b"three\n")
        segments.append(storage, claim, Position(1, 4), b"late\n")
    assert segments.read_since(storage, Position())[0] == b"one\ntwo\nthree\n"


def test_a_missing_segment_is_a_sentence(storage, monkeypatch):
    monkeypatch.setattr(time, "sleep", lambda _: None)
    end = Position()
    with claimed(storage, "a", quiet) as claim:
        for _ in range(3):
            end = segments.append(storage, claim, end, b"any\n")
    storage.delete(["ledger/000000001.jsonl"])
    with pytest.raises(RunStateError, match="segments are missing"):
        segments.read_since(storage, Position())


def test_a_driver_that_is_refused_for_what_it_was_told_leaves_no_trace(storage, tmp_path):
    drive(storage.url, "one")
    before = digests(tmp_path)
    with pytest.raises(InputError), run_at(storage.url, drives=True):
        raise InputError("the study has changed")
    assert digests(tmp_path) == before


@pytest.mark.parametrize("cache", ["cache", "elsewhere"])
def test_a_driver_beside_another_is_refused_and_leaves_no_trace(
    storage, tmp_path, monkeypatch, cache
):
    drive(storage.url, "one")
    with run_at(storage.url, drives=True) as run:
        before = digests(tmp_path / "storage"), digests(run.folder)
        monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / cache))
        with pytest.raises(RunStateError, match="Another process"):
            drive(storage.url, "two")
        after = digests(tmp_path / "storage"), digests(run.folder)
        beating = DRIVER.name(2)
        assert before[0].pop(beating)
        assert after[0].pop(beating)
        assert after == before
        note(run, "three")
    assert at(storage.url) == ["one", "three"]


@pytest.mark.parametrize("cache", ["cache", "elsewhere"])
def test_one_process_writes_at_a_time_beside_a_driver(storage, tmp_path, monkeypatch, cache):
    drive(storage.url, "one")
    with run_at(storage.url, drives=True), run_at(storage.url, writes=True) as run:
        (run.folder / "test.json").write_text("{}")
        monkeypatch.setenv("THAWTUNE_CACHE", str(tmp_path / cache))
        with (
            pytest.raises(RunStateError, match="writes to the run"),
            run_at(storage.url, writes=True),
        ):
            pass
    assert storage.read("test.json") == b"{}"
    assert storage.names(WRITER.folder) == []


def test_what_a_writer_made_that_was_taken_over_is_kept_here(storage, tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    drive(storage.url, "one")

    def lose():
        with run_at(storage.url, writes=True) as run:
            (run.folder / "test.json").write_text("{}")
            storage.write(WRITER.name(2), b'{"by": "another", "token": "t", "copy": "c"}')

    with pytest.raises(RunStateError, match="another.* kept in"):
        lose()
    assert "test.json" not in storage
    [left] = tmp_path.glob("thawtune-*")
    assert (left / "run" / "test.json").read_text() == "{}"


@pytest.mark.timeout(60)
def test_a_driver_that_was_stopped_loses_the_run_to_another_and_no_event_is_lost(storage, tmp_path):
    first = start(storage.url, tmp_path / "first", "first", 10_000, 2)
    until = time.monotonic() + 20
    while not storage.names("ledger"):
        assert time.monotonic() < until
        time.sleep(0.01)
    time.sleep(1)
    first.send_signal(signal.SIGSTOP)
    before = at(storage.url)
    second = start(storage.url, tmp_path / "second", "second", 20, 2)
    said = second.communicate(timeout=30)
    assert second.returncode == 0, said
    first.send_signal(signal.SIGCONT)
    # The first one never looks at the claim itself: its next upload finds out.
    time.sleep(0.5)
    first.send_signal(signal.SIGINT)
    _, error = first.communicate(timeout=30)
    assert "4: Another process" in error
    assert "has taken over the run" in error
    after = at(storage.url)
    assert after[: len(before)] == before
    assert after[len(before) :] == [f"second-{number}" for number in range(20)]
