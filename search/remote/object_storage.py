"""Object storage: reading and writing the files of a folder at s3://, gs:// or file://."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from spaces.errors import InputError, RunStateError


class Storage:
    """A folder at a URL, whose files are named relative to it.

    Attributes:
        url: The URL without a slash at the end of its path.

    Args:
        url: A URL that `pyarrow.fs` understands (s3://, gs://, file://).

    Raises:
        InputError: If the URL cannot be used as storage.
    """

    def __init__(self, url: str) -> None:
        from pyarrow import fs

        place, mark, query = url.partition("?")
        self.url = f"{place.rstrip('/')}{mark}{query}"
        try:
            self._fs, self._path = fs.FileSystem.from_uri(self.url)
        except (OSError, ValueError) as error:
            raise InputError(
                f"{url} cannot be used as storage: {error}. Give a URL that pyarrow.fs "
                "understands, such as s3://bucket/run, or a folder."
            ) from error

    def names(self, folder: str = "") -> list[str]:
        """Sorted names of all files in a folder and its subfolders."""
        from pyarrow import fs

        at = self._at(folder) if folder else self._path
        selector = fs.FileSelector(at, recursive=True, allow_not_found=True)
        infos = self._fs.get_file_info(selector)
        paths = (info.path for info in infos if info.type == fs.FileType.File)
        return sorted(path[len(self._path) + 1 :] for path in paths)

    def __contains__(self, name: str) -> bool:
        """Whether the file exists."""
        from pyarrow import fs

        return bool(self._fs.get_file_info(self._at(name)).type == fs.FileType.File)

    def read(self, name: str) -> bytes:
        """The content of a file."""
        with self._fs.open_input_file(self._at(name)) as file:
            content: bytes = file.read()
        return content

    def write(self, name: str, content: bytes) -> None:
        """Write a file, replacing it if it exists."""
        at = self._at(name)
        self._fs.create_dir(at.rsplit("/", 1)[0])
        with self._fs.open_output_stream(at) as file:
            file.write(content)

    def delete(self, name: str) -> None:
        """Delete a file if it exists."""
        if name in self:
            self._fs.delete_file(self._at(name))

    def delete_folder(self, name: str) -> None:
        """Delete a folder and everything in it, if it exists."""
        from pyarrow import fs

        if self._fs.get_file_info(self._at(name)).type != fs.FileType.NotFound:
            self._fs.delete_dir(self._at(name))

    def for_ray(self, name: str) -> dict[str, Any]:
        """A subfolder, as keyword arguments of Ray's `RunConfig`."""
        return {"storage_path": self._at(name), "storage_filesystem": self._fs}

    @contextmanager
    def told(self, done: str) -> Iterator[None]:
        """Turn an OSError inside the context into a RunStateError with a message.

        Args:
            done: What failed, as in "cannot be read" or "cannot be written to".

        Raises:
            RunStateError: Instead of an OSError.
        """
        try:
            yield
        except OSError as error:
            raise RunStateError(f"{self.url} cannot be {done}: {error}.") from error

    def _at(self, name: str) -> str:
        return f"{self._path}/{name}"
