"""Upload of the ledger of a run at a URL, and the lock that keeps other drivers away."""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from search.records.run import Run
from search.remote.object_storage import Storage
from search.remote.working_copy import LEDGER, LOCK
from spaces.errors import RunStateError
from trainables.cache.patience import patiently

BATCH_SECONDS = 1.0
"""Seconds between uploads: the most that is lost together with the driver's machine."""

_STALE = 60.0
"""Seconds without a sign of life after which a driver counts as gone."""


@contextmanager
def carried(run: Run, failed: Callable[[str], None]) -> Iterator[None]:
    """Upload the run's events to its URL in a background thread while the context is open.

    Args:
        run: A working copy. A run without a URL needs no upload, so nothing happens.
        failed: Called with a message if the storage cannot be written to.

    Raises:
        RunStateError: If another process drives the run, or the storage cannot be written to.
    """
    if run.remote is None:
        yield
        return
    ledger, over = _Ledger(run, Storage(run.remote)), threading.Event()
    ledger.begin()
    thread = threading.Thread(target=_carry, args=(ledger, over, failed), daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
        ledger.end()


def _carry(ledger: _Ledger, over: threading.Event, failed: Callable[[str], None]) -> None:
    claimed = time.monotonic()
    while not over.wait(BATCH_SECONDS):
        try:
            patiently(ledger.push)
            if time.monotonic() - claimed > _STALE / 4:
                patiently(ledger.claim)
                claimed = time.monotonic()
        except (OSError, RunStateError) as error:
            failed(str(error))
            return


class _Ledger:
    """The ledger of a working copy, and how much of it has been uploaded."""

    def __init__(self, run: Run, storage: Storage) -> None:
        self._run, self._storage = run, storage
        self._carried = 0

    def begin(self) -> None:
        """Start driving the run from this machine.

        Raises:
            RunStateError: If another process drives it, or did so since the working copy was made.
        """
        storage, ledger = self._storage, self._run.ledger
        with storage.told("read"):
            self.claim()
            last = max(storage.names(LEDGER), default=None)
            content = b"" if last is None else storage.read(last)
        first = 0 if last is None else int(Path(last).stem)
        if ledger.read_bytes()[first : first + len(content)] != content:
            self._release()
            raise RunStateError(
                f"The run in {storage.url} has just been continued by another process. Try again."
            )
        self._carried = first + len(content)
        with storage.told("written to"):
            # Without these the run could not be resumed, whatever its events are.
            for path in (self._run.study_file, self._run.data, self._run.sets):
                if path.is_file():
                    storage.write(path.name, path.read_bytes())
            self.push()

    def push(self) -> None:
        """Upload new events."""
        with self._run.ledger.open("rb") as file:
            file.seek(self._carried)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        if whole:
            self._storage.write(f"{LEDGER}/{self._carried:015d}.jsonl", whole)
            self._carried += len(whole)

    def claim(self) -> None:
        """Take the lock on the run, or renew it.

        Raises:
            RunStateError: If another process holds it.
        """
        storage, mine = self._storage, f"{socket.gethostname()}, process {os.getpid()}"
        held = self._held()
        if held and held["by"] != mine and time.time() - held["time"] < _STALE:
            raise RunStateError(
                f"Another process ({held['by']}) drives the run in {storage.url}. Wait until it "
                f"ends, or stop it. If it was killed, try again {_STALE:.0f} s later."
            )
        storage.write(LOCK, json.dumps({"by": mine, "time": time.time()}).encode())

    def _held(self) -> dict[str, Any] | None:
        if LOCK not in self._storage:
            return None
        try:
            held: dict[str, Any] = json.loads(self._storage.read(LOCK))
        except ValueError as error:
            raise RunStateError(
                f"{LOCK} in {self._storage.url} is damaged, or being written right now. Try "
                "again; if the error persists, delete that file."
            ) from error
        return held

    def end(self) -> None:
        """Upload the remaining events, and release the lock.

        Raises:
            RunStateError: If the storage cannot be written to.
        """
        try:
            patiently(self.push)
        except OSError as error:
            raise RunStateError(
                f"{self._storage.url} cannot be written to: {error}. The newest events are kept in "
                f"{self._run.folder}, and will be uploaded when you resume on this machine."
            ) from error
        self._release()

    def _release(self) -> None:
        with self._storage.told("written to"):
            self._storage.delete(LOCK)
