"""A run at a URL: a working copy on this machine, and what is done to it carried there.

The ledger lies there as objects of some events each, named by where they begin, because objects
cannot be appended to. Checkpoints are written there by the workers, and are not copied.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any

from search.records.run import Run
from spaces.errors import InputError, RunStateError
from trainables.cache import address, cache_folder

BATCH_SECONDS = 1.0
"""Events are carried there so often: what is lost at the most with the machine of the driver."""

_STALE = 60.0
"""Seconds after which a driver that has not been heard of is taken to be gone."""

_LEDGER, _LOCK = "ledger", "driver.json"
_OWN = ("checkpoints", _LEDGER, _LOCK)
"""Names there that are no copies of files of the same name."""


@contextmanager
def run_at(target: str | Path) -> Iterator[Run]:
    """The run in a folder, or a working copy of the one at a URL, which is carried back at the end.

    Args:
        target: A folder, or a URL that `pyarrow.fs` knows (s3://, gs://, file://).

    Raises:
        InputError: If there is nothing that could be a storage at the URL.
        RunStateError: If it cannot be read or written.
    """
    if "://" not in str(target):
        yield Run(Path(target))
        return
    mirror = Mirror(str(target))
    mirror.pull()
    try:
        yield mirror.run
    finally:
        mirror.push()


class Mirror:
    """A run at a URL and its working copy.

    Attributes:
        run: The working copy.

    Args:
        url: Of the run.

    Raises:
        InputError: If there is nothing that could be a storage at the URL.
    """

    def __init__(self, url: str) -> None:
        from pyarrow import fs

        place, mark, query = url.partition("?")
        self._url = f"{place.rstrip('/')}{mark}{query}"
        self.run = Run(cache_folder() / "runs" / address(self._url), remote=self._url)
        self._state: dict[Path, tuple[int, int]] = {}
        self._carried = 0
        try:
            self._fs, self._path = fs.FileSystem.from_uri(self._url)
        except (OSError, ValueError) as error:
            raise InputError(f"{url} cannot be used as a storage: {error}") from error

    def pull(self) -> None:
        """Make the working copy what is there. Events that only it has stay in it.

        What never came there, or was deleted there, is no run.
        """
        with self._told("read"):
            if not self._length() and self.run.folder.is_dir():
                shutil.rmtree(self.run.folder)
            for name in self._names():
                path = self.run.folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(self._read(name))
            self._pull_ledger()
        self._state = {path: _state(path) for path in self._files()}

    def push(self) -> None:
        """Carry there what is new in the working copy."""
        with self._told("written"):
            self._carried = self._length()
            self.push_ledger()
            for path in self._files():
                if self._state.get(path) != _state(path):
                    name = path.relative_to(self.run.folder).as_posix()
                    self._write(name, path.read_bytes())
                    self._state[path] = _state(path)

    def push_ledger(self) -> None:
        """Carry there the events that are new."""
        if not self.run.ledger.is_file():
            return
        with self.run.ledger.open("rb") as file:
            file.seek(self._carried)
            content = file.read()
        whole = content[: content.rfind(b"\n") + 1]
        if whole:
            self._write(f"{_LEDGER}/{self._carried:015d}.jsonl", whole)
            self._carried += len(whole)

    def claim(self) -> None:
        """Let others know that this process drives the run.

        Raises:
            RunStateError: If another one does.
        """
        with self._told("read"):
            held = json.loads(self._read(_LOCK)) if self._is_there(_LOCK) else None
        mine = _me()
        if held and held["by"] != mine and time.time() - held["time"] < _STALE:
            raise RunStateError(
                f"Another process ({held['by']}) drives the run in {self._url}. Wait for it, or "
                f"stop it first; {_STALE:.0f} s after it was last heard of it counts as gone."
            )
        with self._told("written"):
            self._write(_LOCK, json.dumps({"by": mine, "time": time.time()}).encode())

    def begin(self) -> None:
        """Drive the run from here.

        Raises:
            RunStateError: If another process does, or has since the working copy was made.
        """
        self.claim()
        self._carried = self._length()
        if self._carried and self._carried > self.run.ledger.stat().st_size:
            raise RunStateError(f"{self._url} was gone on with elsewhere just now. Try again.")

    def release(self) -> None:
        """Let another process drive the run."""
        with self._told("written"):
            if self._is_there(_LOCK):
                self._fs.delete_file(self._at(_LOCK))

    def _pull_ledger(self) -> None:
        content = b"".join(self._read(f"{_LEDGER}/{info.base_name}") for info in self._segments())
        here = self.run.ledger.read_bytes() if self.run.ledger.is_file() else b""
        if content and not here.startswith(content):
            self.run.ledger.parent.mkdir(parents=True, exist_ok=True)
            self.run.ledger.write_bytes(content)

    def _segments(self) -> list[Any]:
        return sorted(self._listed(_LEDGER), key=lambda info: info.base_name)

    def _length(self) -> int:
        """Bytes of the ledger there."""
        segments = self._segments()
        return int(Path(segments[-1].base_name).stem) + segments[-1].size if segments else 0

    def _names(self) -> list[str]:
        listed = (Path(info.path).relative_to(self._path).as_posix() for info in self._listed(""))
        return [name for name in listed if name.split("/")[0] not in _OWN]

    def _files(self) -> list[Path]:
        folder = self.run.folder
        files = (path for path in sorted(folder.rglob("*")) if path.is_file())
        own = (*_OWN, self.run.ledger.name)
        relative = ((path, path.relative_to(folder).parts) for path in files)
        return [p for p, parts in relative if parts[0] not in own and not p.name.startswith(".")]

    def _listed(self, name: str) -> list[Any]:
        from pyarrow import fs

        at = self._at(name) if name else self._path
        selector = fs.FileSelector(at, recursive=True, allow_not_found=True)
        infos = self._fs.get_file_info(selector)
        return [info for info in infos if info.type == fs.FileType.File]

    def _is_there(self, name: str) -> bool:
        from pyarrow import fs

        return bool(self._fs.get_file_info(self._at(name)).type == fs.FileType.File)

    def _read(self, name: str) -> bytes:
        with self._fs.open_input_file(self._at(name)) as file:
            content: bytes = file.read()
        return content

    def _write(self, name: str, content: bytes) -> None:
        at = self._at(name)
        self._fs.create_dir(at.rsplit("/", 1)[0])
        with self._fs.open_output_stream(at) as file:
            file.write(content)

    def _at(self, name: str) -> str:
        return f"{self._path}/{name}"

    @contextmanager
    def _told(self, done: str) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise RunStateError(
                f"{self._url} cannot be {done}: {error}. What is new is kept in "
                f"{self.run.folder}, and carried there when you go on."
            ) from error


class Carrier:
    """Carries a driven run's events to its URL while it is driven, in a thread of its own.

    Args:
        run: A working copy, or a run without a URL: then nothing is done.
        failed: Called with a sentence when the storage cannot be written.
    """

    def __init__(self, run: Run, failed: Callable[[str], None]) -> None:
        self._mirror = None if run.remote is None else Mirror(run.remote)
        self._failed, self._over = failed, threading.Event()
        self._thread = threading.Thread(target=self._carry, daemon=True)

    def __enter__(self) -> Carrier:
        if self._mirror is not None:
            self._mirror.begin()
            self._mirror.push()  # the study above all: without it the events say little
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._mirror is None:
            return
        self._over.set()
        self._thread.join()
        self._mirror.push()
        self._mirror.release()

    def _carry(self) -> None:
        mirror: Any = self._mirror
        claimed = time.monotonic()
        while not self._over.wait(BATCH_SECONDS):
            try:
                mirror.push_ledger()
                if time.monotonic() - claimed > _STALE / 4:
                    mirror.claim()
                    claimed = time.monotonic()
            except (OSError, RunStateError) as error:
                self._failed(str(error))
                return


def _me() -> str:
    return f"{socket.gethostname()}, process {os.getpid()}"


def _state(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns
