"""What a driver does for a run at a URL: its events carried there, and others kept away."""

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
"""Events are carried there so often: what is lost at the most with the machine of the driver."""

_STALE = 60.0
"""Seconds after which a driver that has not been heard of is taken to be gone."""


@contextmanager
def carried(run: Run, failed: Callable[[str], None]) -> Iterator[None]:
    """Within, a driven run's events are carried to its URL, by a thread of their own.

    Args:
        run: A working copy, or a run without a URL: then nothing is done.
        failed: Called with a sentence when the storage cannot be written.

    Raises:
        RunStateError: If another process drives the run, or it cannot be written.
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
    """The ledger of a working copy, and what there is of it at the URL."""

    def __init__(self, run: Run, storage: Storage) -> None:
        self._run, self._storage = run, storage
        self._carried = 0

    def begin(self) -> None:
        """Drive the run from here.

        Raises:
            RunStateError: If another process does, or has since the working copy was made.
        """
        storage, ledger = self._storage, self._run.ledger
        with storage.told("read"):
            self.claim()
            last = max(storage.names(LEDGER), default=None)
            content = b"" if last is None else storage.read(last)
        first = 0 if last is None else int(Path(last).stem)
        if ledger.read_bytes()[first : first + len(content)] != content:
            self._release()
            raise RunStateError(f"{storage.url} was gone on with elsewhere just now. Try again.")
        self._carried = first + len(content)
        with storage.told("written"):
            # Without these the run cannot be gone on with, whatever its events say.
            for path in (self._run.study_file, self._run.data, self._run.sets):
                if path.is_file():
                    storage.write(path.name, path.read_bytes())
            self.push()

    def push(self) -> None:
        """Carry there the events that are new."""
        with self._run.ledger.open("rb") as file:
            file.seek(self._carried)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        if whole:
            self._storage.write(f"{LEDGER}/{self._carried:015d}.jsonl", whole)
            self._carried += len(whole)

    def claim(self) -> None:
        """Let others know that this process drives the run.

        Raises:
            RunStateError: If another one does.
        """
        storage, mine = self._storage, f"{socket.gethostname()}, process {os.getpid()}"
        held = self._held()
        if held and held["by"] != mine and time.time() - held["time"] < _STALE:
            raise RunStateError(
                f"Another process ({held['by']}) drives the run in {storage.url}. Wait for it, or "
                f"stop it first; {_STALE:.0f} s after it was last heard of it counts as gone."
            )
        storage.write(LOCK, json.dumps({"by": mine, "time": time.time()}).encode())

    def _held(self) -> dict[str, Any] | None:
        if LOCK not in self._storage:
            return None
        try:
            held: dict[str, Any] = json.loads(self._storage.read(LOCK))
        except ValueError as error:
            raise RunStateError(
                f"{LOCK} in {self._storage.url} is damaged, or was being written just now. Try "
                "again; if it stays so, delete it."
            ) from error
        return held

    def end(self) -> None:
        """Carry there what is left, and let another process drive the run.

        Raises:
            RunStateError: If it cannot be written.
        """
        try:
            patiently(self.push)
        except OSError as error:
            raise RunStateError(
                f"{self._storage.url} cannot be written: {error}. What is new is kept in "
                f"{self._run.folder}, and carried there when you go on."
            ) from error
        self._release()

    def _release(self) -> None:
        with self._storage.told("written"):
            self._storage.delete(LOCK)
