"""Working copies of runs at a URL: downloading a run, and uploading the files that changed.

The ledger at a URL consists of segments (`segments`), which only the run's driver uploads
(`ledger_upload`). Workers write checkpoints to the URL directly; they are not copied.
"""

from __future__ import annotations

import shutil
import tempfile
import uuid
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import Timeout

from search.records.run import Run, write_whole
from search.remote.claim import CLAIMS, Claim, ClaimLostError, claimed
from search.remote.ledger_upload import LedgerUpload
from search.remote.segments import LEDGER, Position, read_since
from spaces.errors import InputError, RunStateError
from trainables.cache.folder import address, cache_folder, writing
from trainables.cache.object_storage import Storage
from trainables.cache.patience import patiently
from trainables.cache.storage_url import is_url

FINETUNING = "finetuning"
_OWN = ("checkpoints", LEDGER, CLAIMS, FINETUNING)
"""Names at the URL that are not copies of files in the working copy."""


class NotCarriedError(RunStateError):
    """Changes in a working copy could not be uploaded."""


@contextmanager
def run_at(
    target: str | Path,
    drives: bool = False,
    reads: Collection[str] = (),
    replaces: Collection[str] = (),
    say: Callable[[str], None] = lambda _: None,
) -> Iterator[Run]:
    """The run in a folder, or a working copy of a run at a URL, which is uploaded at the end.

    Args:
        target: A folder, or a URL as in `trainables.cache.storage_url`.
        drives: Whether this process drives the run. It then holds the claim on the run before it
            reads anything, and its events are uploaded while it works. All drivers on this machine
            use the same working copy, which stays in the cache. Any other process gets a copy of
            its own, and uploads all files that it changes except the ledger.
        reads: Files in subfolders, and whole subfolders, that the command reads. Files of the run
            that are in no subfolder are there in any case.
        replaces: Subfolders that the command replaces: what it leaves out is deleted at the URL.
        say: Called with messages for the user.

    Raises:
        InputError: If the URL cannot be used as storage, or has files but no run.
        RunStateError: If the run cannot be read or written to, or another process drives it.
    """
    if not is_url(target):
        yield Run(Path(target))
        return
    storage = Storage(str(target))
    if drives:
        with _driven(storage, say) as run:
            yield run
        return
    with _own_copy() as folder:
        copy = _Copy(storage, Run(folder, storage.url))
        with storage.told("read"):
            copy.pull(reads)
        try:
            yield Run(folder, storage.url, copy)
        except BaseException:
            copy.push()
            raise
        copy.push()
        copy.delete_replaced(replaces)


@contextmanager
def _driven(storage: Storage, say: Callable[[str], None]) -> Iterator[Run]:
    """The working copy of a run that this process drives."""
    with (
        _driver_folder(storage.url) as (folder, copy_id),
        claimed(storage, copy_id, say) as claim,
    ):
        run = Run(folder, remote=storage.url)
        upload = LedgerUpload(run, storage, claim)
        try:
            with storage.told("read"):
                copy = _pulled(storage, run, upload, say)
            yield from _uploading(Run(folder, storage.url, upload), upload, copy)
        finally:
            _release(storage, claim, upload.is_used)


def _pulled(storage: Storage, run: Run, upload: LedgerUpload, say: Callable[[str], None]) -> _Copy:
    copy = _Copy(storage, run)
    needed = {path.name for path in (run.study_file, run.data, run.sets)}
    if upload.pull(say):
        copy.pull_files(lambda name: name in needed)
        return copy
    others = {name.split("/")[0] for name in storage.names()} - needed - {CLAIMS}
    if others:
        raise InputError(
            f"{storage.url} contains files, such as {min(others)}, but no run. Give another URL "
            "with --run."
        )
    if run.folder.is_dir():
        shutil.rmtree(run.folder)
    return _Copy(storage, run)


def _uploading(run: Run, upload: LedgerUpload, copy: _Copy) -> Iterator[Run]:
    upload.start()
    try:
        yield run
    except BaseException as error:
        try:
            upload.stop()
        except ClaimLostError as lost:
            raise lost from error
        if upload.is_used:
            copy.push()
        raise
    upload.stop()
    if upload.is_used:
        copy.push()


