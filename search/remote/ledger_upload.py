"""Upload of the ledger of a run at a URL, in the background, while this process drives the run."""

from __future__ import annotations

import json
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import astuple
from pathlib import Path

from search.records.run import Run, write_whole
from search.remote import segments
from search.remote.claim import Claim, ClaimLostError
from search.remote.copied_files import CopiedFiles
from search.remote.segments import Position
from spaces.errors import RunStateError
from trainables.cache.folder import sync
from trainables.cache.object_storage import Storage
from trainables.cache.patience import patiently

BATCH_SECONDS = 1.0
"""Seconds between uploads: the most that is lost together with the driver's machine."""

_MERGED = 100
"""Segments that are merged into one."""


class LedgerUpload:
    """The ledger of a working copy, and how much of it has been uploaded.

    Attributes:
        is_used: Whether anything has been written to the URL.
        files: The other files of the working copy.

    Args:
        run: The working copy.
        storage: The run's storage.
        claim: The claim on the run.
    """

    def __init__(self, run: Run, storage: Storage, claim: Claim) -> None:
        self._run, self._storage, self._claim = run, storage, claim
        self._first_token = claim.token
        self._end, self._merged = Position(), Position()
        self._state: dict[Path, int] = {}
        self.is_used = False
        self.files: CopiedFiles | None = None
        self._failure: RunStateError | None = None
        self._failed: Callable[[str], None] | None = None
        self._over, self._pushing = threading.Event(), threading.Lock()
        self._waiting: deque[Callable[[], None]] = deque()
        self._thread = threading.Thread(target=self._carry, daemon=True)

    def pull(self, say: Callable[[str], None]) -> bool:
        """Bring the local ledger up to date.

        Events that only this machine has are kept if nothing has followed at the URL since.

        Args:
            say: Called with messages for the user.

        Returns:
            Whether there is a run at the URL.

        Raises:
            RunStateError: If the ledger there is damaged.
            OSError: If the storage cannot be read, or the working copy cannot be written.
        """
        token = segments.identity(self._storage)
        if token is None:
            return False
        at = self._known(token)
        events, self._end = segments.read_since(self._storage, at)
        self._first_token = token
        self._append(at.bytes, events, say)
        self._remember()
        return True

    def on_failure(self, failed: Callable[[str], None]) -> None:
        """Call a function with a message once nothing can be uploaded any more."""
        self._failed = failed
        if self._failure is not None:
            failed(str(self._failure))

    def start(self) -> None:
        """Begin to upload new events."""
        self._thread.start()

    def stop(self) -> None:
        """Upload the remaining events, and merge all segments into one.

        Raises:
            ClaimLostError: If another process has taken the run over.
            RunStateError: If the storage cannot be written to.
        """
        self._over.set()
        self._thread.join()
        if isinstance(self._failure, ClaimLostError):
            raise self._failure
        try:
            patiently(self.push)
            if self.is_used:
                patiently(lambda: self._merge(Position()))
        except OSError as error:
            raise RunStateError(
                f"{self._storage.url} cannot be written to: {error}. The newest events are kept in "
                f"{self._run.folder}, and will be uploaded when you resume on this machine."
            ) from error

    def push(self) -> None:
        """Upload new events, and first the files without which they are of no use.

        Then call what waits for them (`after`).

        Raises:
            ClaimLostError: If another process has taken the run over.
            OSError: If the storage cannot be written to.
        """
        with self._pushing:
            due = len(self._waiting)
            self._push()
            if due:
                self._claim.check()
            for _ in range(due):
                self._waiting[0]()
                self._waiting.popleft()

    def publish(self) -> None:
        """Upload all that has changed, events first.

        Raises:
            RunStateError: If another process has taken the run over, or the storage cannot be
                written to.
        """
        with self._storage.told("written to"):
            patiently(self.push)
        if self.files is not None:
            self.files.publish()

    def after(self, act: Callable[[], None]) -> None:
        """Call a function once all events so far are uploaded, and only if they can be.

        What is deleted because of an event is deleted like this: a driver that has lost the run
        without knowing it deletes nothing.
        """
        self._waiting.append(act)

    def _push(self) -> None:
        if not self._run.ledger.is_file():
            return
        with self._run.ledger.open("rb") as file:
            file.seek(self._end.bytes)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        if not whole:
            return
        self._claim.check()
        self.is_used = True
        for path in (self._run.study_file, self._run.data, self._run.sets):
            if path.is_file() and self._state.get(path) != path.stat().st_mtime_ns:
                changed = path.stat().st_mtime_ns
                self._storage.write(path.name, path.read_bytes())
                self._state[path] = changed
        self._end = segments.append(self._storage, self._claim, self._end, whole)
        self._remember()

    def _carry(self) -> None:
        while not self._over.wait(BATCH_SECONDS):
            try:
                patiently(self.push)
                if self.is_used and self._end.segments - self._merged.segments >= _MERGED:
                    patiently(lambda: self._merge(self._merged))
            except (OSError, RunStateError) as error:
                told = error if isinstance(error, RunStateError) else RunStateError(str(error))
                self._failure = told
                if self._failed is not None:
                    self._failed(str(told))
                return

    def _merge(self, start: Position) -> None:
        with self._run.ledger.open("rb") as file:
            file.seek(start.bytes)
            events = file.read(self._end.bytes - start.bytes)
        self._claim.check()
        token = self._claim.token if start.segments else self._first_token
        segments.merge(self._storage, token, start, self._end, events)
        self._merged = self._end

    @property
    def _note(self) -> Path:
        """How far the local ledger equals the one at the URL, and which run that is."""
        return self._run.folder / ".uploaded.json"

    def _known(self, token: str) -> Position:
        """The position up to which the local ledger is known to equal the one at the URL."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            at = Position(*note["at"])
            is_known = note["run"] == token and self._run.ledger.stat().st_size >= at.bytes
        except (OSError, ValueError, KeyError, TypeError):
            return Position()
        return at if is_known else Position()

    def _remember(self) -> None:
        note = {"run": self._first_token, "at": astuple(self._end)}
        write_whole(self._note, json.dumps(note))

    def _append(self, at: int, events: bytes, say: Callable[[str], None]) -> None:
        """Make what follows an offset of the local ledger begin with these events."""
        path = self._run.ledger
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a+b") as file:
            file.seek(at)
            here = file.read()
            here = here[: here.rfind(b"\n") + 1]
            if here.startswith(events):
                return
            if not events.startswith(here):
                aside, lines = path.with_name(f".ledger-only-here-{at}.jsonl"), here.splitlines()
                write_whole(aside, here)
                say(
                    f"The run in {self._storage.url} was continued elsewhere. {len(lines)} events "
                    f"that only this machine has are not part of it any more: {aside}."
                )
            file.truncate(at)
            file.write(events)
        sync(path)
