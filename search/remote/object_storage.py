"""A folder at a URL, as what `pyarrow.fs` reads and writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from spaces.errors import InputError, RunStateError


class Storage:
    """A folder at a URL: its files by their names in it.

    Attributes:
        url: With no slash at the end of its path.

    Args:
        url: As `pyarrow.fs` knows it (s3://, gs://, file://).

    Raises:
        InputError: If there is nothing that could be a storage at the URL.
    """

    def __init__(self, url: str) -> None:
        from pyarrow import fs

        place, mark, query = url.partition("?")
        self.url = f"{place.rstrip('/')}{mark}{query}"
        try:
            self._fs, self._path = fs.FileSystem.from_uri(self.url)
        except (OSError, ValueError) as error:
            raise InputError(f"{url} cannot be used as a storage: {error}") from error

    def names(self, folder: str = "") -> list[str]:
        """Names of the files in a folder and below it, in order."""
        from pyarrow import fs

        at = self._at(folder) if folder else self._path
        selector = fs.FileSelector(at, recursive=True, allow_not_found=True)
        infos = self._fs.get_file_info(selector)
        paths = (info.path for info in infos if info.type == fs.FileType.File)
        return sorted(path[len(self._path) + 1 :] for path in paths)

    def __contains__(self, name: str) -> bool:
        """Whether there is such a file."""
        from pyarrow import fs

        return bool(self._fs.get_file_info(self._at(name)).type == fs.FileType.File)

    def read(self, name: str) -> bytes:
        """A file's content."""
        with self._fs.open_input_file(self._at(name)) as file:
            content: bytes = file.read()
        return content

    def write(self, name: str, content: bytes) -> None:
        """Write a file in place of what is there."""
        at = self._at(name)
        self._fs.create_dir(at.rsplit("/", 1)[0])
        with self._fs.open_output_stream(at) as file:
            file.write(content)

    def delete(self, name: str) -> None:
        """Remove a file, if there is one."""
        if name in self:
            self._fs.delete_file(self._at(name))

    def delete_folder(self, name: str) -> None:
        """Remove a folder and all in it, if there is one."""
        from pyarrow import fs

        if self._fs.get_file_info(self._at(name)).type != fs.FileType.NotFound:
            self._fs.delete_dir(self._at(name))

    def for_ray(self, name: str) -> dict[str, Any]:
        """A folder in it as Ray's `RunConfig` takes it."""
        return {"storage_path": self._at(name), "storage_filesystem": self._fs}

    @contextmanager
    def told(self, done: str) -> Iterator[None]:
        """Let what goes wrong within be a sentence: that it cannot be `done`.

        Raises:
            RunStateError: In place of an OSError.
        """
        try:
            yield
        except OSError as error:
            raise RunStateError(f"{self.url} cannot be {done}: {error}.") from error

    def _at(self, name: str) -> str:
        return f"{self._path}/{name}"
