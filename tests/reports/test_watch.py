"""Tests for building the report again whenever the run has gone on."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from reports import build
from search.records import events
from search.records.ledger import Ledger
from search.records.run import Run
from spaces.errors import RunStateError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def waiting(runs, tmp_path) -> Run:
    """A run under way that has nothing to show yet."""
    shutil.copytree(runs["empty"].folder, tmp_path / "copy")
    return Run(tmp_path / "copy")


def sleeping_through(monkeypatch, *steps) -> None:
    """Instead of sleeping, do the next step; after the last one Ctrl-C is pressed."""
    left = [*steps]

    def sleep(seconds: float) -> None:
        assert seconds == 3
        if not left:
            raise KeyboardInterrupt
        left.pop(0)()

    monkeypatch.setattr(build.time, "sleep", sleep)


def test_it_builds_again_when_the_ledger_has_grown_and_not_otherwise(waiting, monkeypatch) -> None:
    page, said, seen = waiting.report / "index.html", [], []

    def look() -> None:
        seen.append(page.read_text(encoding="utf-8"))

    def grow() -> None:
        with Ledger(waiting.ledger) as ledger:
            ledger.append(events.driver_stopped("out of coffee"))

    sleeping_through(monkeypatch, look, grow, look)
    build.watch_report(waiting, 3, said.append)
    assert len(said) == 2
    assert all('http-equiv="refresh" content="3"' in text for text in seen)
    assert "out of coffee" not in seen[0]
    assert "out of coffee" in seen[1]
    assert "refresh" not in page.read_text(encoding="utf-8"), "nobody watches any more"


def test_a_file_that_is_wrong_for_a_moment_ends_nothing(waiting, monkeypatch) -> None:
    said: list[str] = []
    sleeping_through(
        monkeypatch,
        lambda: waiting.data.write_text("{"),
        lambda: waiting.data.unlink(),
    )
    build.watch_report(waiting, 3, said.append)
    assert [text.partition(":")[0] for text in said] == ["report", "not built", "report"]
    assert "data.json" in said[1]


def test_a_folder_without_a_run_is_refused_at_once(tmp_path) -> None:
    with pytest.raises(RunStateError):
        build.watch_report(Run(tmp_path), 3, print)


def test_ctrl_c_ends_the_command_without_a_word_about_it(waiting) -> None:
    command = [sys.executable, "-m", "search", "report", str(waiting.folder), "--watch", "600"]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert "Ctrl-C ends watching" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate()
    assert process.returncode == 0
    assert (rest, errors) == ("", "")
