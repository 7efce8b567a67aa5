"""A trial's checkpoints: one file of arrays an epoch, in a folder on this machine or at a URL."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, TypeVar

import numpy as np

from spaces.errors import RunStateError
from trainables.cache.patience import patiently

T = TypeVar("T")

State = Mapping[str, np.ndarray]

_NAME = re.compile(r"epoch_(\d+)\.npz")
_DAMAGE = (OSError, ValueError, zipfile.BadZipFile, EOFError, KeyError)


class Checkpoints:
    """The checkpoints of one trial. A storage at a URL may be away for a while.

    Args:
        folder: Absolute path, or a URL that `pyarrow.fs` knows (s3://, gs://).
    """

    def __init__(self, folder: str) -> None:
        from pyarrow import fs

        self.folder = folder
        self._fs, self._path = fs.FileSystem.from_uri(folder)
        self._is_local = isinstance(self._fs, fs.LocalFileSystem)

    def save(self, epoch: int, state: State) -> int:
        """Write the state after an epoch, whole or not at all; its size in bytes.

        Raises:
            OSError: If it cannot be written.
        """
        final = self._file(epoch)
        # An object appears when it is complete; a file is renamed when it is.
        temporary = f"{self._path}/.epoch_{epoch:05d}" if self._is_local else final

        def write() -> int:
            self._fs.create_dir(self._path)
            with self._fs.open_output_stream(temporary) as file:
                np.savez(file, allow_pickle=False, **state)
            if self._is_local:
                self._fs.move(temporary, final)
            return int(self._fs.get_file_info(final).size)

        return self._ask(write)

    @property
    def epochs(self) -> list[int]:
        """Epochs after which a state was saved, in order."""
        from pyarrow import fs

        selector = fs.FileSelector(self._path, allow_not_found=True)
        infos: list[Any] = self._ask(lambda: self._fs.get_file_info(selector))
        found = (_NAME.fullmatch(info.base_name) for info in infos)
        return sorted(int(name[1]) for name in found if name)

    @property
    def folders(self) -> set[str]:
        """Names of the folders within this one."""
        from pyarrow import fs

        selector = fs.FileSelector(self._path, allow_not_found=True)
        infos: list[Any] = self._ask(lambda: self._fs.get_file_info(selector))
        return {info.base_name for info in infos if info.type == fs.FileType.Directory}

    def load(self, epoch: int) -> dict[str, np.ndarray]:
        """Read the state after an epoch.

        Raises:
            RunStateError: If it is missing or damaged.
        """
        path = self._file(epoch)

        def read() -> dict[str, np.ndarray]:
            with self._fs.open_input_file(path) as file:
                arrays = np.load(file, allow_pickle=False)
                return {name: arrays[name] for name in arrays.files}

        try:
            return self._ask(read)
        except _DAMAGE as error:
            raise RunStateError(f"The checkpoint {path} cannot be read: {error}.") from error

    def newest(self, until: int | None = None) -> tuple[dict[str, np.ndarray] | None, list[str]]:
        """The newest state that is whole, and what is wrong with those that are newer.

        Args:
            until: An epoch; states after it do not count.

        Returns:
            The state, or None if there is none; sentences, newest checkpoint first.
        """
        damaged: list[str] = []
        for epoch in reversed(self.epochs):
            if until is None or epoch <= until:
                try:
                    return self.load(epoch), damaged
                except RunStateError as error:
                    damaged.append(str(error))
        return None, damaged

    def keep_newest(self, count: int) -> None:
        """Remove all but the newest ones."""
        self._remove(self.epochs[:-count])

    def remove_after(self, epoch: int) -> None:
        """Remove those of later epochs: they are trained again."""
        self._remove([later for later in self.epochs if later > epoch])

    def remove(self) -> None:
        """Remove all."""
        from pyarrow import fs

        def delete() -> None:
            if self._fs.get_file_info(self._path).type != fs.FileType.NotFound:
                self._fs.delete_dir(self._path)

        self._ask(delete)

    def _remove(self, epochs: list[int]) -> None:
        for epoch in epochs:
            self._ask(partial(self._fs.delete_file, self._file(epoch)))

    def _ask(self, call: Callable[[], T]) -> T:
        return call() if self._is_local else patiently(call)

    def _file(self, epoch: int) -> str:
        return f"{self._path}/epoch_{epoch:05d}.npz"
