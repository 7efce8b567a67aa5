"""One entry computed by several processes together: each share once, whoever is killed."""

from __future__ import annotations

import signal

import pytest

from tests.trainables.cache.writer import SHARES, SUM, WRITER, start

pytestmark = pytest.mark.usefixtures("folder")


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
