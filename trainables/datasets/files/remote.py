"""Datasets at a URL (s3://, gs://): copied into the cache, and brought up to date by name and time.

Every node has a copy of its own. Files that have not changed since, by size and time, are kept, so
that a folder that has grown costs what is new.
"""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path, PurePosixPath
from typing import Any

from spaces.errors import DataError
from trainables.cache.folder import address, cache_folder, explained, writing
from trainables.datasets.files.threads import in_threads

_URL = re.compile(r"(s3|gs|gcs|file):/+(?=[^/])")
_BLOCK = 8 * 2**20


def as_url(path: str | Path) -> str | None:
    """The URL that a path is; None if it is none. `Path` leaves only one of a URL's slashes."""
    text = str(path)
    match = _URL.match(text)
    if match is None:
        return None
    return f"{match[1]}://{'/' if match[1] == 'file' else ''}{text[match.end() :]}"


def local_copy(url: str) -> Path:
    """The copy of a folder or a file at a URL, with every file as it is there now.

    Args:
        url: A URL that `pyarrow.fs` understands.

    Raises:
        DataError: If it does not exist, cannot be read, or does not fit on the disk.
    """
    from pyarrow import fs

    target = cache_folder() / "copies" / address(url)
    try:
        system, base = fs.FileSystem.from_uri(url)
        files = _listed(system, base)
        if not files:
            raise DataError(f"There is nothing at {url}, expected a folder or a file of a dataset.")
        with explained(target):
            target.mkdir(parents=True, exist_ok=True)
            with writing(target):
                _bring_up_to_date(system, files, target, url)
    except (OSError, ValueError) as error:
        raise DataError(f"{url} cannot be read: {error}.") from error
    return target / next(iter(files)) if _is_file(system, base) else target


def _is_file(system: Any, base: str) -> bool:
    from pyarrow import fs

    return bool(system.get_file_info(base).type == fs.FileType.File)


def _listed(system: Any, base: str) -> dict[str, Any]:
    """Every file by its path relative to the URL; a single file by its name."""
    from pyarrow import fs

    if _is_file(system, base):
        return {PurePosixPath(base).name: system.get_file_info(base)}
    found = system.get_file_info(fs.FileSelector(base, recursive=True, allow_not_found=True))
    files = {
        info.path[len(base.rstrip("/")) + 1 :]: info
        for info in found
        if info.type == fs.FileType.File
    }
    if wrong := [name for name in files if ".." in PurePosixPath(name).parts]:
        raise DataError(f"The name {wrong[0]!r} leads out of the folder {base}.")
    return files


def _bring_up_to_date(system: Any, files: dict[str, Any], target: Path, url: str) -> None:
    for path in sorted(target.rglob("*")):
        if path.is_file() and path.relative_to(target).as_posix() not in files:
            path.unlink()
    wanted = [name for name, info in files.items() if not _is_here(target / name, info)]
    size, free = sum(files[name].size for name in wanted), shutil.disk_usage(target).free
    if size > free:
        raise DataError(
            f"{url} needs {size:,} more bytes in {target}, but only {free:,} are free: make room, "
            "or set THAWTUNE_CACHE to a folder on another disk."
        )

    def fetch(name: str) -> None:
        path, info = target / name, files[name]
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name(f".{path.name}.new")
        with system.open_input_stream(info.path) as source, new.open("wb") as file:
            shutil.copyfileobj(source, file, _BLOCK)
        os.utime(new, ns=(info.mtime_ns, info.mtime_ns))
        new.replace(path)

    for _ in in_threads(fetch, wanted):
        pass


def _is_here(path: Path, info: Any) -> bool:
    try:
        found = path.stat()
    except OSError:
        return False
    return found.st_size == info.size and found.st_mtime_ns == info.mtime_ns
