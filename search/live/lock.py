"""The lock of a run: one process at a time writes to it, and says who it is."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from filelock import Timeout

from search.records.run import Run, write_json
from spaces.errors import RunStateError, remedy
from trainables.cache.locks import file_lock


@dataclass(frozen=True)
class Holder:
    """The process that holds a run's lock, as it wrote it beside the lock.

    Attributes:
        host: Name of its machine.
        pid: Its process id there.
        command: What it does, such as "search".
        since: When it took the lock, in seconds since 1970.
    """

    host: str
    pid: int
    command: str
    since: float

    @property
    def is_here(self) -> bool:
        """Whether it runs, or ran, on this machine."""
        return self.host == socket.gethostname()

    @property
    def has_gone(self) -> bool:
        """Whether it was on this machine and exists no more."""
        if not self.is_here:
            return False
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False

    def __str__(self) -> str:
        return f"thawtune {self.command}, process {self.pid} on {self.host}"


def holder(run: Run) -> Holder | None:
    """The process that took the run's lock last and did not release it; it may be dead."""
    try:
        found = Holder(**json.loads(_note(run).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, RecursionError):
        return None
    return found if isinstance(found.pid, int) and found.pid > 0 else None


@contextmanager
def locked(run: Run) -> Iterator[None]:
    """Keep other processes from writing to a run; its folder must exist.

    Raises:
        RunStateError: If one writes to it, or its folder cannot be written to.
    """
    lock = file_lock(run.folder / ".lock")
    with writable(run):
        try:
            lock.acquire(blocking=False)
        except Timeout as error:
            raise RunStateError(_busy(run)) from error
    try:
        with writable(run):
            _sign(run)
        yield
    finally:
        with suppress(OSError):
            _note(run).unlink(missing_ok=True)
        lock.release()


@contextmanager
def locked_run(run: Run) -> Iterator[None]:
    """Keep other processes from writing to a folder that is a run; in another one nothing is made.

    Raises:
        RunStateError: If it is no run, one writes to it, or it cannot be written to.
    """
    run.study()
    with locked(run):
        yield


@contextmanager
def writable(run: Run) -> Iterator[None]:
    """Turn an operating system's error in writing to a run into one that says what to do.

    Raises:
        RunStateError: In place of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise RunStateError(
            f"{run.folder} cannot be written to: {error.strerror or error}. {remedy(error)}, then "
            f"continue with: {run.command('resume')}"
        ) from error


def _sign(run: Run) -> None:
    command = next((word for word in sys.argv[1:] if not word.startswith("-")), "process")
    this = Holder(socket.gethostname(), os.getpid(), command, time.time())
    write_json(_note(run), asdict(this))


def _note(run: Run) -> Path:
    return run.folder / ".driver.json"


def _busy(run: Run) -> str:
    by = holder(run)
    who = "Another process" if by is None else f"Another process ({by})"
    return (
        f"{who} drives the run in {run.place}. Wait until it ends, or stop it with: "
        f"{run.command('stop')}"
    )