def _release(storage: Storage, claim: Claim, is_used: bool) -> None:
    with storage.told("written to"):
        claim.release(is_used)


@contextmanager
def _driver_folder(url: str) -> Iterator[tuple[Path, str]]:
    """The folder of the working copy, and an id that stands for the lock on it."""
    folder = cache_folder() / "runs" / address(url)
    folder.parent.mkdir(parents=True, exist_ok=True)
    try:
        with writing(folder).acquire(blocking=False):
            note = folder.with_name(f"{folder.name}.id")
            if not note.is_file():
                write_whole(note, uuid.uuid4().hex)
            yield folder, note.read_text()
    except Timeout as error:
        raise RunStateError(
            f"Another process drives the run in {url}. Wait until it ends, or stop it."
        ) from error


@contextmanager
def _own_copy() -> Iterator[Path]:
    """A temporary folder, which is kept if its changes could not be uploaded."""
    folder, is_done = Path(tempfile.mkdtemp(prefix="thawtune-")), True
    try:
        yield folder / "run"
    except NotCarriedError:
        is_done = False
        raise
    finally:
        if is_done:
            shutil.rmtree(folder)


class _Copy:
    """The files of a run at a URL, except its ledger, and those in a working copy.

    Args:
        storage: The storage that holds the run.
        run: The working copy.
    """

    def __init__(self, storage: Storage, run: Run) -> None:
        self.run, self._storage = run, storage
        self._state = self._now()

    def pull(self, reads: Collection[str]) -> None:
        """Download the ledger and the files that a command reads.

        Raises:
            RunStateError: If the ledger is damaged.
            OSError: If the storage cannot be read.
        """
        events, _ = read_since(self._storage, Position())
        folders = [f"{name}/" for name in reads]
        self.pull_files(
            lambda name: "/" not in name or name in reads or any(map(name.startswith, folders))
        )
        if events:
            self.run.folder.mkdir(parents=True, exist_ok=True)
            self.run.ledger.write_bytes(events)

    def pull_files(self, is_wanted: Callable[[str], bool]) -> None:
        """Download files.

        Args:
            is_wanted: Whether to download a file, by its name relative to the URL.

        Raises:
            OSError: If the storage cannot be read.
        """
        names = self._storage.names()
        copied = [name for name in names if name.split("/")[0] not in _OWN and is_wanted(name)]
        self._storage.download(copied, self.run.folder)
        self._state = self._now()

    def push(self) -> None:
        """Upload new and changed files of the working copy, except the ledger; delete those gone.

        Raises:
            NotCarriedError: If the storage cannot be written to.
        """
        folder, now = self.run.folder, self._now()
        changed = [path for path, state in now.items() if self._state.get(path) != state]
        gone = self._state.keys() - now.keys()
        uploads, deletes = (
            [path.relative_to(folder).as_posix() for path in paths] for paths in (changed, gone)
        )
        try:
            patiently(lambda: self._storage.upload(uploads, folder))
            patiently(lambda: self._storage.delete(deletes))
        except OSError as error:
            raise NotCarriedError(
                f"{self._storage.url} cannot be written to: {error}. The changes are kept in "
                f"{folder}."
            ) from error
        self._state = now

    def delete_replaced(self, folders: Collection[str]) -> None:
        """Delete what a command has left out of the subfolders that it has replaced.

        Raises:
            RunStateError: If the storage cannot be written to.
        """
        with self._storage.told("written to"):
            for folder in folders:
                if (self.run.folder / folder).is_dir():
                    names = self._storage.names(folder)
                    gone = [name for name in names if not (self.run.folder / name).exists()]
                    self._storage.delete(gone)

    def _now(self) -> dict[Path, tuple[int, int]]:
        """Size and time of all files of the working copy that belong at the URL."""
        folder, own = self.run.folder, (*_OWN, self.run.ledger.name)
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        return {
            path: (path.stat().st_size, path.stat().st_mtime_ns)
            for path in files
            if path.relative_to(folder).parts[0] not in own and not path.name.startswith(".")
        }
