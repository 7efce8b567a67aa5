"""A run at a URL: a working copy on this machine, and what is done to it carried there.

The ledger lies there as objects of some events each, named by where they begin, because objects
cannot be appended to; whoever drives the run carries them (`carrier`). Checkpoints are written
there by the workers, and are not copied.
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
"""Names there that are no copies of files of the same name."""


@contextmanager
def run_at(target: str | Path, drives: bool = False) -> Iterator[Run]:
    """The run in a folder, or a working copy of the one at a URL, carried back at the end.

    Args:
        target: A folder, or a URL that `pyarrow.fs` knows (s3://, gs://, file://).
        drives: Whether this process is to go on with it, in the working copy that stays on this
            machine from one driver to the next. Others have one for themselves, and carry back
            what they wrote beside the ledger.

    Raises:
        InputError: If there is nothing that could be a storage at the URL.
        RunStateError: If it cannot be read or written, or another process drives it from here.
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
            f"Another process drives the run in {url}. Wait for it, or stop it first."
        ) from error


@contextmanager
def _own_copy() -> Iterator[Path]:
    """A folder that goes, unless what was written in it could not be carried away."""
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
    """What is new in a working copy could not be written to where the run lies."""


class Mirror:
    """A run at a URL and its working copy.

    Attributes:
        run: The working copy.

    Args:
        storage: Where it lies.
        folder: Of the working copy.
    """

    def __init__(self, storage: Storage, folder: Path) -> None:
        self.run = Run(folder, remote=storage.url)
        self._storage = storage
        self._state: dict[Path, tuple[int, int]] = {}

    def pull(self) -> None:
        """Make the working copy what is there. Events that only it has stay in it.

        What never came there, or was deleted there, is no run.

        Raises:
            RunStateError: If it cannot be read.
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
        """Carry there what is new in the working copy, the ledger apart.

        Raises:
            NotCarriedError: If it cannot be written.
        """
        folder = self.run.folder
        try:
            for path in self._files():
                if self._state.get(path) != _state(path):
                    self._storage.write(path.relative_to(folder).as_posix(), path.read_bytes())
                    self._state[path] = _state(path)
        except OSError as error:
            raise NotCarriedError(
                f"{self._storage.url} cannot be written: {error}. What is new is kept in {folder}."
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
