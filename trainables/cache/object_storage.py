"""Object storage: reading and writing the files of a folder at s3://, gs://, abfs:// or file://."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote, urlsplit

from spaces.errors import InputError, RunStateError
from trainables.cache.storage_url import checked, options_of, scheme_of

_PARALLEL = 16
"""Files that are copied at the same time."""

_CLIENT = {"connect_timeout": "5s", "read_timeout": "20s", "timeout": "1h"}
_RETRIES = {"max_retries": 4, "retry_timeout": timedelta(seconds=20)}


class Storage:
    """A folder at a URL, whose files are named relative to it.

    A file appears when it is complete. Errors of the storage are raised as OSError, a missing file
    as FileNotFoundError.

    Attributes:
        url: The URL without a slash at the end of its path.

    Args:
        url: A URL as in `storage_url`.

    Raises:
        InputError: If the URL cannot be used as storage, or contains a key.
    """

    def __init__(self, url: str) -> None:
        from obstore.exceptions import BaseError
        from obstore.store import LocalStore

        self.url, self._prefix = checked(url), ""
        try:
            if scheme_of(self.url) == "file":
                # A prefix of the store itself would have to exist.
                self._prefix = unquote(urlsplit(self.url).path).strip("/") + "/"
                self._store: Any = LocalStore()
            else:
                self._store = _cloud(self.url)
        except (BaseError, ValueError) as error:
            raise InputError(
                f"{self.url} cannot be used as storage: {_first_line(error)}"
            ) from error

    def names(self, folder: str = "") -> list[str]:
        """Sorted names of all files in a folder and its subfolders."""
        import obstore

        with _as_os_errors():
            found = obstore.list(self._store, self._at(folder).rstrip("/") or None)
            paths = [meta["path"] for batch in found for meta in batch]
        # pyarrow keeps folders as empty objects, which are listed by the names of the folders.
        folders = {parent for path in paths for parent in map(str, PurePosixPath(path).parents)}
        names = (path[len(self._prefix) :] for path in paths if path not in folders)
        return sorted(filter(None, names))

    def __contains__(self, name: str) -> bool:
        """Whether the file exists."""
        import obstore

        with _as_os_errors():
            try:
                obstore.head(self._store, self._at(name))
            except FileNotFoundError:
                return False
        return True

    def read(self, name: str) -> bytes:
        """The content of a file."""
        import obstore

        with _as_os_errors():
            return bytes(obstore.get(self._store, self._at(name)).bytes())

    def read_all(self, names: Iterable[str]) -> list[bytes]:
        """The contents of files, read in parallel."""
        with ThreadPoolExecutor(_PARALLEL) as pool:
            return list(pool.map(self.read, names))

    def download(self, names: Iterable[str], folder: Path) -> None:
        """Copy files to a folder of this machine, in parallel and under the same names."""
        with ThreadPoolExecutor(_PARALLEL) as pool:
            list(pool.map(lambda name: self.download_file(name, folder / name), names))

    def download_file(self, name: str, path: Path) -> None:
        """Copy a file to this machine."""
        import obstore

        path.parent.mkdir(parents=True, exist_ok=True)
        with _as_os_errors(), path.open("wb") as file:
            for part in obstore.get(self._store, self._at(name)).stream():
                file.write(part)

    def write(self, name: str, content: bytes | Path) -> None:
        """Write a file, replacing it if it exists.

        Args:
            name: The file.
            content: The content, or a file of this machine that has it.
        """
        import obstore

        with _as_os_errors():
            obstore.put(self._store, self._at(name), content)

    def upload(self, names: Iterable[str], folder: Path) -> None:
        """Copy files of a folder of this machine, in parallel and under the same names."""
        with ThreadPoolExecutor(_PARALLEL) as pool:
            list(pool.map(lambda name: self.write(name, folder / name), names))

    def create(self, name: str, content: bytes) -> bool:
        """Write a file unless it exists; of several processes that try, one succeeds.

        Returns:
            Whether the file now has this content. An attempt whose answer was lost counts, so the
            content should differ from what others would write.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError

        with _as_os_errors():
            try:
                obstore.put(self._store, self._at(name), content, mode="create")
            except AlreadyExistsError:
                return self.read(name) == content
        return True

    def delete(self, names: Iterable[str]) -> None:
        """Delete the files that exist."""
        import obstore

        paths = [self._at(name) for name in names]
        with _as_os_errors():
            if not self._prefix:
                obstore.delete(self._store, paths)
                return
            for path in paths:
                Path("/", path).unlink(missing_ok=True)

    def for_ray(self, name: str) -> dict[str, Any]:
        """A subfolder, as keyword arguments of Ray's `RunConfig`."""
        from pyarrow import fs

        files, path = fs.FileSystem.from_uri(self.url)
        return {"storage_path": f"{path}/{name}", "storage_filesystem": files}

    def delete_of_ray(self, name: str) -> None:
        """Delete a subfolder that Ray has written to, and what stands for its folders."""
        from pyarrow import fs

        path, files = self.for_ray(name).values()
        if files.get_file_info(path).type != fs.FileType.NotFound:
            files.delete_dir(path)

    @contextmanager
    def told(self, done: str) -> Iterator[None]:
        """Turn an OSError inside the context into a RunStateError with a message.

        Args:
            done: What failed, as in "read" or "written to".

        Raises:
            RunStateError: Instead of an OSError.
        """
        try:
            yield
        except OSError as error:
            raise RunStateError(f"{self.url} cannot be {done}: {error}.") from error

    def _at(self, name: str) -> str:
        return f"{self._prefix}{name}"


def _cloud(url: str) -> Any:
    """The store of obstore for a URL of a cloud."""
    from obstore.store import from_url

    options, scheme = options_of(url), scheme_of(url)
    protocol = options.get("scheme", "https")
    client = _CLIENT | {"allow_http": protocol == "http"}
    given: dict[str, Any] = {"client_options": client, "retry_config": _RETRIES}
    if "endpoint_override" in options:
        key = "endpoint" if scheme == "s3" else "base_url"
        given[key] = f"{protocol}://{options['endpoint_override']}"
    if scheme == "s3":
        region = options.get("region") or _region(urlsplit(url).netloc, options)
        given |= _profile() | ({"region": region} if region else {})
    return from_url(url.partition("?")[0], **given)


def _region(bucket: str, options: dict[str, str]) -> str | None:
    """The region of a bucket on AWS, unless the environment has it."""
    if "endpoint_override" in options or {"AWS_REGION", "AWS_DEFAULT_REGION"} & os.environ.keys():
        return None
    from pyarrow import fs

    try:
        region: str = fs.resolve_s3_region(bucket)
    except OSError:
        return None  # whatever is wrong, the first request tells it
    return region


def _profile() -> dict[str, Any]:
    """Credentials from ~/.aws, which obstore itself does not read, if boto3 is installed."""
    files = Path("~/.aws/credentials").expanduser(), Path("~/.aws/config").expanduser()
    is_wanted = "AWS_PROFILE" in os.environ or any(file.is_file() for file in files)
    if "AWS_ACCESS_KEY_ID" in os.environ or not is_wanted:
        return {}
    try:
        from obstore.auth.boto3 import Boto3CredentialProvider
    except ImportError:
        return {}
    return {"credential_provider": Boto3CredentialProvider()}


@contextmanager
def _as_os_errors() -> Iterator[None]:
    from obstore.exceptions import BaseError

    try:
        yield
    except (BaseError, ValueError) as error:
        raise OSError(_first_line(error)) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().splitlines()[0].rstrip(".")
