"""Runs at file:// URLs: what their drivers do, in this process and in others."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import time
from pathlib import Path

from search.records import events
from search.records.ledger import Ledger, read_ledger
from search.records.run import Run
from search.remote.working_copy import run_at


def note(run: Run, *texts: str) -> None:
    """Append events to the ledger of a run."""
    with Ledger(run.ledger) as ledger:
        for text in texts:
            ledger.append(events.noted(text))


def texts(run: Run) -> list[str]:
    """What was noted in a run."""
    return [event["text"] for event in read_ledger(run.ledger)]


def drive(url: str, *noted: str) -> Run:
    """What a driver does: start or resume a run, write events and files."""
    with run_at(url, drives=True) as run:
        (run.folder / "model").mkdir(parents=True, exist_ok=True)
        run.study_file.write_text("name: any\n")
        note(run, *noted)
        (run.folder / "model" / "labels.json").write_text("[]")
    return run


def at(url: str) -> list[str]:
    """What was noted in the run at a URL."""
    with run_at(url) as run:
        return texts(run)


def digests(folder: Path) -> dict[str, str]:
    """Digest of each file in a folder."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
    }


def start(url: str, cache: Path, name: str, count: int, takeover: float) -> subprocess.Popen[str]:
    """A driver in a process of its own, which notes name-0, name-1, ... every 20 ms."""
    return subprocess.Popen(
        [sys.executable, __file__, url, name, str(count)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "THAWTUNE_CACHE": str(cache),
            "THAWTUNE_TAKEOVER_SECONDS": str(takeover),
            "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        },
    )


def _main(url: str, name: str, count: str) -> None:
    from search.remote import ledger_upload
    from spaces.errors import ThawtuneError

    ledger_upload.BATCH_SECONDS = 0.05
    try:
        with run_at(url, drives=True) as run:
            run.folder.mkdir(parents=True, exist_ok=True)
            run.study_file.write_text("name: any\n")
            for number in range(int(count)):
                note(run, f"{name}-{number}")
                time.sleep(0.02)
    except ThawtuneError as error:
        sys.exit(f"{error.exit_code}: {error}")


if __name__ == "__main__":
    _main(*sys.argv[1:])
