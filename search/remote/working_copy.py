"""Working copies of runs at a URL: downloading a run, and uploading the files that changed.

Objects cannot be appended to, so the ledger at a URL consists of objects of a few events each,
named by their offset. Only the run's driver uploads them (`ledger_upload`). Workers write
checkpoints to the URL directly; they are not copied.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from search.records.run import Run
from search.remote.object_storage import Storage
from spaces.errors import RunStateError
from trainables.cache.folder import address, cache_folder, writing

LEDGER, LOCK, FINETUNING = "ledger", "driver.json", "finetuning"
_OWN = ("checkpoints", LEDGER, LOCK, FINETUNING)
"""Names at the URL that are not copies of files in the working copy."""


@contextmanager
def run_at(target: str | Path, drives: bool = False) -> Iterator[Run]:
    """The run in a folder, or a working copy of a run at a URL, which is uploaded at the end.

    Args:
        target: A folder, or a URL that `pyarrow.fs` understands (s3://, gs://, file://).
        drives: Whether this process drives the run. All drivers on this machine use the same
            working copy, which stays in the cache. Any other process gets a copy of its own, and
            uploads all files that it changes except the ledger.

    Raises:
        InputError: If the URL cannot be used as storage.
        RunStateError: If the run cannot be read or written to, or another process on this machine
            drives it.
    """
    if "://" not in str(target):
        yield Run(Path(target))
        return
    storage = Storage(str(target))
    with _driver_copy(storage.url) if drives else _own_copy() as folder:
        mirror = Mirror(storage, folder)
        mirror.pull()
        try:
            yield mirror.run
        finally:
            mirror.push()


@contextmanager
def _driver_copy(url: str) -> Iterator[Path]:
    folder = cache_folder() / "runs" / address(url)
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock: FileLock = writing(folder)
    try:
        with lock.acquire(blocking=False):
            yield folder
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


class NotCarriedError(RunStateError):
    """Changes in a working copy could not be uploaded."""


class Mirror:
    """A run at a URL and its working copy.

    Attributes:
        run: The working copy.

    Args:
        storage: The storage that holds the run.
        folder: The folder of the working copy.
    """

    def __init__(self, storage: Storage, folder: Path) -> None:
        self.run = Run(folder, remote=storage.url)
        self._storage = storage
        self._state: dict[Path, tuple[int, int]] = {}

    def pull(self) -> None:
        """Download the run. Events that only the working copy has are kept.

        If there is no ledger at the URL, there is no run, and the working copy is deleted.

        Raises:
            RunStateError: If the storage cannot be read.
        """
        storage, folder = self._storage, self.run.folder
        with storage.told("read"):
            names = storage.names()
            segments = [name for name in names if name.split("/")[0] == LEDGER]
            if not segments and folder.is_dir():
                shutil.rmtree(folder)
            for name in names:
                if name.split("/")[0] not in _OWN:
                    path = folder / name
                    path.parent.mkdir(parents=True, exist_ok=True)
                    path.write_bytes(storage.read(name))
            self._pull_ledger(segments)
        self._state = {path: _state(path) for path in self._files()}

    def push(self) -> None:
        """Upload new and changed files of the working copy, except the ledger.

        Raises:
            NotCarriedError: If the storage cannot be written to.
        """
        folder = self.run.folder
        try:
            for path in self._files():
                if self._state.get(path) != _state(path):
                    self._storage.write(path.relative_to(folder).as_posix(), path.read_bytes())
                    self._state[path] = _state(path)
        except OSError as error:
            raise NotCarriedError(
                f"{self._storage.url} cannot be written to: {error}. The changes are kept in "
                f"{folder}."
            ) from error

    def _pull_ledger(self, segments: list[str]) -> None:
        content = b"".join(map(self._storage.read, segments))
        here = self.run.ledger.read_bytes() if self.run.ledger.is_file() else b""
        if content and not here.startswith(content):
            self.run.ledger.parent.mkdir(parents=True, exist_ok=True)
            self.run.ledger.write_bytes(content)

    def _files(self) -> list[Path]:
        folder = self.run.folder
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        own = (*_OWN, self.run.ledger.name)
        relative = ((path, path.relative_to(folder).parts) for path in files)
        return [p for p, parts in relative if parts[0] not in own and not p.name.startswith(".")]


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
